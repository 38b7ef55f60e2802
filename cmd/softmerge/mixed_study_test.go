package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/onnx"
)

const mixedHeading = `
## Models mixed for every sample

Per cent of right answers on data that nothing saw, with no word on what a sample is. *each on its own* is what the
models do on the samples that they are for, which takes someone who knows; *best model* is the best of them on all
samples, and the *ensemble* the mean of the probabilities of all. ` + "`auto`" + ` is what softmerge merge without --method
writes. se is ` + "`--method se`" + ` with a data file for each model, *se, by losses* the same with no word on what samples are
for, and smear ` + "`--method smear`" + ` as well. The *four kinds* (fixtures/kinds.py) are images as they are, mirrored (with
classes in another order, so that no one model can be right on both), in negative and lying on their side. There one
model of all cannot do what they do, the ensemble asks three who do not know, and mixing by what the sample is comes
closest to the models. The other families have three domains that one model of all serves as well: se and smear are
hardly better there than what is learned as one model, if at all, and three times the work.

`

// mixedFamilies are those of which models are mixed for every sample.
func mixedFamilies() (list []taskFamily) {
	if trained := os.Getenv("SOFTMERGE_KINDS"); trained != "" {
		for _, name := range []string{"perceptron", "convolutional"} {
			f := taskFamily{name: "four kinds, " + name}
			for k := range 4 {
				f.models = append(f.models, filepath.Join(trained, name, fmt.Sprintf("k%d.onnx", k)))
				f.tests = append(f.tests, filepath.Join(trained, name, fmt.Sprintf("test%d.npz", k)))
				f.vals = append(f.vals, filepath.Join(trained, name, fmt.Sprintf("val%d.npz", k)))
			}
			list = append(list, f)
		}
	}
	for _, name := range []string{"mlp", "cnn", "resnet", "families/vit"} {
		f := taskFamily{name: filepath.Base(name), tests: []string{filepath.Join(fixtures(), "test.npz")},
			vals: []string{filepath.Join(fixtures(), "val.npz")}}
		for k := range 3 {
			f.models = append(f.models, filepath.Join(fixtures(), name, fmt.Sprintf("ft%d.onnx", k)))
		}
		list = append(list, f)
	}
	return list
}

// mixedTables are the tables of models that are mixed for every sample.
func mixedTables(t *testing.T) string {
	figures := "| family | each on its own | best model | ensemble | uniform | auto | se | se, by losses | smear |\n" +
		"|---|---|---|---|---|---|---|---|---|\n"
	sizes := "\n| family | models | one model | se | one model, batch 1 | se | one model, batch 64 | se |\n" +
		"|---|---|---|---|---|---|---|---|\n"
	for _, f := range mixedFamilies() {
		row, routed := f.mixedFigures(t)
		figures += row
		sizes += f.mixedSizes(t, routed)
	}
	return mixedHeading + figures + sizes
}

// learned merges the models on their data and returns the file.
func (f taskFamily) learned(t *testing.T, flags ...string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "merged.onnx")
	args := append([]string{"merge", "-q", "-o", out}, append(flags, f.models...)...)
	for _, v := range f.vals {
		args = append(args, "--data", v)
	}
	if got := command(args...); got.code != 0 {
		t.Fatalf("%v: %s", args, got.stderr)
	}
	return out
}

