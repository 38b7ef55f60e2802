package experts

import (
	"context"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/network"
)

// mostFlat is the largest sample whose elements are compared one by one: a larger one is seen by means over positions.
const mostFlat = 4096

// view is a merge with gates from a place, seen flat or as means over positions, each sample's numbers there, and the
// prototypes that come of them.
type view struct {
	*Experts
	flat   bool
	rows   [][]float64
	protos *prototypes
	fit    *fitted
}

// views runs the models' mean over the samples, whose layers before any place are those that all share.
func (e *Experts) views(ctx context.Context, ev *gating.Evaluator, candidates []*Experts) (list []*view, err error) {
	var names []string
	var at []int // of each view, its place among the names
	for i, c := range candidates {
		names = append(names, c.place.value)
		p := c.place
		if flat := p.width(true); p.rank > 2 && p.static && flat <= mostFlat && flat > p.width(false) {
			list, at = append(list, &view{Experts: c, flat: true}), append(at, i)
		}
		list, at = append(list, &view{Experts: c}), append(at, i)
	}
	mean, err := e.baked(e.selection.Layers, nil)
	if err != nil {
		return nil, err
	}
	for _, v := range list {
		v.rows = make([][]float64, ev.Data().Len())
	}
	err = ev.Values(ctx, mean, names, func(rows []int, values []*network.Tensor) error {
		for k, v := range list {
			size := values[at[k]].Len() / len(rows)
			for i, row := range rows {
				v.rows[row] = v.place.reduced(values[at[k]].F[i*size:(i+1)*size], v.flat)
				if e.normalises() {
					normalised(v.rows[row])
				}
			}
		}
		return nil
	})
	return list, err
}

// reduced is what the gates see of one sample's values.
func (p *place) reduced(values []float32, flat bool) []float64 {
	if flat {
		out := make([]float64, len(values))
		for i, v := range values {
			out[i] = float64(v)
		}
		return out
	}
	out := make([]float64, p.width(false))
	positions := len(values) / len(out)
	for i, v := range values {
		channel := i % len(out)
		if p.first {
			channel = i / positions
		}
		out[channel] += float64(v) / float64(positions)
	}
	return out
}
