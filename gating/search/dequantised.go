package search

import (
	"context"
	"path/filepath"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/qdq"
)

// Parents that are quantised are made float before they are aligned. What is judged then is not the file that the user
// has, so both are scored, and that one is worse than the other is said.

// Dequantised are parents in float form, in place of the quantised files.
type Dequantised struct {
	Models    []*onnx.Model  // all of the parents, the float form of those that were quantised
	Originals []*onnx.Model  // by parent: the file as it is, nil for one that was not quantised
	Summaries []*qdq.Summary // by parent: what was done, nil likewise
}

// Dequantise makes quantised models float. Originals is nil if none is quantised. The error is that of qdq.Dequantise.
func Dequantise(models []*onnx.Model) (*Dequantised, error) {
	d := &Dequantised{Models: make([]*onnx.Model, len(models))}
	for j, m := range models {
		float, summary, err := qdq.Dequantise(m)
		if err != nil {
			return nil, err
		}
		d.Models[j] = float
		if summary == nil {
			continue
		}
		if d.Originals == nil {
			d.Originals, d.Summaries = make([]*onnx.Model, len(models)), make([]*qdq.Summary, len(models))
		}
		d.Originals[j], d.Summaries[j] = m, summary
	}
	return d, nil
}

// ReportDequantised says of a quantised parent what became of it, and how good it is in either form on the data that
// gates learn from; the figures are null without data.
type ReportDequantised struct {
	Parent          int      `json:"parent"`  // index in Report.Parents
	Tensors         int      `json:"tensors"` // that were integers
	Weights         int      `json:"weights"`
	Clips           int      `json:"clips"` // pairs around activations that became a Clip
	Metric          *float64 `json:"metric"`
	QuantisedMetric *float64 `json:"quantised_metric"`
}

// describeDequantised lists the parents that were quantised.
func (m *search) describeDequantised() {
	if m.Dequantised == nil {
		return
	}
	for j, s := range m.Dequantised.Summaries {
		if s != nil {
			m.dequantised = append(m.dequantised,
				ReportDequantised{Parent: j, Tensors: s.Tensors, Weights: s.Weights, Clips: s.Clips})
		}
	}
}

// judgeOriginals scores the quantised files too, and warns of one that is better than its float form.
func (m *search) judgeOriginals(ctx context.Context) error {
	m.describeDequantised()
	metric := m.learn.Objective().Metric
	for i := range m.dequantised {
		d := &m.dequantised[i]
		original, float := m.Dequantised.Originals[d.Parent], m.scores[d.Parent]
		name := filepath.Base(original.Path())
		s, err := m.learn.Score(ctx, original)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			m.warnings.Addf(graphmatch.ErrAlign, "judge the result beside it elsewhere",
				"%s cannot be run as it is, so that nobody knows whether its float form is as good: %v", name, err)
			continue
		}
		d.Metric, d.QuantisedMetric = Number(float.Metric), Number(s.Metric)
		r := resample([]gating.Score{s, float})
		if c := compare(metric, s, float, r[0], r[1]); c.sigmas > surely {
			m.warnings.Addf(graphmatch.ErrAlign, "merge the models that were quantised, and quantise the result",
				"%s is better quantised, %s %.4f, than in the float form that is merged, %.4f", name, metric.Name,
				s.Metric, float.Metric)
		}
	}
	return nil
}
