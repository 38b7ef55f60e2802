package gating

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/onnx"
)

// TestMeasureEqualsPyTorch compares measured statistics with those of PyTorch's
// update_bn: fixtures/README.md, "Golden answers".
func TestMeasureEqualsPyTorch(t *testing.T) {
	var golden map[string]struct{ Mean, Variance []float64 }
	if err := json.Unmarshal(must(os.ReadFile(filepath.Join(fixtures, "golden", "statistics.json")))(t), &golden); err != nil {
		t.Fatal(err)
	}
	models := openAll(t, fineTunes("cnn_bn", 2)...)
	p := planOf(t, models, ByLayer)
	plain := must(p.bakeWith(p.Uniform([]bool{true, true}), bakeOptions{plain: true}))(t)
	d := openData(t, models[0], "val.npz").Head(200) // the last 8 make no whole batch
	stats := must(measure(t.Context(), plain, d, "logits", 64, nil))(t)
	if len(stats) != len(golden) {
		t.Fatalf("%d normalisations, PyTorch has %d", len(stats), len(golden))
	}
	back := written(t, must(withStatistics(plain, stats))(t))
	for _, s := range stats {
		name := strings.Split(s.Node, "/")[1]
		want := golden[name]
		closeAll(t, name+" mean", s.Mean, want.Mean)
		closeAll(t, name+" variance", s.Variance, want.Variance)
		closeAll(t, name+" mean in the file", tensorValues(t, back, name+".running_mean"), want.Mean)
		closeAll(t, name+" variance in the file", tensorValues(t, back, name+".running_var"), want.Variance)
		if got := tensorValues(t, back, name+".weight"); !equalFloats(got, tensorValues(t, plain, name+".weight")) {
			t.Errorf("%s: the scale changed", name)
		}
	}
}

func tensorValues(t *testing.T, m *onnx.Model, name string) []float64 {
	t.Helper()
	return must(m.Tensor(initializers(m)[name]).Doubles(nil))(t)
}

// closeAll compares to 1e-5 of the largest number wanted.
func closeAll(t *testing.T, what string, got, want []float64) {
	t.Helper()
	var scale, diff float64
	for i := range want {
		scale = math.Max(scale, math.Abs(want[i]))
		diff = math.Max(diff, math.Abs(got[i]-want[i]))
	}
	if len(got) != len(want) || !(diff <= 1e-5*scale) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// TestStatisticsOfSharedTensors gives two normalisations that read one tensor statistics of their own.
func TestStatisticsOfSharedTensors(t *testing.T) {
	b := newBuilt()
	b.in("x", -1, 3, 5)
	b.tensor(t, "ones", onnx.Float32, []float64{1, 1, 1}, 3)
	b.tensor(t, "zeros", onnx.Float32, []float64{0, 0, 0}, 3)
	b.tensor(t, "twos", onnx.Float32, []float64{2, 2, 2}, 3)
	b.node("BatchNormalization", "first", []string{"x", "twos", "twos", "zeros", "ones"})
	b.node("BatchNormalization", "second", []string{"first", "ones", "zeros", "zeros", "ones"})
	b.out("second")
	m := b.model(t)
	stats := must(measure(t.Context(), m, samples(1, 32, 3, 5), "second", 16, nil))(t)
	back := written(t, must(withStatistics(m, stats))(t))
	for k, n := range normNodes(back) {
		closeAll(t, "mean of "+n.GetName(), tensorValues(t, back, n.GetInput()[3]), stats[k].Mean)
		closeAll(t, "variance of "+n.GetName(), tensorValues(t, back, n.GetInput()[4]), stats[k].Variance)
	}
	closeAll(t, "mean of the second input", stats[1].Mean, []float64{2, 2, 2})
	if v := tensorValues(t, back, "ones"); !equalFloats(v, []float64{1, 1, 1}) {
		t.Errorf("the scale of the second normalisation became %v", v)
	}
}
