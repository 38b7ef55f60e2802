package search

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"strings"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/graphmatch"
)

// scoreParents scores every parent on the data to learn from. One that cannot be run ends
// the merge, unless the options say to go on anyway: it may be merged though nobody knows
// how good it is.
func (m *search) scoreParents(ctx context.Context) error {
	parents := m.judged()
	m.losses, m.scores = make([]float64, len(parents)), make([]gating.Score, len(parents))
	if m.unjudged == nil {
		m.unjudged = make([]error, len(parents))
	}
	for j, model := range parents {
		m.losses[j], m.scores[j] = math.NaN(), unknown
		if m.unjudged[j] != nil {
			continue
		}
		s, err := m.learn.Score(ctx, model)
		switch {
		case err == nil:
			m.losses[j], m.scores[j] = s.Loss, s
		case ctx.Err() != nil:
			return ctx.Err()
		case m.Anyway && j != m.selection.Alignment.Base:
			m.warnings.Add(cannotRun(m.units.Parents[j], err))
			m.unjudged[j] = err
		default:
			return cannotRun(m.units.Parents[j], err)
		}
	}
	return nil
}

// judgeParents lists every parent with its score on the held-out part.
func (m *search) judgeParents(ctx context.Context) error {
	for j, model := range m.units.Parents {
		c := Candidate{Name: parentName(model), Parent: j, model: model}
		if m.unjudged[j] != nil {
			m.fail(c, m.unjudged[j])
			continue
		}
		if err := m.headless[j]; err != nil {
			m.fail(c, err)
			continue
		}
		s, err := m.heldOut.Score(ctx, m.judged()[j])
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return cannotRun(model, err)
		}
		m.list(c, s)
	}
	return nil
}

// warnOfCopies says which parents have the same numbers as another in all that is mixed, whatever their files are: they
// count twice in an average.
func (m *search) warnOfCopies() {
	a := m.selection.Alignment
	copies := m.weights.Copies()
	for j := range a.Models {
		if k, ok := copies[j]; ok && a.Models[j].Path() != a.Models[k].Path() {
			m.warnings.Addf(graphmatch.ErrAlign, "name every model once, or take it for one that counts twice",
				"%s has the weights of %s in all layers that are merged", filepath.Base(a.Models[j].Path()),
				filepath.Base(a.Models[k].Path()))
		}
	}
}

// explainNonfinite says why a model that runs has no finite loss: a parent may have
// weights that are no numbers.
func (m *search) explainNonfinite(c *Candidate) {
	if c.Failure != nil || c.Score.Finite() {
		return
	}
	var names []string
	for _, i := range m.selection.Layers {
		layer := &m.selection.Alignment.Layers[i]
		if bad := m.weights.Nonfinite(layer); c.Parent >= 0 && bad != nil && bad[c.Parent] {
			names = append(names, layer.Name)
		}
	}
	if len(names) == 0 {
		c.Reason = "its loss is not a finite number"
		return
	}
	more := ""
	if n := len(names) - maxPairs; n > 0 {
		names, more = names[:maxPairs], fmt.Sprintf(" and %d more", n)
	}
	c.Reason = "it has a NaN or an infinity in " + strings.Join(names, ", ") + more
}
