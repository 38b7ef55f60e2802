package search

import (
	"context"
	"time"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
)

// Maker makes of a selection's models something that is no mixture of their weights, such as what package routed makes:
// from the data that learns, in every fold and in the end from all of it. What it makes is judged as any merge is.
type Maker func(ctx context.Context, s *graphmatch.Selection, learn *gating.Evaluator) (Made, error)

// Made is what a Maker made.
type Made interface {
	All() (*onnx.Model, error)                // the model to be judged and written
	Learned() (steps int, took time.Duration) // in making it; 0 where nothing is learned
}

// made makes what a trial stands for: a mixture, or by a Maker something else. Without an error it is false where there
// is nothing of either kind.
func (m *search) made(ctx context.Context, t Trial, c *Candidate) (bool, error) {
	if m.makes(t) {
		var err error
		if c.Made, err = m.Maker(ctx, m.selection, m.learn); err == nil {
			steps, took := c.Made.Learned()
			m.steps, m.learningFor = m.steps+steps, m.learningFor+took
			c.model, err = c.Made.All()
		}
		return true, err
	}
	mixture, err := m.mixture(ctx, t)
	if err != nil || mixture == nil {
		return false, err
	}
	c.Mixture, c.suspects = mixture, m.suspects(t)
	c.model, err = mixture.Bake()
	return true, err
}

// makes says whether a trial is the Maker's.
func (m *search) makes(t Trial) bool { return m.Maker != nil && t.Method == m.Method }

// beside says whether a candidate stands in the table only for what the Maker made to be compared with.
func (m *search) beside(c *Candidate) bool {
	return m.Maker != nil && c.Parent < 0 && !m.makes(c.tried)
}

// warnOfConstant says where one model of all does as well as what the Maker made.
func (m *search) warnOfConstant(c *choice, chosen *Candidate) {
	if m.Maker == nil || chosen.Parent >= 0 {
		return
	}
	for i := range c.candidates {
		other := &c.candidates[i]
		if !m.beside(other) || !other.Score.Finite() {
			continue
		}
		if at := c.index(chosen); !c.compare(at, i).beats(other.Score) {
			m.warnings.Addf(dataset.ErrData, "a static merge is smaller and faster: softmerge merge without --method",
				"%s, one model that is the same for all samples, does as well as %s as far as the data tells",
				other.Name, chosen.Name)
			return
		}
	}
}

// index is the place of a candidate in the table.
func (c *choice) index(of *Candidate) int {
	for i := range c.candidates {
		if &c.candidates[i] == of {
			return i
		}
	}
	return -1
}
