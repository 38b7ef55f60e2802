package search_test

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/gating/search"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
)

// attacked is a fixture's model with the values of one initializer replaced.
func attacked(t *testing.T, name, tensor string, of func(i int, v float64) float64) *onnx.Model {
	t.Helper()
	m := gatetest.Open(t, name)[0]
	for _, w := range m.Proto().GetGraph().GetInitializer() {
		if w.GetName() != tensor {
			continue
		}
		values := gatetest.Must(m.Tensor(w).Doubles(nil))(t)
		for i, v := range values {
			values[i] = of(i, v)
		}
		edit := onnx.SetValues(w, func() ([]float64, error) { return slices.Clone(values), nil })
		return gatetest.Must(m.With(edit))(t)
	}
	t.Fatalf("%s has no %s", name, tensor)
	return nil
}

// averaged is the uniform average without data.
func averaged(t *testing.T, o search.Options, models ...*onnx.Model) (*search.Result, error) {
	t.Helper()
	return search.Average(t.Context(), gatetest.Select(t, models), o)
}

// accuracy is a model's on the test data.
func accuracy(t *testing.T, m *onnx.Model) float64 {
	t.Helper()
	d := gatetest.Data(t, "test.npz", gating.Fields(m))
	o := gatetest.Must(gating.FitObjective(m, d, gating.ObjectiveOptions{}))(t)
	e := gatetest.Must(gating.NewEvaluator(d, o, gating.EvaluatorOptions{}))(t)
	defer e.Close()
	return gatetest.Must(e.Score(t.Context(), m))(t).Metric
}

// TestFineTunesAreAveragedUnseen: no family of fine-tunes is refused or warned of, but for the one with a layer that is
// scrambled on purpose.
func TestFineTunesAreAveragedUnseen(t *testing.T) {
	starts := gatetest.Must(filepath.Glob(gatetest.Path(t, "*", "ft0.onnx")))(t)
	starts = append(starts, gatetest.Must(filepath.Glob(gatetest.Path(t, "families", "*", "ft0.onnx")))(t)...)
	if len(starts) < 15 {
		t.Fatalf("%d families", len(starts))
	}
	for _, start := range starts {
		var models []*onnx.Model
		for _, path := range gatetest.Must(filepath.Glob(filepath.Join(filepath.Dir(start), "ft*.onnx")))(t) {
			m := gatetest.Must(onnx.Open(path))(t)
			t.Cleanup(func() { m.Close() })
			models = append(models, m)
		}
		r, err := averaged(t, search.Options{}, models...)
		if filepath.Base(filepath.Dir(start)) == "resnet" {
			if !errors.Is(err, graphmatch.ErrAlign) || !strings.Contains(err.Error(), "the weight of stem in ft3.onnx") {
				t.Errorf("resnet: %v", err)
			}
			continue
		}
		if err != nil || len(r.Warnings) > 0 {
			t.Errorf("%s: %v, %v", start, err, r)
		}
	}
}

// TestStrangersAreNotAveragedUnseen: models of other starts are refused: the average of their weights, in one order, is
// worse than the better of them.
func TestStrangersAreNotAveragedUnseen(t *testing.T) {
	for _, family := range []string{"mlp", "mlp_matmul", "cnn", "cnn_bn", "resnet", "seeds/mlp", "seeds/cnn",
		"seeds/resnet"} {
		models := gatetest.Open(t, family+"/seed0.onnx", family+"/seed1.onnx")
		best := max(accuracy(t, models[0]), accuracy(t, models[1]))
		_, err := averaged(t, search.Options{}, models...)
		if !errors.Is(err, graphmatch.ErrAlign) || !strings.Contains(err.Error(), "seed0.onnx and seed1.onnx") {
			t.Errorf("%s: %v", family, err)
		}
		r := gatetest.Must(averaged(t, search.Options{Anyway: true}, models...))(t)
		got := accuracy(t, r.Model())
		t.Logf("%s: best parent %.3f, average %.3f", family, best, got)
		if got >= best || len(r.Warnings) != 1 {
			t.Errorf("%s: anyway to %.3f of %.3f with warnings %v", family, got, best, r.Warnings)
		}
	}
}

// TestOutliersAreNotAveragedUnseen names the parent and the layer of an attack; of two parents nobody can tell which it
// is.
func TestOutliersAreNotAveragedUnseen(t *testing.T) {
	random := gatetest.Random(3, 5000)
	for _, c := range []struct {
		what, tensor string
		of           func(int, float64) float64
		want         string
	}{
		{"flipped", "3.weight", func(_ int, v float64) float64 { return -v }, "sign flipped"},
		{"times 1000", "3.weight", func(_ int, v float64) float64 { return 1000 * v }, "times as large in "},
		{"over 100", "1.weight", func(_ int, v float64) float64 { return v / 100 }, "times as large in "},
		{"random", "1.weight", func(i int, v float64) float64 { return 0.1 * random[i] }, "cosine of"},
		{"bias", "3.bias", func(_ int, v float64) float64 { return 1000 * v }, "bias of 3 is"},
	} {
		bad := attacked(t, "mlp/ft1.onnx", c.tensor, c.of)
		good := gatetest.Open(t, "mlp/ft0.onnx", "mlp/ft2.onnx", "mlp/ft3.onnx")
		for _, models := range [][]*onnx.Model{{good[0], bad}, {bad, good[0]}, {good[0], bad, good[1]},
			{good[0], good[1], good[2], bad}} {
			_, err := averaged(t, search.Options{}, models...)
			if !errors.Is(err, graphmatch.ErrAlign) || !strings.Contains(err.Error(), c.want) ||
				!strings.Contains(err.Error(), "ft1.onnx") ||
				len(models) > 2 && strings.Contains(err.Error(), "ft0.onnx") {
				t.Errorf("%s among %d: %v", c.what, len(models), err)
			}
		}
		r := gatetest.Must(averaged(t, search.Options{Anyway: true}, good[0], bad))(t)
		if len(r.Warnings) != 1 {
			t.Errorf("%s, anyway: warnings %v", c.what, r.Warnings)
		}
		t.Logf("%s: anyway %.3f of %.3f", c.what, accuracy(t, r.Model()), accuracy(t, good[0]))
	}
	models := gatetest.Open(t, "cnn_bn/ft0.onnx", "cnn_bn/ft2.onnx", "broken/random.onnx")
	if _, err := averaged(t, search.Options{}, models...); err == nil || !strings.Contains(err.Error(), "random.onnx and") {
		t.Errorf("a parent of random weights: %v", err)
	}
}
