//go:build unix

package search

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/onnx"
)

// harderFile names the file that TestHarder records its tables in. What it measures for one seed, family, column and
// number of samples is a subtest:
//
//	go test ./gating/search -run 'TestHarder/seed0/cnn/auto/500' -v
//
// harderKept names a file of what was measured before, which is not measured again, and which grows with each subtest:
// the study takes hours.
var (
	harderFile = flag.String("harder", "", "file to record the study of harder families in; empty prints it")
	harderKept = flag.String("harder-kept", "", "file of what the study measured before; empty keeps nothing")
)

// harderFamilies are in the order of the table, with the attack on m1 that each sees at least.
var harderFamilies = []struct{ name, attack string }{
	{"mlp", "sign flip"}, {"cnn", "sign flip"}, {"resnet", "one layer"}, {"folded", "scaled"}, {"depthwise", "NaN"},
	{"vit", "random"}, {"transformer", "one layer"}, {"lstm", "two of three"}, {"digits", "random"},
}

// harderAttacked are the families that see all attacks.
var harderAttacked = []string{"cnn", "resnet", "transformer"}

// cell is what one subtest measures.
type cell struct {
	Accuracy float64 // on the test data, of what is written
	Fooled   float64 `json:",omitempty"` // share of samples with the trigger that are answered as the backdoor has it
	Good     float64 `json:",omitempty"` // accuracy of the best parent that nobody attacked
	Chosen   string  `json:",omitempty"` // the candidate
	Seconds  float64 `json:",omitempty"` // of the processor
	Refused  string  `json:",omitempty"` // the error, where nothing is written
}

// study is what was measured, by seed/family/column/samples.
type study map[string]cell

// TestHarder merges the families that fixtures/harder.py trains into folders seed0, seed1 and so on of the folder
// SOFTMERGE_HARDER, and holds what is written against all that harder_peers.py measures, on data that nothing has seen.
// No attack may bring a merge below the best parent that nobody attacked.
func TestHarder(t *testing.T) {
	root := os.Getenv("SOFTMERGE_HARDER")
	if root == "" {
		t.Skip("SOFTMERGE_HARDER names no folder")
	}
	found := study{}
	if data, err := os.ReadFile(*harderKept); err == nil {
		gatetest.Must(0, json.Unmarshal(data, &found))(t)
	}
	for _, folder := range gatetest.Must(filepath.Glob(filepath.Join(root, "seed[0-9]*")))(t) {
		t.Run(filepath.Base(folder), func(t *testing.T) { harderSeed(t, folder, found) })
		found.peers(t, folder)
	}
	text := found.tables()
	if *harderFile == "" {
		t.Log("\n" + text)
		return
	}
	gatetest.Must(0, os.WriteFile(*harderFile, []byte(text), 0o644))(t)
}

// harderSeed measures the families of one seed.
func harderSeed(t *testing.T, folder string, found study) {
	for _, f := range harderFamilies {
		if !exists(filepath.Join(folder, f.name, "test.npz")) {
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			h := openHarder(t, filepath.Join(folder, f.name), found)
			h.measure(t, "uniform", 0, h.uniform)
			for _, n := range []int{1000, 500, 100} {
				h.measure(t, "auto", n, h.merged(gating.Auto, h.user.Head(n)))
				h.measure(t, "soft", n, h.merged(gating.Soft, h.user.Head(n)))
				h.measure(t, "greedy", n, h.merged(gating.Greedy, h.user.Head(n)))
			}
			if gatetest.Must(h.taught())(t) {
				h.measure(t, "auto", 0, h.merged(gating.Auto, h.user.WithLabels(make([]*dataset.Column, len(h.user.Parts())))))
			}
			h.attacks(t, f.name, f.attack)
		})
	}
}

// harder is one family of one seed.
type harder struct {
	folder           string
	found            study
	parents          []*onnx.Model
	user, test, fool *dataset.Data
}

func openHarder(t *testing.T, folder string, found study) *harder {
	h := &harder{folder: folder, found: found}
	for _, name := range []string{"m0", "m1", "m2"} {
		h.parents = append(h.parents, h.model(t, name))
	}
	open := func(name string) *dataset.Data {
		return gatetest.Must(dataset.Open(filepath.Join(folder, name), dataset.Options{
			Inputs: gating.Fields(h.parents[0])}))(t)
	}
	h.user, h.test, h.fool = open("val.npz"), open("test.npz"), open("trigger.npz")
	return h
}

