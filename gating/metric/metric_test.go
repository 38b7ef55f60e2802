package metric

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/onnx"
)

func floatsOf(shape []int, v ...float32) *network.Tensor {
	return &network.Tensor{Type: onnx.Float32, Shape: shape, F: v}
}

func intsOf(shape []int, v ...int64) *network.Tensor {
	return &network.Tensor{Type: onnx.Int64, Shape: shape, I: v}
}

var nan = float32(math.NaN())

// TestMetrics computes every metric over two batches, against figures by hand.
func TestMetrics(t *testing.T) {
	for _, c := range []struct {
		name   string
		metric Metric
		out    [2]*network.Tensor
		target [2]*network.Tensor
		want   float64
	}{
		{"accuracy", Accuracy(1),
			[2]*network.Tensor{floatsOf([]int{2, 3}, 1, 3, 2, 5, 5, 1), floatsOf([]int{1, 3}, 0, 1, 2)},
			[2]*network.Tensor{intsOf([]int{2}, 1, 1),
				intsOf([]int{1}, 2)}, 2.0 / 3}, // of equal scores the first counts
		{"accuracy beside NaN", Accuracy(1),
			[2]*network.Tensor{floatsOf([]int{2, 2}, nan, 3, nan, nan), floatsOf([]int{1, 2}, 1, 0)},
			[2]*network.Tensor{intsOf([]int{2}, 1, 0), intsOf([]int{1}, 0)}, 2.0 / 3},
		{"accuracy of positions, classes second", Accuracy(1),
			[2]*network.Tensor{floatsOf([]int{1, 2, 3}, 1, 0, 5, 0, 1, 4), floatsOf([]int{1, 2, 3}, 1, 1, 1, 0, 0, 0)},
			[2]*network.Tensor{intsOf([]int{1, 3}, 0, 1, 1), intsOf([]int{1, 3}, 0, 0, 1)}, 4.0 / 6},
		{"accuracy of positions, classes last", Accuracy(2),
			[2]*network.Tensor{floatsOf([]int{1, 3, 2}, 1, 0, 0, 1, 5, 4), floatsOf([]int{1, 3, 2}, 1, 0, 1, 0, 1, 0)},
			[2]*network.Tensor{intsOf([]int{1, 3}, 0, 1, 1), intsOf([]int{1, 3}, 0, 0, 1)}, 4.0 / 6},
		{"binary accuracy of logits", BinaryAccuracy(network.Logits),
			[2]*network.Tensor{floatsOf([]int{2}, -1, 0.2), floatsOf([]int{2}, 3, -0.4)},
			[2]*network.Tensor{intsOf([]int{2}, 0, 1), floatsOf([]int{2}, 0, 0)}, 0.75},
		{"binary accuracy of probabilities", BinaryAccuracy(network.Probabilities),
			[2]*network.Tensor{floatsOf([]int{2}, 0.1, 0.2), floatsOf([]int{2}, 0.6, 0.4)},
			[2]*network.Tensor{intsOf([]int{2}, 0, 1), floatsOf([]int{2}, 1, 0)}, 0.75},
		{"mse", MSE(),
			[2]*network.Tensor{floatsOf([]int{2}, 1, 2), floatsOf([]int{2}, 3, 5)},
			[2]*network.Tensor{floatsOf([]int{2}, 0, 2), intsOf([]int{2}, 3, 7)}, 5.0 / 4},
		{"mae", MAE(),
			[2]*network.Tensor{floatsOf([]int{2}, 1, 2), floatsOf([]int{2}, 3, 5)},
			[2]*network.Tensor{floatsOf([]int{2}, 0, 2), intsOf([]int{2}, 3, 7)}, 3.0 / 4},
		{"r2", R2(),
			[2]*network.Tensor{floatsOf([]int{2}, 1, 2), floatsOf([]int{2}, 3, 5)},
			[2]*network.Tensor{floatsOf([]int{2}, 0, 2), intsOf([]int{2}, 3, 7)}, 1 - 5.0/26},
	} {
		whole, parts := c.metric.Tally(), c.metric.Tally()
		for b := range c.out {
			whole.Add(c.out[b], c.target[b])
			part := c.metric.Tally()
			part.Add(c.out[b], c.target[b])
			parts, _ = parts.Joined(part)
		}
		for name, got := range map[string]float64{"added": whole.Value(nil), "joined": parts.Value(nil)} {
			if math.Abs(got-c.want) > 1e-12 {
				t.Errorf("%s, %s: %v, want %v", c.name, name, got, c.want)
			}
		}
	}
}

