package search

import (
	"context"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/onnx"
)

// taughtLabels returns the samples to learn from with labels that the trusted parents and their transplant teach; as
// they are where there are no such labels.
func (m *search) taughtLabels(ctx context.Context) (*gating.Evaluator, error) {
	s, err := m.transplant(ctx)
	if err != nil {
		return nil, err
	}
	models := []*onnx.Model{s.Model()}
	for j, good := range gating.Trusted(m.losses) {
		if good {
			models = append(models, m.selection.Alignment.Models[j])
		}
	}
	e, err := m.learn.Taught(ctx, models)
	if err != nil || e != nil {
		return e, err
	}
	return m.learn, nil
}
