package gating

import (
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/gating/network/tape"
)

// affine is what affine gates learn of a group beside its gates: for each unit, which is an output channel, a factor of
// what is mixed and a number that is added to the bias,
//
//	W_o = (1 + s_o) sum over parents j of c_jo W_jo,  b_o = (1 + s_o) sum over j of c_jo b_jo + t_o.
//
// Both start at 0. A mean of several networks' channels varies less than each: convex gates alone cannot undo that.
type affine struct {
	scale, shift []float32 // s and t
}

func newAffine(g group) *affine { return &affine{make([]float32, g.units), make([]float32, g.units)} }

// learnedAffine lists what is learned beside the gates. Of free weights those are the shifts, and the scales of
// normalisations.
func (g *gates) learnedAffine() [][]float32 {
	switch {
	case g.affine == nil:
		return nil
	case g.frozen && g.group.elements:
		return [][]float32{g.affine.shift}
	}
	return [][]float32{g.affine.scale, g.affine.shift}
}

// apply adds the affine coefficients to a program: those of every parent, and behind them the shifts.
func (a *affine) apply(p *tape.Program, c, scale, shift *tape.Vector) *tape.Vector {
	return p.Apply(tape.Call{
		Op: "affine", Function: a, In: []*tape.Vector{c, scale, shift},
		Out: []tape.Shape{{Kind: tape.Floats, Len: c.Len + shift.Len}}, Flows: func(_, _ int) bool { return true },
	})[0]
}

// Forward computes (1+s) c, and copies t.
func (a *affine) Forward(_ uint64, in, out []tape.Data) error {
	c, s := in[0].F, in[1].F
	for first := 0; first < len(c); first += len(s) {
		to := out[0].F[first : first+len(s)]
		for u, v := range c[first : first+len(s)] {
			to[u] = (1 + s[u]) * v
		}
	}
	copy(out[0].F[len(c):], in[2].F)
	return nil
}

// Backward computes the gradient with respect to c, s or t.
func (a *affine) Backward(_ uint64, i, _ int, in, _ []tape.Data, dy, dx []float32) error {
	c, s := in[0].F, in[1].F
	switch i {
	case 0:
		for first := 0; first < len(c); first += len(s) {
			for u, v := range s {
				dx[first+u] = dy[first+u] * (1 + v)
			}
		}
	case 1:
		clear(dx)
		for first := 0; first < len(c); first += len(s) {
			for u, v := range c[first : first+len(s)] {
				dx[u] += dy[first+u] * v
			}
		}
	case 2:
		copy(dx, dy[len(c):])
	}
	return nil
}

// shifted says whether a layer's parameter takes the shifts of its group: a bias, or any whose weights have gates each.
func (p *Plan) shifted(l plannedLayer, param int) bool {
	t, g := &l.layer.Params[param], &p.groups[l.groups[param]]
	return sizeOf(t.Shape) == g.units &&
		(g.elements || t.Role == "bias" && t.ChannelAxis >= 0 && t.Shape[t.ChannelAxis] == g.units)
}

// withShifts makes mixtures read the shifts behind the coefficients: as those of one parent more, whose biases are 1.
func (p *Plan) withShifts(params []network.Param) {
	at := 0
	for i, l := range p.layers {
		for _, m := range p.weights.layers[i].mixed {
			if p.shifted(l, m.param) {
				ones := make([]float32, p.groups[l.groups[m.param]].units)
				for u := range ones {
					ones[u] = 1
				}
				params[at].Values = append(params[at].Values, ones)
			}
			at++
		}
	}
}

// affined returns coefficients as affine gates change them.
func (c Coefficients) affined(list []*affine) Coefficients {
	out := Coefficients{numbers: c.clone()}
	for g, a := range list {
		shift := make([]float64, len(a.shift))
		for u := range shift {
			shift[u] = float64(a.shift[u])
			for j := range out.parents {
				out.of(g, j)[u] *= 1 + float64(a.scale[u])
			}
		}
		out.shifts = append(out.shifts, shift)
	}
	return out
}