// TestBetter orders metric values; NaN is worse than anything.
func TestBetter(t *testing.T) {
	n := math.NaN()
	for _, c := range []struct {
		smaller bool
		a, b    float64
		want    bool
	}{
		{false, 2, 1, true}, {false, 1, 2, false}, {false, 1, 1, false}, {true, 1, 2, true}, {true, 2, 1, false},
		{false, n, 1, false}, {false, 1, n, true}, {true, n, 1, false}, {true, 1, n, true}, {false, n, n, false},
	} {
		if got := (Metric{Smaller: c.smaller}).Better(c.a, c.b); got != c.want {
			t.Errorf("smaller %v: %v better than %v is %v", c.smaller, c.a, c.b, got)
		}
	}
}

// TestR2OfDistantLabels: labels far from zero keep their variance.
func TestR2OfDistantLabels(t *testing.T) {
	tally := R2().Tally()
	labels := []int64{1e8, 1e8 + 8, 1e8 + 16, 1e8 + 24}
	for i, off := range []int64{8, -8, 8, -8} {
		tally.Add(floatsOf([]int{1}, float32(labels[i]+off)), intsOf([]int{1}, labels[i]))
	}
	if got, want := tally.Value(nil), 1-256.0/320; math.Abs(got-want) > 1e-9 {
		t.Errorf("r2 %v, want %v", got, want)
	}
}

// TestResampling: a metric by weights is that of samples repeated so often, one by a fold that of its samples.
func TestResampling(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const samples, positions, classes = 30, 4, 3
	for _, m := range []Metric{Accuracy(1), BinaryAccuracy(network.Logits), MSE(), MAE(), R2()} {
		class := m.Name == "accuracy" && m.Tally().(*ratio).name == "accuracy"
		draw := func(t Tally, rows ...int) {
			for _, row := range rows {
				r := rand.New(rand.NewPCG(3, uint64(row)))
				size := positions
				if class {
					size *= classes
				}
				out, label := floatsOf([]int{1, size}), intsOf([]int{1, positions})
				if class {
					out.Shape = []int{1, classes, positions}
				}
				for range size {
					out.F = append(out.F, float32(r.NormFloat64()))
				}
				for range positions {
					label.I = append(label.I, int64(r.IntN(classes)))
				}
				t.Add(out, label)
			}
		}
		tally, repeated := m.Tally(), m.Tally()
		weights := make([]float64, samples)
		for row := range samples {
			draw(tally, row)
			weights[row] = float64(random.IntN(4))
			for range int(weights[row]) {
				draw(repeated, row)
			}
		}
		if got, want := tally.Value(weights), repeated.Value(nil); math.Abs(got-want) > 1e-12 {
			t.Errorf("%s by weights %v, of repeated samples %v", m.Name, got, want)
		}
		ones := slices.Repeat([]float64{1}, samples)
		if got, want := tally.Value(ones), tally.Value(nil); got != want {
			t.Errorf("%s: each once %v, without weights %v", m.Name, got, want)
		}
		if shares := tally.Shares(); shares != nil {
			var mean float64
			for _, v := range shares {
				mean += v / samples
			}
			if len(shares) != samples || math.Abs(mean-tally.Value(nil)) > 1e-12 {
				t.Errorf("%s: %d shares of mean %v, want %v", m.Name, len(shares), mean, tally.Value(nil))
			}
		}
	}
}

// TestOnlyTalliesOfOneMetricAreJoined: a mean of errors and one of right answers make no figure together.
func TestOnlyTalliesOfOneMetricAreJoined(t *testing.T) {
	list := []Metric{Accuracy(1), BinaryAccuracy(network.Logits), MSE(), MAE(), R2()}
	for i, a := range list {
		for k, b := range list {
			if _, ok := a.Tally().Joined(b.Tally()); ok != (i == k) {
				t.Errorf("%s and %s: joined %v", a.Name, b.Name, ok)
			}
		}
	}
}
