package gating

import (
	"math"

	"github.com/softmerge/softmerge/gating/internal/regression"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/graphmatch"
)

// solving is one layer of a transplant about to run.
type solving struct {
	*transplant
	layer  *linearLayer
	target *target
	visit  *network.Visit
}

// solve finds the layer's weights from what reaches it, and leaves them to the network.
func (s *solving) solve() {
	m := s.affineMap()
	groups := 1
	if s.visit.Conv != nil {
		groups = s.visit.Conv.Groups
	}
	m.units /= groups
	for g := range groups {
		m.first = g * m.units
		r := s.regression(m, g)
		if r == nil {
			return
		}
		if v := r.Solve(m.read(), groups > 1); v != nil {
			m.write(v)
		}
	}
	s.keep(s.layer.layer.Name + ".weight")
	if m.bias != nil {
		s.keep(s.layer.layer.Name + ".bias")
	}
	if s.layer.norm != nil {
		s.keep(s.layer.norm.layer.Name + ".scale")
		s.keep(s.layer.norm.layer.Name + ".bias")
	}
}

// regression is that of a group of units on what reaches it; nil where it is not to be had.
func (s *solving) regression(m *affineMap, group int) (r *regression.Ridge) {
	const atOnce = 2048 // spots: of a convolution their rows are many times what reaches it
	for first := 0; first < len(s.target.at); first += atOnce {
		last := min(first+atOnce, len(s.target.at))
		x := s.inputs(s.target.at[first:last], group, m.one)
		m.inputs = len(x) / (last - first)
		if x == nil || m.inputs > transplantInputs {
			return nil
		}
		if r == nil {
			r = regression.NewRidge(m.inputs, m.units)
		}
		rows := s.target.rows[first*s.target.units : last*s.target.units]
		r.Add(s.evaluator.workers, x, columns(rows, s.target.units, m.first, m.units))
	}
	return r
}

// affineMap returns all units of the layer as the network has them.
func (s *solving) affineMap() *affineMap {
	l := s.layer
	m := &affineMap{param: &l.layer.Params[l.weight], units: s.target.units, total: s.target.units}
	m.weight = s.mixture(l.layer.Name + ".weight")
	if l.bias >= 0 {
		m.bias = s.mixture(l.layer.Name + ".bias")
	}
	if l.norm != nil {
		m.scale, m.shift = s.mixture(l.norm.layer.Name+".scale"), s.mixture(l.norm.layer.Name+".bias")
		keepAway(m.scale)
	}
	m.one = m.bias != nil || m.shift != nil
	return m
}

// inputs gathers what reaches a group of the layer's units at spots, a row each; nil where what reaches it is laid
// out in no way that is known.
func (s *solving) inputs(at []regression.Spot, group int, one bool) []float32 {
	x := s.visit.In[0]
	if c := s.visit.Conv; c != nil {
		return regression.Patches(c, x.F, group, at, one)
	}
	g, ok := regression.NewGrid(x, s.evaluator.data.Len(), len(x.Shape)-1)
	if !ok || g.Places != s.target.places {
		return nil
	}
	return g.Gather(x.F, at, one)
}

// columns copies some columns of rows.
func columns(rows []float32, width, first, n int) []float32 {
	if n == width {
		return rows
	}
	out := make([]float32, 0, len(rows)/width*n)
	for r := 0; r < len(rows); r += width {
		out = append(out, rows[r+first:r+first+n]...)
	}
	return out
}

// keepAway keeps scales that divide from 0: at least a thousandth of the largest.
func keepAway(scale []float32) {
	var largest float64
	for _, v := range scale {
		largest = math.Max(largest, math.Abs(float64(v)))
	}
	least := float32(math.Max(largest*1e-3, 1e-12))
	for i, v := range scale {
		if v < least && v > -least {
			scale[i] = float32(math.Copysign(float64(least), float64(v)))
		}
	}
}

// affineMap is some units of a layer, with its normalisation, as one affine map: y = (W x + b) s + t.
type affineMap struct {
	param                      *graphmatch.Param // the weight's
	weight, bias, scale, shift []float32         // of all units; nil what there is not
	total                      int               // units in all
	first, units               int               // those that are read and written
	inputs                     int               // of a unit, with the one behind them
	one                        bool
}

// at is where input i of unit u has its weight.
func (a *affineMap) at(i, u int) int {
	n := a.inputs
	if a.one {
		n--
	}
	if a.param.ChannelAxis == 0 {
		return (a.first+u)*n + i
	}
	return i*a.total + a.first + u
}

// read returns the map as a matrix, inputs by units, the shift last.
func (a *affineMap) read() []float64 {
	v := make([]float64, a.inputs*a.units)
	n := len(v) / a.units
	if a.one {
		n--
	}
	for u := range a.units {
		s, t := 1.0, 0.0
		if a.scale != nil {
			s, t = float64(a.scale[a.first+u]), float64(a.shift[a.first+u])
		}
		for i := range n {
			v[i*a.units+u] = s * float64(a.weight[a.at(i, u)])
		}
		if a.bias != nil {
			t += s * float64(a.bias[a.first+u])
		}
		if a.one {
			v[n*a.units+u] = t
		}
	}
	return v
}

// write sets the map: the scales stay, weights and shift take what is left.
func (a *affineMap) write(v []float64) {
	n := len(v) / a.units
	if a.one {
		n--
	}
	for u := range a.units {
		s := 1.0
		if a.scale != nil {
			s = float64(a.scale[a.first+u])
		}
		for i := range n {
			a.weight[a.at(i, u)] = float32(v[i*a.units+u] / s)
		}
		switch {
		case !a.one:
		case a.shift != nil:
			t := v[n*a.units+u]
			if a.bias != nil {
				t -= s * float64(a.bias[a.first+u])
			}
			a.shift[a.first+u] = float32(t)
		default:
			a.bias[a.first+u] = float32(v[n*a.units+u])
		}
	}
}
