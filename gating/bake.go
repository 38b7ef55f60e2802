package gating

import (
	"fmt"
	"math"

	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
)

// Bake returns the base model with the plan's weights mixed by the coefficients
// (one slice a group, parent by parent). It is a view: the mixtures are computed
// in float64 when they are read or written, and rounded to the base's types. What
// the plan does not mix is the base's, byte for byte.
func (p *Plan) Bake(coeffs [][]float64) (*onnx.Model, error) {
	return p.bakeWith(coeffs, bakeOptions{})
}

// bakeOptions is what a candidate has besides its coefficients.
type bakeOptions struct {
	// plain mixes a BatchNormalization's four tensors as any others, for its
	// statistics are going to be measured anew.
	plain bool
}

// bakeWith is Bake with options.
func (p *Plan) bakeWith(coeffs [][]float64, o bakeOptions) (*onnx.Model, error) {
	b := baker{plan: p, coeffs: coeffs}
	for _, l := range p.Layers {
		for i := range l.Layer.Resets {
			b.reset(l.Layer, &l.Layer.Resets[i])
		}
		if l.affine && !o.plain {
			b.affine(l)
			continue
		}
		for k := range l.Layer.Params {
			b.replace(l, k, b.mixed(l.Layer, k))
		}
	}
	if len(b.edits) == 0 {
		return p.base(), nil
	}
	return p.base().With(b.edits...)
}

// mixed is how a parameter's values come about: mixed, and repaired where the layer is.
func (b *baker) mixed(l *graphmatch.Layer, k int) func(unitCoeffs) ([]float64, error) {
	param, repair := &l.Params[k], b.plan.repairOf(l)
	return func(c unitCoeffs) ([]float64, error) {
		v, err := b.mix(param, c)
		rescale(repair, param, c.total, v)
		return v, err
	}
}

// baker collects the edits of one Bake.
type baker struct {
	plan   *Plan
	coeffs [][]float64
	taken  map[string]bool // names in the base; nil until one is needed
	edits  []onnx.Edit
}

// unitCoeffs is the coefficients of one parameter: of parent j and channel u.
type unitCoeffs struct {
	c     []float64
	units int
}

// at returns the coefficient of parent j in channel u.
func (c unitCoeffs) at(j, u int) float64 {
	if c.units == 1 {
		u = 0
	}
	return c.c[j*c.units+u]
}

// total is what the coefficients of channel u add up to: 1 for convex ones.
func (c unitCoeffs) total(u int) (sum float64) {
	for j := range len(c.c) / c.units {
		sum += c.at(j, u)
	}
	return sum
}

// replace edits the tensor of a parameter.
func (b *baker) replace(l PlannedLayer, k int, values func(unitCoeffs) ([]float64, error)) {
	param := &l.Layer.Params[k]
	group := l.Groups[k]
	c := unitCoeffs{b.coeffs[group], b.plan.Groups[group].Units}
	source := func() ([]float64, error) { return values(c) }
	b.set(l.Layer.Name+"."+param.Role, &param.Uses[b.plan.Selection.Alignment.Base], source)
}

// reset fills a tensor of the base with the number that the merged layer needs there.
func (b *baker) reset(l *graphmatch.Layer, r *graphmatch.Reset) {
	source := func() ([]float64, error) {
		values := make([]float64, b.plan.base().Tensor(r.Use.Tensor).Len())
		for i := range values {
			values[i] = r.Number
		}
		return values, nil
	}
	b.set(l.Name+"."+r.Use.Name, &r.Use, source)
}

// set edits the tensor that a use reads. A tensor that others read too is left to them, and a new one is
// added for the use's sites.
func (b *baker) set(name string, use *graphmatch.Use, source onnx.Source) {
	if !b.plan.Selection.Alignment.Shared(use) {
		b.edits = append(b.edits, onnx.SetValues(use.Tensor, source))
		return
	}
	base := b.plan.base()
	t := base.Tensor(use.Tensor)
	name = b.fresh(name + ".softmerge")
	b.edits = append(b.edits, onnx.AddInitializer(base.Proto().GetGraph(), name, t.DataType(), t.Shape(), source))
	for _, s := range use.Sites {
		b.edits = append(b.edits, onnx.SetInput(s.Node, s.Input, name))
	}
}

