package search

import (
	"context"
	"math"

	"github.com/softmerge/softmerge/gating"
)

// refit learns the chosen trial again on all data: what was judged had not seen the samples that judged it. With
// held-out data of its own it has seen all data already.
//
// Nothing judges the new gates, so they have to show that nothing went wrong: on the data they learned from, the
// model must be no worse than any parent. Else the judged one stays.
func (m *search) refit(ctx context.Context, chosen *Candidate) error {
	if chosen.Parent >= 0 || m.HeldOut != nil {
		return nil
	}
	again := Candidate{}
	made, err := m.made(ctx, chosen.tried, &again)
	if silent(err, gating.ErrDiverged) != nil {
		return err
	}
	if err != nil || !made {
		m.warnings.Addf(gating.ErrDiverged, "", "%s could not be learned again on all data", chosen.Name)
		return nil
	}
	s, err := m.learn.Score(ctx, again.model)
	if err != nil {
		return err
	}
	if best := m.leastLoss(); !(s.Loss <= best) {
		m.warnings.Addf(gating.ErrDiverged, "", "%s learned again on all data has a loss of %.4g, a parent %.4g: "+
			"the one that was judged is kept", chosen.Name, s.Loss, best)
		return nil
	}
	chosen.Mixture, chosen.Made, chosen.model, chosen.suspects = again.Mixture, again.Made, again.model, again.suspects
	m.refitted, m.written = true, s
	return nil
}

// leastLoss is that of the parents on the data to learn from, infinite where none is finite.
func (m *search) leastLoss() float64 {
	least := math.Inf(1)
	for _, j := range ascending(m.losses) {
		least = min(least, m.losses[j])
	}
	return least
}
