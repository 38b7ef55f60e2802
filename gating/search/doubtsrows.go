package search

import (
	"context"
	"fmt"
	"math"

	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// Fine-tunes of one start have like rows in their last layers, class by class. A row that is like another row of the
// base, and not like its own, says that one of the two was trained with another order of classes, or of whatever the
// outputs are: without data, and where a model does not know enough of the classes for its answers to show it.

// movedRows returns an error of kind graphmatch.ErrAlign that names the parents whose last layers have rows in
// each other's place, against the base; a warning where the options say to go on anyway.
func (m *search) movedRows(context.Context) error {
	a := m.selection.Alignment
	for _, i := range m.lastLayers() {
		l := &a.Layers[i]
		orders := make([]order, len(a.Models))
		for j := range a.Models {
			if bad := m.weights.Nonfinite(l); j == a.Base || bad != nil && (bad[j] || bad[a.Base]) {
				continue
			}
			var err error
			if orders[j], err = rowOrder(a, &l.Params[0], j); err != nil {
				return err
			}
		}
		if err := m.misordered(orders, func(o order) string {
			return fmt.Sprintf("has %d outputs of layer %q in another order than the base: by their weights, the "+
				"base's %s", len(o.from), l.Name, o.text("is its"))
		}); err != nil {
			return err
		}
	}
	return nil
}

// lastLayers lists the selected layers that outputs of the base are computed from without another layer between, and
// whose rows can be compared.
func (m *search) lastLayers() (list []int) {
	a := m.selection.Alignment
	at := map[*onnxpb.NodeProto]int{}
	for i := range a.Layers {
		for _, p := range a.Layers[i].Params {
			for _, s := range p.Uses[a.Base].Sites {
				at[s.Node] = i
			}
		}
	}
	last := map[int]bool{}
	isLayer := func(n *onnxpb.NodeProto) bool {
		i, ok := at[n]
		last[i] = ok || last[i]
		return ok
	}
	g := m.base().Proto().GetGraph()
	for _, o := range g.GetOutput() {
		upstream(g, o.GetName(), isLayer)
	}
	for _, i := range m.selection.Layers {
		p := a.Layers[i].Params[0]
		rows := len(p.Shape) > 1 && p.ChannelAxis >= 0 && p.Shape[p.ChannelAxis] <= movedMost
		if last[i] && rows && a.Layers[i].Mergeable() {
			list = append(list, i)
		}
	}
	return list
}

// rowOrder says which of the base's rows of a parameter model j has in each other's place.
func rowOrder(a *graphmatch.Alignment, p *graphmatch.Param, j int) (order, error) {
	own, err := a.Floats(p, j, nil)
	if err != nil {
		return order{}, err
	}
	base, err := a.Floats(p, a.Base, nil)
	if err != nil {
		return order{}, err
	}
	x, y := rowsOf(own, p.Shape, p.ChannelAxis), rowsOf(base, p.Shape, p.ChannelAxis)
	if len(x[0]) < leastElements {
		return order{}, nil
	}
	next := make([]int, len(x))
	for i := range x {
		next[i] = i
		best := max(graphmatch.Related, inner(y[i], x[i])+rowMargin)
		for k := 0; k < len(x) && best < 1; k++ { // no cosine is more: rows that are like their own are soon done with
			if c := inner(y[i], x[k]); c > best {
				next[i], best = k, c
			}
		}
	}
	o := order{}
	for _, i := range onCycles(next) {
		o.from, o.to = append(o.from, i), append(o.to, next[i])
	}
	return o, nil
}

// rowsOf splits values along an axis into rows of length one; rows of zeros, and those that are not finite, stay zero.
func rowsOf(values []float32, shape []int, axis int) [][]float64 {
	rows, within := make([][]float64, shape[axis]), 1
	for _, n := range shape[axis+1:] {
		within *= n
	}
	for i, v := range values {
		r := i / within % shape[axis]
		rows[r] = append(rows[r], float64(v))
	}
	for _, row := range rows {
		norm := math.Sqrt(inner(row, row))
		for i := range row {
			if row[i] /= norm; !(norm > 0) || math.IsInf(norm, 1) {
				row[i] = 0
			}
		}
	}
	return rows
}

func inner(x, y []float64) (sum float64) {
	for i, v := range x {
		sum += v * y[i]
	}
	return sum
}