// fresh makes a name unique in the base by a number.
func (b *baker) fresh(name string) string {
	if b.taken == nil {
		b.taken = graphmatch.Names(b.plan.base())
	}
	unique := name
	for n := 2; b.taken[unique]; n++ {
		unique = fmt.Sprintf("%s%d", name, n)
	}
	b.taken[unique] = true
	return unique
}

// mix computes sum_j c_j W_j in float64. A parent with coefficient 0 is not read.
func (b *baker) mix(p *graphmatch.Param, c unitCoeffs) ([]float64, error) {
	outer, units, inner := blocks(p)
	out := make([]float64, outer*units*inner)
	for j := range b.plan.parents() {
		if c.zero(j) {
			continue
		}
		w, err := b.plan.Selection.Alignment.Doubles(p, j, nil)
		if err != nil {
			return nil, err
		}
		for i, v := range w {
			if cj := c.at(j, i/inner%units); cj != 0 {
				out[i] += cj * v
			}
		}
	}
	return out, nil
}

// zero says whether all of parent j's coefficients are 0.
func (c unitCoeffs) zero(j int) bool {
	for _, v := range c.c[j*c.units : (j+1)*c.units] {
		if v != 0 {
			return false
		}
	}
	return true
}

// blocks returns the parameter's shape as [outer, channels, inner].
func blocks(p *graphmatch.Param) (outer, units, inner int) {
	outer, units, inner = 1, 1, 1
	for i, d := range p.Shape {
		switch {
		case p.ChannelAxis < 0 || i > p.ChannelAxis:
			inner *= d
		case i == p.ChannelAxis:
			units = d
		default:
			outer *= d
		}
	}
	return outer, units, max(1, inner)
}

// affine bakes a BatchNormalization: mean and variance are mixed, and scale and
// bias are chosen so that the node computes the mixed affine map
// y = s x + t exactly: g = s sqrt(v+eps), b = t + m s.
func (b *baker) affine(l PlannedLayer) {
	n := newNormRoles(l.Layer)
	params := l.Layer.Params
	mean := func(c unitCoeffs) ([]float64, error) { return b.mix(&params[n.mean], c) }
	variance := func(c unitCoeffs) ([]float64, error) { return b.mix(&params[n.variance], c) }
	b.replace(l, n.mean, mean)
	b.replace(l, n.variance, variance)
	eps := epsilon(params[n.scale].Uses[b.plan.Selection.Alignment.Base].Sites[0].Node)
	b.replace(l, n.scale, func(c unitCoeffs) ([]float64, error) {
		s, _, err := b.maps(l, n, c)
		if err != nil {
			return nil, err
		}
		v, err := variance(c)
		for i := range v {
			s[i] *= math.Sqrt(v[i] + eps)
		}
		return s, err
	})
	b.replace(l, n.bias, func(c unitCoeffs) ([]float64, error) {
		s, t, err := b.maps(l, n, c)
		if err != nil {
			return nil, err
		}
		m, err := mean(c)
		for i := range m {
			t[i] += m[i] * s[i]
		}
		return t, err
	})
}

// maps returns the mixed s and t of a BatchNormalization, in float64.
func (b *baker) maps(l PlannedLayer, n normRoles, c unitCoeffs) (s, t []float64, err error) {
	params := l.Layer.Params
	a := b.plan.Selection.Alignment
	s, t = make([]float64, params[n.scale].Shape[0]), make([]float64, params[n.scale].Shape[0])
	for j := range b.plan.parents() {
		if c.zero(j) {
			continue
		}
		var w [4][]float64
		for i, k := range []int{n.scale, n.bias, n.mean, n.variance} {
			if w[i], err = a.Doubles(&params[k], j, nil); err != nil {
				return nil, nil, err
			}
		}
		eps := epsilon(params[n.scale].Uses[j].Sites[0].Node)
		for i := range s {
			sj := w[0][i] / math.Sqrt(w[3][i]+eps)
			s[i] += c.at(j, i) * sj
			t[i] += c.at(j, i) * (w[1][i] - w[2][i]*sj)
		}
	}
	repair := b.plan.repairOf(l.Layer)
	rescale(repair, &params[n.scale], c.total, s)
	rescale(repair, &params[n.bias], c.total, t)
	return s, t, nil
}