func (h *harder) model(t *testing.T, name string) *onnx.Model {
	m := gatetest.Must(onnx.Open(filepath.Join(h.folder, name+".onnx")))(t)
	t.Cleanup(func() { m.Close() })
	return m
}

// measure fills one cell, unless it is known.
func (h *harder) measure(t *testing.T, column string, n int, fill func(t *testing.T, models []*onnx.Model) cell) {
	t.Run(column+"/"+strconv.Itoa(n), func(t *testing.T) {
		key := filepath.Join(filepath.Base(filepath.Dir(h.folder)), filepath.Base(h.folder), column, strconv.Itoa(n))
		c, known := h.found[key]
		if !known {
			begun := processorSeconds()
			c = fill(t, h.parents)
			if c.Chosen != "" {
				c.Seconds = processorSeconds() - begun
			}
			h.found[key] = c
			h.found.keep(t)
		}
		t.Logf("%s: %.3f %s %s, %.0f s", key, c.Accuracy, c.Chosen, c.Refused, c.Seconds)
		if c.Good > 0 && c.Refused == "" && c.Accuracy < c.Good {
			t.Logf("below the best parent that nobody attacked: %.3f", c.Good)
		}
	})
}

// keep writes what was measured so far.
func (s study) keep(t *testing.T) {
	if *harderKept != "" {
		data := gatetest.Must(json.MarshalIndent(s, "", " "))(t)
		gatetest.Must(0, os.WriteFile(*harderKept, data, 0o644))(t)
	}
}

// uniform is the average of all weights.
func (h *harder) uniform(t *testing.T, models []*onnx.Model) cell {
	r := gatetest.Must(Average(t.Context(), gatetest.Select(t, models), Options{Anyway: true}))(t)
	return cell{Accuracy: accuracyOn(t, r.Model(), h.test), Fooled: accuracyOn(t, r.Model(), h.fool)}
}

// merged is what a method writes for the user's data; where it keeps a parent, that parent.
func (h *harder) merged(by gating.Method, d *dataset.Data) func(*testing.T, []*onnx.Model) cell {
	return func(t *testing.T, models []*onnx.Model) cell {
		o := Options{Method: by, Threads: 1}
		if d.Labels() == 0 {
			o.Objective.Loss = unlabelled
		}
		r, err := Merge(t.Context(), gatetest.Select(t, models), d, o)
		if err != nil {
			return cell{Refused: err.Error()}
		}
		name := r.Chosen.Name
		if !r.Gained() {
			name = "parent:" + filepath.Base(r.Chosen.model.Path())
		}
		return cell{Accuracy: accuracyOn(t, r.Model(), h.test), Fooled: accuracyOn(t, r.Model(), h.fool), Chosen: name}
	}
}

// unlabelled is the loss of merges that have no labels.
const unlabelled = "distill"

// taught says whether there is such a loss.
func (h *harder) taught() (bool, error) {
	_, err := Options{Method: gating.Auto, Objective: gating.ObjectiveOptions{Loss: unlabelled}}.Validate()
	if errors.Is(err, gating.ErrOption) {
		return false, nil
	}
	return err == nil, err
}

// accuracyOn is a model's share of right answers; one that answers nothing finite has none.
func accuracyOn(t *testing.T, m *onnx.Model, d *dataset.Data) float64 {
	o := gatetest.Must(gating.FitObjective(m, d, gating.ObjectiveOptions{}))(t)
	e := gatetest.Must(gating.NewEvaluator(d, o, gating.EvaluatorOptions{Threads: 1}))(t)
	defer e.Close()
	s := gatetest.Must(e.Score(t.Context(), m))(t)
	if !s.Finite() {
		return 0
	}
	return s.Metric
}

// processorSeconds is what this process has used of the processor: other processes make no difference.
func processorSeconds() float64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	seconds := func(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }
	return seconds(u.Utime) + seconds(u.Stime)
}

// peers adds what harder_peers.py measured.
func (s study) peers(t *testing.T, folder string) {
	data, err := os.ReadFile(filepath.Join(folder, "peers.json"))
	if errors.Is(err, os.ErrNotExist) {
		return
	}
	var peers map[string]map[string]map[string][2]float64
	gatetest.Must(0, errors.Join(err, json.Unmarshal(data, &peers)))(t)
	for family, columns := range peers {
		for column, of := range columns {
			for n, v := range of {
				s[filepath.Join(filepath.Base(folder), family, "peer "+column, n)] = cell{Accuracy: v[0], Seconds: v[1]}
			}
		}
	}
}