// mixedFigures is the row of a family's right answers, and the file that se makes.
func (f taskFamily) mixedFigures(t *testing.T) (row, file string) {
	t.Helper()
	own, best, several := "", 0.0, len(f.vals) == len(f.models)
	if several {
		sum := 0.0
		for k, m := range f.models {
			sum += *evaluated(t, f.tests[k], m)[0].Metric / float64(len(f.models))
		}
		own = fmt.Sprintf("%.1f", 100*sum)
	}
	for _, m := range f.models {
		best = max(best, f.right(t, m))
	}
	byLosses := f.learned(t, "--method", "se", "--group", "label")
	file, bySource := byLosses, ""
	if several {
		file = f.learned(t, "--method", "se")
		bySource = fmt.Sprintf("%.1f", f.right(t, file))
	}
	uniform, auto := f.right(t, f.by(t, "uniform")), f.right(t, f.learned(t))
	if several && f.right(t, file) <= max(best, uniform) {
		t.Errorf("%s: se has %.1f, the best model %.1f, uniform %.1f", f.name, f.right(t, file), best, uniform)
	}
	if os.Getenv("ORT_NODE_MODULES") != "" {
		for _, test := range f.tests {
			correct, samples, _ := onnxRuntime(t, file, test)
			if ours := int(math.Round(*evaluated(t, test, file)[0].Metric * float64(samples))); ours != correct {
				t.Errorf("%s: %d right, ONNX Runtime has %d", f.name, ours, correct)
			}
		}
	}
	checkedByONNX(t, file)
	smear := f.right(t, f.learned(t, "--method", "smear", "--group", "label"))
	return fmt.Sprintf("| %s | %s | %.1f | %.1f | %.1f | %.1f | %s | %.1f | %.1f |\n", f.name, own, best, f.ensemble(t), uniform,
		auto, bySource, f.right(t, byLosses), smear), file
}

// right is the per cent of right answers on all test data.
func (f taskFamily) right(t *testing.T, model string) float64 {
	var sum float64
	for _, test := range f.tests {
		sum += 100 * *evaluated(t, test, model)[0].Metric / float64(len(f.tests))
	}
	return sum
}

// ensemble is the per cent of right answers of the mean of the models' probabilities.
func (f taskFamily) ensemble(t *testing.T) float64 {
	t.Helper()
	right, all := 0, 0
	for _, test := range f.tests {
		var labels []int64
		var mean [][]float64
		for _, path := range f.models {
			m := must[*onnx.Model](t)(onnx.Open(path))
			d := must[*dataset.Data](t)(dataset.Open(test, dataset.Options{Inputs: gating.Fields(m)}))
			o := must[gating.Objective](t)(gating.FitObjective(m, d, gating.ObjectiveOptions{}))
			e := must[*gating.Evaluator](t)(gating.NewEvaluator(d, o, gating.EvaluatorOptions{Threads: 1}))
			labels = d.Label.Ints
			if mean == nil {
				mean = make([][]float64, d.Len())
			}
			err := e.Values(t.Context(), m, []string{m.Proto().GetGraph().GetOutput()[0].GetName()}, func(rows []int, v []*network.Tensor) error {
				n := v[0].Len() / len(rows)
				for i, row := range rows {
					mean[row] = added(mean[row], v[0].F[i*n:(i+1)*n])
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			e.Close()
			m.Close()
		}
		for b, p := range mean {
			if all++; slices.Index(p, slices.Max(p)) == int(labels[b]) {
				right++
			}
		}
	}
	return 100 * float64(right) / float64(all)
}

// added adds the softmax of a list to another.
func added(to []float64, logits []float32) []float64 {
	if to == nil {
		to = make([]float64, len(logits))
	}
	most, sum := float64(slices.Max(logits)), 0.0
	for _, v := range logits {
		sum += math.Exp(float64(v) - most)
	}
	for i, v := range logits {
		to[i] += math.Exp(float64(v)-most) / sum
	}
	return to
}

// mixedSizes is the row of a family's sizes and times.
func (f taskFamily) mixedSizes(t *testing.T, file string) string {
	row := fmt.Sprintf("| %s | %d | %.1f kB | %.1f kB |", f.name, len(f.models), float64(bytesOf(t, f.models[0]))/1e3,
		float64(bytesOf(t, file))/1e3)
	for _, batch := range []string{"1", "64"} {
		row += " " + strings.Join(timed(t, f.tests[0], batch, f.models[0], file), " | ") + " |"
	}
	return row + "\n"
}
