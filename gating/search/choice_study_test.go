package search

import (
	"context"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/graphmatch/random"
	"github.com/softmerge/softmerge/onnx"
)

// choice names the file that TestChoiceStudy records its table in:
//
//	go test ./gating/search -run TestChoiceStudy -timeout 4h -args -choice "$PWD/fixtures/choice.md"
//
// .ci/long does so in a folder of its own.
var (
	choiceFile   = flag.String("choice", "", "file to record the study of the choice in; empty skips it")
	choiceSplits = flag.Int("choice-splits", 4, "random splits of each case and number of samples")
	choiceCase   = flag.String("choice-case", "", "study one case alone")
	choiceFirst  = flag.Int("choice-first", 5000, "seed of the first split")
)

// studied are the merges that are studied. Files are of the fixtures; "~0.3" adds normal noise of 0.3 of a tensor's
// root mean square: a parent that is a worse copy of another.
var studied = []struct {
	name, what string
	parents    []string
}{
	{"mlp", "fine-tunes of one start", gatetest.FineTunes("mlp", 4)},
	{"mlp_matmul", "fine-tunes", gatetest.FineTunes("mlp_matmul", 4)},
	{"cnn", "fine-tunes, one useless", gatetest.FineTunes("cnn", 4)},
	{"cnn_bn", "fine-tunes, with normalisation", gatetest.FineTunes("cnn_bn", 3)},
	{"keras", "fine-tunes", gatetest.FineTunes("families/keras", 3)},
	{"sklearn", "fine-tunes", gatetest.FineTunes("families/sklearn", 3)},
	{"lstm", "fine-tunes", gatetest.FineTunes("families/lstm", 3)},
	{"start", "a fine-tune and its start", []string{"cnn/ft0.onnx", "cnn/start.onnx"}},
	{"inverted", "a fine-tune and a useless one", []string{"cnn/ft0.onnx", "cnn/ft3.onnx"}},
	{"broken", "one good, two broken", []string{"cnn_bn/ft0.onnx", "broken/random.onnx", "broken/scaled.onnx"}},
	{"seeds mlp", "narrow, of different starts", []string{"mlp/seed0.onnx", "mlp/seed1.onnx", "mlp/seed2.onnx"}},
	{"seeds cnn", "narrow, of different starts", []string{"cnn/seed0.onnx", "cnn/seed1.onnx", "cnn/seed2.onnx"}},
	{"strong", "one far better than the others", []string{"mlp/seed0.onnx", "mlp/ft0.onnx", "mlp/ft1.onnx"}},
	{"near", "copies that differ by noise", []string{"cnn/seed0.onnx", "cnn/seed0.onnx~0.02", "cnn/seed0.onnx~0.03"}},
	{"near mlp", "copies that differ by noise", []string{"mlp/ft0.onnx", "mlp/ft0.onnx~0.02", "mlp/ft0.onnx~0.03"}},
	{"noisy", "one good, two worse copies", []string{"cnn/seed0.onnx", "cnn/seed0.onnx~0.3", "cnn/seed0.onnx~0.4"}},
	{"noisy mlp", "one good, two worse copies", []string{"mlp/seed0.onnx", "mlp/seed0.onnx~0.3", "mlp/seed0.onnx~0.5"}},
}

