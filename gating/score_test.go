package gating

import (
	"math"
	"testing"

	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/gating/metric"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/gating/objective"
	"github.com/softmerge/softmerge/onnx"
)

// near says whether two figures agree to all digits but the last few.
func near(a, b float64) bool { return math.Abs(a-b) <= 1e-9*math.Max(1, math.Abs(b)) }

// TestScoreOfResampledData: a score by weights is the score on data that repeats the rows so often.
func TestScoreOfResampledData(t *testing.T) {
	m, d, e := evaluatorCase(t)
	score := scoreOf(t, e, m)
	weights := make([]float64, d.Len())
	var rows []int
	for i := range weights {
		weights[i] = float64(i * 7 % 3)
		for range int(weights[i]) {
			rows = append(rows, i)
		}
	}
	want := scoreOf(t, gatetest.Must(e.On(d.Select(rows)))(t), m)
	if loss, metric := score.Resampled(weights); !near(loss, want.Loss) || !near(metric, want.Metric) {
		t.Errorf("loss %v and metric %v by weights, %+v on data so repeated", loss, metric, want)
	}
	if loss, metric := score.Resampled(nil); loss != score.Loss || metric != score.Metric {
		t.Errorf("without weights %v and %v, want %+v", loss, metric, score)
	}
	if loss, metric := score.Resampled(make([]float64, d.Len())); !math.IsNaN(loss) || !math.IsNaN(metric) {
		t.Errorf("of no sample: %v and %v", loss, metric)
	}
}

// TestScoreSampleBySample: what each sample contributes is its own score, and the mean of these the whole.
func TestScoreSampleBySample(t *testing.T) {
	m := taggerNet(t, -1, 1)
	d := gatetest.Sequences(t, 3, 20, 1, 9) // several lengths
	e := evaluatorOf(t, d, objectiveOf(t, m, d), 8)
	score := scoreOf(t, e, m)
	losses, metrics := score.Losses(), score.Metrics()
	if len(losses) != d.Len() || len(metrics) != d.Len() {
		t.Fatalf("%d losses and %d metrics of %d samples", len(losses), len(metrics), d.Len())
	}
	var loss, metric float64
	for row := range d.Len() {
		one := scoreOf(t, gatetest.Must(e.On(d.Select([]int{row})))(t), m)
		if math.Abs(losses[row]-one.Loss) > 1e-6 {
			t.Errorf("row %d: loss %v, alone %v", row, losses[row], one.Loss)
		}
		loss += losses[row] / float64(d.Len())
		metric += metrics[row] / float64(d.Len())
	}
	if !near(loss, score.Loss) || !near(metric, score.Metric) {
		t.Errorf("means %v and %v, want %+v", loss, metric, score)
	}
}

// TestJoinedScores: scores of the parts are that of the whole; scores of two objectives make none.
func TestJoinedScores(t *testing.T) {
	m, d, e := evaluatorCase(t)
	whole := scoreOf(t, e, m)
	var parts []Score
	for _, bounds := range [][2]int{{0, 40}, {40, 41}, {41, d.Len()}} {
		var rows []int
		for row := bounds[0]; row < bounds[1]; row++ {
			rows = append(rows, row)
		}
		parts = append(parts, scoreOf(t, gatetest.Must(e.On(d.Select(rows)))(t), m))
	}
	joined := JoinScores(parts...)
	if math.Abs(joined.Loss-whole.Loss) > 1e-6 || !near(joined.Metric, whole.Metric) || joined.Samples != whole.Samples {
		t.Errorf("%+v, whole %+v", joined, whole)
	}
	a, b := joined.Losses(), whole.Losses()
	for i := range b {
		if math.Abs(a[i]-b[i]) > 1e-5 {
			t.Errorf("row %d: loss %v, in the whole %v", i, a[i], b[i])
		}
	}
	for name, list := range map[string][]Score{
		"made by hand": {parts[0], {Loss: 1, Metric: 1, Samples: 3}}, "nothing": nil,
		"of another metric": {parts[0], MeanScore([]float64{1}, []float64{1})},
	} {
		if s := JoinScores(list...); s.Finite() || !math.IsNaN(s.Metric) {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

// TestMeanScore keeps the figures given.
func TestMeanScore(t *testing.T) {
	s := MeanScore([]float64{1, 2, 6}, []float64{1, 0, 0})
	if s.Loss != 3 || s.Metric != 1.0/3 || s.Samples != 3 {
		t.Errorf("%+v", s)
	}
	if loss, metric := s.Resampled([]float64{0, 3, 1}); loss != 3 || metric != 0 {
		t.Errorf("resampled: %v and %v", loss, metric)
	}
}

// half is a loss of which every second position does not count.
type half struct{ network.MSE }

func (half) Terms(out, target *network.Tensor, add func(sample int, loss, weight float64)) error {
	i := 0
	return network.MSE{}.Terms(out, target, func(sample int, loss, _ float64) {
		add(sample, loss, float64(i%2))
		i++
	})
}

// TestScoreOfIgnoredPositions is the mean over the positions that count, of all samples together.
func TestScoreOfIgnoredPositions(t *testing.T) {
	s := newHeadScorer(objective.Head{Loss: half{}, Metric: metricOf(t, "mae", metric.Numbers)}, 2)
	out := &network.Tensor{Type: onnx.Float32, Shape: []int{2, 3}, F: []float32{9, 1, 9, 2, 9, 3}}
	if err := s.add(out, &network.Tensor{Type: onnx.Float32, Shape: []int{2, 3}, F: make([]float32, 6)}); err != nil {
		t.Fatal(err)
	}
	own := s.score()
	score := Score{Loss: own.Loss, kept: &record{heads: []headRecord{s.headRecord}, weights: []float64{1}}}
	if want := (1.0 + 4 + 9) / 3; !near(score.Loss, want) {
		t.Errorf("loss %v, want %v", score.Loss, want)
	}
	for sample, want := range []float64{1, (4.0 + 9) / 2} {
		weights := make([]float64, 2)
		weights[sample] = 5
		if got, _ := score.Resampled(weights); !near(got, want) {
			t.Errorf("loss of sample %d alone %v, want %v", sample, got, want)
		}
	}
	if l := score.Losses(); !near((l[0]+l[1])/2, score.Loss) {
		t.Errorf("losses %v, want their mean to be %v", l, score.Loss)
	}
}

// metricOf is a metric for a kind of answers.
func metricOf(t *testing.T, name string, kind metric.Kind) Metric {
	t.Helper()
	m, ok := metric.Named(name, metric.Task{Kind: kind})
	if !ok {
		t.Fatalf("no metric %s of %s", name, kind)
	}
	return m
}
