package gating

import (
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/onnx"
)

// TestMeasureEqualsPyTorch compares measured statistics with those of PyTorch's
// update_bn: fixtures/README.md, "Golden answers".
func TestMeasureEqualsPyTorch(t *testing.T) {
	var golden map[string]struct{ Mean, Variance []float64 }
	if err := json.Unmarshal(gatetest.Must(os.ReadFile(gatetest.Path(t, "golden", "statistics.json")))(t),
		&golden); err != nil {
		t.Fatal(err)
	}
	models := gatetest.Open(t, gatetest.FineTunes("cnn_bn", 2)...)
	p := planOf(t, models, ByLayer)
	plain := gatetest.Must(p.bakePlain(p.Average(nil)))(t)
	d := gatetest.Data(t, "val.npz", Fields(models[0])).Head(200) // the last 8 make no whole batch
	stats := gatetest.Must(unlabelled(d, "logits", 64).measure(t.Context(), plain))(t)
	if len(stats) != len(golden) {
		t.Fatalf("%d normalisations, PyTorch has %d", len(stats), len(golden))
	}
	back := gatetest.Written(t, gatetest.Must(withStatistics(plain, stats))(t))
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
	return gatetest.Must(m.Tensor(initializers(m)[name]).Doubles(nil))(t)
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
	b := gatetest.NewBuilder()
	b.In("x", -1, 3, 5)
	b.Tensor(t, "ones", onnx.Float32, []float64{1, 1, 1}, 3)
	b.Tensor(t, "zeros", onnx.Float32, []float64{0, 0, 0}, 3)
	b.Tensor(t, "twos", onnx.Float32, []float64{2, 2, 2}, 3)
	b.Node("BatchNormalization", "first", []string{"x", "twos", "twos", "zeros", "ones"})
	b.Node("BatchNormalization", "second", []string{"first", "ones", "zeros", "zeros", "ones"})
	b.Out("second")
	m := b.Model(t)
	stats := gatetest.Must(unlabelled(gatetest.Samples(1, 32, 3, 5), "second", 16).measure(t.Context(), m))(t)
	back := gatetest.Written(t, gatetest.Must(withStatistics(m, stats))(t))
	for k, n := range normNodes(back) {
		closeAll(t, "mean of "+n.GetName(), tensorValues(t, back, n.GetInput()[3]), stats[k].Mean)
		closeAll(t, "variance of "+n.GetName(), tensorValues(t, back, n.GetInput()[4]), stats[k].Variance)
	}
	closeAll(t, "mean of the second input", stats[1].Mean, []float64{2, 2, 2})
	if v := tensorValues(t, back, "ones"); !equalFloats(v, []float64{1, 1, 1}) {
		t.Errorf("the scale of the second normalisation became %v", v)
	}
}

// TestStatisticsOfSeveralLengths are the means over full batches of all lengths;
// a length with fewer samples than a batch would only add noise.
func TestStatisticsOfSeveralLengths(t *testing.T) {
	m := gatetest.Convolved(t, 1)
	d := gatetest.ChannelsFirst(t, gatetest.Sequences(t, 8, 3, 5))
	measured := func(d *dataset.Data) Statistics {
		return gatetest.Must(unlabelled(d, "y", 4).measure(t.Context(), m))(t)[0]
	}
	got := measured(d)
	parts := d.Parts() // of 8, 5 and 3 samples: two batches, one, and none
	a, b := measured(parts[0]), measured(parts[1])
	for i := range got.Mean {
		mean, variance := (2*a.Mean[i]+b.Mean[i])/3, (2*a.Variance[i]+b.Variance[i])/3
		if math.Abs(got.Mean[i]-mean) > 1e-6 || math.Abs(got.Variance[i]-variance) > 1e-6 {
			t.Errorf("channel %d: mean %v and variance %v, want %v and %v", i, got.Mean[i], got.Variance[i], mean,
				variance)
		}
	}
}