// TestChoiceStudy records how often a merge of random samples of the fixtures is right: not worse than the best parent
// on all other samples where it writes a model, and not clearly better where it refuses.
func TestChoiceStudy(t *testing.T) {
	if *choiceFile == "" {
		t.Skip("no file to record in: a measurement, not a check")
	}
	var table strings.Builder
	all := map[string]*verdicts{}
	for _, c := range studied {
		if *choiceCase != "" && c.name != *choiceCase {
			continue
		}
		row := map[string]*verdicts{}
		s, pool := openStudied(t, c.parents)
		for _, n := range []int{50, 100, 200, 500} {
			for i := range *choiceSplits {
				for _, way := range []string{"folds", "share"} {
					v := judgeSplit(t, s, pool, n, uint64(*choiceFirst+i), way)
					for _, sum := range []map[string]*verdicts{row, all} {
						for _, key := range []string{way, fmt.Sprint(way, n)} {
							if n < 100 && key == way {
								continue // too few for a verdict: counted apart
							}
							if sum[key] == nil {
								sum[key] = &verdicts{}
							}
							sum[key].add(v)
						}
					}
				}
			}
		}
		v := row["folds"]
		fmt.Fprintf(&table, "| %s | %s | %d | %d | %d | %d |\n", c.name, c.what, v.splits, v.accepted, v.worse, v.missed)
		t.Logf("%s: %s", c.name, row["folds"].cells())
	}
	var sizes strings.Builder
	for _, way := range []string{"folds", "share"} {
		for _, n := range []int{50, 100, 200, 500} {
			fmt.Fprintf(&sizes, "| %s | %d | %s |\n", ways[way], n, all[fmt.Sprint(way, n)].cells())
		}
		fmt.Fprintf(&sizes, "| **%s** | 100 to 500 | %s |\n", ways[way], all[way].cells())
	}
	if err := os.WriteFile(*choiceFile, fmt.Appendf(nil, choiceText, sizes.String(), table.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	if v := all["folds"]; *choiceCase == "" && (50*v.worse > v.splits || 20*v.missed > v.splits) {
		t.Errorf("of %d splits %d are worse, want at most 2 %%; %d missed, want at most 5 %%", v.splits, v.worse, v.missed)
	}
}

// ways are how samples judge, in words.
var ways = map[string]string{"folds": "folds", "share": "a fifth held out"}

const choiceText = `# How often the choice is right

What a user gives are 50, 100, 200 or 500 random samples of val.npz and test.npz together, and a default merge learns,
judges and chooses on them; all the other 600 to 1050 samples, which nothing has seen, tell whether the choice was
right. Recorded by gating/search/choice_study_test.go, on splits that played no part in finding the rule.

*Worse*: a merge was written whose accuracy on the other samples is below that of the parent that is best there, be it
by one sample. *Missed*: nothing was written, though the best merge, learned on all that was given, is there better than
the best parent by two standard errors of the difference. In brackets the share of all splits in per cent, and between
what it lies with a confidence of 95 %%.

| judged by | samples | splits | merges written | worse | missed |
|---|---|---|---|---|---|
%s
By case, folds, 100 to 500 samples:

| case | parents | splits | merges written | worse | missed |
|---|---|---|---|---|---|
%s`

// openStudied opens the parents of a case, some with noise, and all samples that there are.
func openStudied(t *testing.T, names []string) (*graphmatch.Selection, *dataset.Data) {
	t.Helper()
	var models []*onnx.Model
	for i, name := range names {
		file, noise, _ := strings.Cut(name, "~")
		m := gatetest.Open(t, file)[0]
		if noise != "" {
			m = noisy(t, m, gatetest.Must(strconv.ParseFloat(noise, 64))(t), uint64(i))
		}
		models = append(models, m)
	}
	dir := gatetest.Path(t, filepath.Dir(names[0]))
	if !exists(filepath.Join(dir, "val.npz")) {
		dir = gatetest.Path(t)
	}
	paths := []string{filepath.Join(dir, "val.npz"), filepath.Join(dir, "test.npz")}
	pool := gatetest.Must(dataset.OpenAll(paths, dataset.Options{Inputs: gating.Fields(models[0])}))(t)
	return gatetest.Select(t, models), pool
}

// noisy adds normal noise to every tensor of a model.
func noisy(t *testing.T, m *onnx.Model, scale float64, seed uint64) *onnx.Model {
	t.Helper()
	noise := random.New(seed, 99)
	var edits []onnx.Edit
	for _, p := range m.Proto().GetGraph().GetInitializer() {
		x := m.Tensor(p)
		if !x.DataType().IsFloat() {
			continue
		}
		values := gatetest.Must(x.Doubles(nil))(t)
		squares := 0.0
		for _, v := range values {
			squares += v * v / float64(len(values))
		}
		for i := range values {
			values[i] += scale * math.Sqrt(squares) * noise.Normal()
		}
		edits = append(edits, onnx.SetValues(p, func() ([]float64, error) { return values, nil }))
	}
	return gatetest.Must(m.With(edits...))(t)
}

// judgeSplit merges with n random samples and holds the decision against all others.
func judgeSplit(t *testing.T, s *graphmatch.Selection, pool *dataset.Data, n int, seed uint64, way string) verdict {
	t.Helper()
	rows := random.New(seed, uint64(n)).Perm(pool.Len())
	o := Options{Anyway: true, Threads: 1, Learn: gating.LearnOptions{Seed: seed}}
	if way == "share" {
		o.Folds = 1
	}
	m := gatetest.Must(newSearch(t.Context(), s, pool.Select(rows[:n]), o))(t)
	defer m.learn.Close()
	for _, step := range []func(context.Context) error{m.scoreParents, m.alignUnits, m.judge} {
		if err := step(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	c := newChoice(m.learn.Objective().Metric, m.candidates)
	chosen := c.choose()
	v := verdict{accepted: chosen.Parent < 0}
	if best := c.best(func(i int) bool { return m.candidates[i].Parent < 0 }); !v.accepted && best >= 0 {
		chosen = &m.candidates[best]
	}
	if err := m.refit(t.Context(), chosen); err != nil {
		t.Fatal(err)
	}
	unseen := gatetest.Must(m.learn.On(pool.Select(rows[n:])))(t)
	got := gatetest.Must(unseen.Score(t.Context(), chosen.model))(t)
	best := gating.Score{Metric: math.Inf(-1)}
	for _, p := range m.units.Parents {
		if p := gatetest.Must(unseen.Score(t.Context(), p))(t); p.Metric > best.Metric {
			best = p
		}
	}
	r := resample([]gating.Score{got, best})
	d := compare(c.metric, got, best, r[0], r[1])
	v.worse, v.better = d.metric < 0, d.metric > 2*d.metricError && d.metric > 0
	c.explain(chosen)
	if v.accepted && v.worse || !v.accepted && v.better {
		t.Logf("%s, %d samples, %s: %s judged %.3f (loss %.3f of %.3f), chance %.3f; accuracy elsewhere %+.4f (error %.4f), "+
			"loss %+.4f (%.4f)", way, n, v.word(), chosen.Name, chosen.Score.Metric, chosen.Score.Loss,
			m.candidates[c.best(c.isParent)].Score.Loss, chosen.Chance, d.metric, d.metricError, -d.loss, d.lossError)
	}
	return v
}

// verdict is what one merge decided, and what was right.
type verdict struct{ accepted, worse, better bool }

// word is what was wrong with it.
func (v verdict) word() string {
	if v.accepted {
		return "worse"
	}
	return "missed"
}

// verdicts counts verdicts.
type verdicts struct{ splits, accepted, worse, missed int }

func (s *verdicts) add(v verdict) {
	s.splits++
	switch {
	case v.accepted:
		s.accepted++
		if v.worse {
			s.worse++
		}
	case v.better:
		s.missed++
	}
}

// cells are the columns of a table.
func (s *verdicts) cells() string {
	return fmt.Sprintf("%d | %d | %s | %s", s.splits, s.accepted, share(s.worse, s.splits), share(s.missed, s.splits))
}

// share is a count, its share in per cent, and between what bounds that share is with a confidence of 95 % (E. B.
// Wilson, Probable Inference, 1927).
func share(k, of int) string {
	n, p, z := float64(of), float64(k)/float64(of), 1.96
	mid, half := (p+z*z/(2*n))/(1+z*z/n), z*math.Sqrt(p*(1-p)/n+z*z/(4*n*n))/(1+z*z/n)
	return fmt.Sprintf("%d (%.1f; %.1f-%.1f)", k, 100*p, 100*max(0, mid-half), 100*(mid+half))
}
