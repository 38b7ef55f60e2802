package search

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/onnx"
)

// ablation names the file that TestAblation records its table in:
//
//	go test ./gating/search -run TestAblation -timeout 2h -args -ablation "$PWD/fixtures/ablation.md"
var (
	ablation      = flag.String("ablation", "", "file to record the ablation of trials in; empty skips it")
	ablationSeeds = flag.Int("ablation-seeds", 3, "seeds of each family")
)

// kind is a kind of trial that could be left out.
type kind struct {
	name string
	is   func(Trial) bool
}

var kinds = []kind{
	{"uniform", func(t Trial) bool { return t.Method == gating.Uniform }},
	{"greedy", func(t Trial) bool { return t.Method == gating.Greedy }},
	{"soft:layer", func(t Trial) bool { return t.Granularity == gating.ByLayer }},
	{"soft:channel", func(t Trial) bool { return t.Granularity == gating.ByChannel }},
	{"rounded", func(t Trial) bool { return t.Rounded }},
	{"recalibrated", func(t Trial) bool { return t.Recalibrated }},
	{"repaired average", func(t Trial) bool { return t.Method == gating.Uniform && t.Repaired }},
	{"combine sum", func(t Trial) bool { return t.Combine == gating.Sum }},
}

// outcome is what one merge says of one kind of trial.
type outcome struct {
	tried, chosen bool
	loss          float64 // test metric with the kind less that without it
}

// TestAblation records how often each kind of trial is chosen on the fixtures and what
// the choice would have been worth on test data without it.
func TestAblation(t *testing.T) {
	if *ablation == "" {
		t.Skip("no file to record in: a measurement, not a check")
	}
	table := map[string][]outcome{}
	for _, family := range ablationFamilies(t) {
		for seed := range *ablationSeeds {
			for name, o := range ablate(t, family, uint64(seed)) {
				table[name] = append(table[name], o)
			}
		}
		t.Logf("%s done", family.dir)
	}
	if err := os.WriteFile(*ablation, []byte(ablationTable(table)), 0o644); err != nil {
		t.Fatal(err)
	}
}

const ablationHead = `# Ablation of trials

Default merges of all fixture families, %d seeds each. Recorded by gating/search/ablation_test.go.
*Worth* is the mean test metric (in points) that the choice would lose without the kind, over the merges that try it;
*better* and *worse* count the merges whose test metric is higher or lower because of it.

| kind of trial | tried in | chosen in | worth | better | worse |
|---|---|---|---|---|---|
`

// ablationTable formats the outcomes.
func ablationTable(table map[string][]outcome) string {
	var b strings.Builder
	fmt.Fprintf(&b, ablationHead, *ablationSeeds)
	for _, k := range kinds {
		tried, chosen, better, worse, worth := 0, 0, 0, 0, 0.0
		for _, o := range table[k.name] {
			if !o.tried {
				continue
			}
			tried++
			worth += 100 * o.loss
			if o.chosen {
				chosen++
			}
			switch {
			case o.loss > 0:
				better++
			case o.loss < 0:
				worse++
			}
		}
		fmt.Fprintf(&b, "| %s | %d | %d | %+.2f | %d | %d |\n", k.name, tried, chosen, worth/float64(max(1, tried)),
			better, worse)
	}
	return b.String()
}

// ablationFamily is the parents of a merge and its data.
type ablationFamily struct{ dir, parents, val, test string }

// ablationFamilies lists the families of fine-tunes and of independent trainings.
func ablationFamilies(t *testing.T) []ablationFamily {
	root := filepath.Join("..", "..", "fixtures")
	var list []ablationFamily
	for _, pattern := range []string{"*/ft0.onnx", "families/*/ft0.onnx", "seeds/*/seed0.onnx"} {
		starts, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(starts) == 0 {
			t.Fatalf("no families %s: %v", pattern, err)
		}
		for _, start := range starts {
			f := ablationFamily{dir: filepath.Dir(start), val: filepath.Join(root, "val.npz"),
				test: filepath.Join(root, "test.npz")}
			f.parents = filepath.Join(f.dir, strings.TrimSuffix(filepath.Base(start), "0.onnx")+"*.onnx")
			if own := filepath.Join(f.dir, "val.npz"); exists(own) {
				f.val, f.test = own, filepath.Join(f.dir, "test.npz")
			}
			if !exists(filepath.Join(f.dir, "val")) { // folders of pictures
				list = append(list, f)
			}
		}
	}
	return list
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// ablate merges a family once and chooses again without each kind of trial.
func ablate(t *testing.T, f ablationFamily, seed uint64) map[string]outcome {
	t.Helper()
	paths, err := filepath.Glob(f.parents)
	if err != nil {
		t.Fatal(err)
	}
	var models []*onnx.Model
	for _, p := range paths {
		m := gatetest.Must(onnx.Open(p))(t)
		defer m.Close()
		models = append(models, m)
	}
	open := func(path string) *dataset.Data {
		return gatetest.Must(dataset.Open(path, dataset.Options{Inputs: gating.Fields(models[0])}))(t)
	}
	o := Options{Learn: gating.LearnOptions{Seed: seed}}
	r := gatetest.Must(Merge(t.Context(), gatetest.Select(t, models), open(f.val), o))(t)
	e := gatetest.Must(gating.NewEvaluator(open(f.test), r.Objective, gating.EvaluatorOptions{}))(t)
	defer e.Close()
	return outcomes(t, r, e)
}

// outcomes chooses without each kind of trial, and compares on the evaluator's data.
func outcomes(t *testing.T, r *Result, e *gating.Evaluator) map[string]outcome {
	t.Helper()
	judged := map[string]float64{}
	test := func(c *Candidate) float64 {
		if _, ok := judged[c.Name]; !ok {
			judged[c.Name] = gatetest.Must(e.Score(t.Context(), c.model))(t).Metric
		}
		return judged[c.Name]
	}
	out := map[string]outcome{}
	for _, k := range kinds {
		of := func(c Candidate) bool { return c.Trial != nil && k.is(*c.Trial) }
		without := newChoice(r.Objective.Metric, slices.DeleteFunc(slices.Clone(r.Candidates), of))
		out[k.name] = outcome{
			tried: slices.ContainsFunc(r.Candidates, of), chosen: of(*r.Chosen),
			loss: test(r.Chosen) - test(without.choose()),
		}
	}
	return out
}
