package gating

import (
	"fmt"
	"math"

	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
)

// Bake returns the base model with the plan's weights mixed by the coefficients. It is
// a view: the mixtures are computed in float64 when they are read or written, and
// rounded to the base's types. What the plan does not mix is the base's, byte for byte.
func (p *Plan) Bake(c Coefficients) (*onnx.Model, error) {
	return p.bake(c, (*baker).affine)
}

// bakePlain mixes a BatchNormalization's four tensors as any others, for statistics
// that are going to be measured anew.
func (p *Plan) bakePlain(c Coefficients) (*onnx.Model, error) {
	return p.bake(c, (*baker).plain)
}

// bake bakes with one of two ways for BatchNormalizations.
func (p *Plan) bake(c Coefficients, normalisation func(*baker, plannedLayer)) (*onnx.Model, error) {
	b := &baker{plan: p, coefficients: c}
	return b.bake(normalisation)
}

// bake is Plan.bake of a mixture.
func (m *Mixture) bake(normalisation func(*baker, plannedLayer)) (*onnx.Model, error) {
	b := &baker{plan: m.plan, coefficients: m.coefficients, static: m.static}
	return b.bake(normalisation)
}

// bake bakes all layers.
func (b *baker) bake(normalisation func(*baker, plannedLayer)) (*onnx.Model, error) {
	p := b.plan
	for _, l := range p.layers {
		for i := range l.layer.Resets {
			b.reset(l.layer, &l.layer.Resets[i])
		}
		if l.affine {
			normalisation(b, l)
		} else {
			b.plain(l)
		}
	}
	if len(b.edits) == 0 {
		return p.base(), nil
	}
	return p.base().With(b.edits...)
}

// plain mixes all tensors of a layer one by one.
func (b *baker) plain(l plannedLayer) {
	for k := range l.layer.Params {
		b.replace(l, k, b.mixed(l, k))
	}
}

// mixed is how a parameter's values come about: mixed, and repaired where the layer is.
func (b *baker) mixed(l plannedLayer, k int) func(shares) ([]float64, error) {
	param, repair := &l.layer.Params[k], b.plan.repairOf(l.layer)
	return func(c shares) ([]float64, error) {
		if given := b.given[l.layer.Name+"."+param.Role]; given != nil {
			return doubles(given), nil
		}
		if b.static != nil && merges(l.layer) {
			return b.static.param(l.layer, k, c)
		}
		v, err := b.mix(param, c)
		rescale(repair, param, c.total, v)
		b.addShift(v, l, k, c)
		return v, err
	}
}

// baker collects the edits of one Bake.
type baker struct {
	plan         *Plan
	coefficients Coefficients
	static       *static              // merges what coefficients would mix; nil where they do
	given        map[string][]float32 // values that are known, by layer and role, in place of mixed ones
	taken        map[string]bool      // names in the base; nil until one is needed
	edits        []onnx.Edit
}

// replace edits the tensor of a parameter.
func (b *baker) replace(l plannedLayer, k int, values func(shares) ([]float64, error)) {
	param := &l.layer.Params[k]
	c := b.coefficients.shares(l.groups[k])
	source := func() ([]float64, error) { return values(c) }
	b.set(l.layer.Name+"."+param.Role, &param.Uses[b.plan.selection.Alignment.Base], source)
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
	if !b.plan.selection.Alignment.Shared(use) {
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
func (b *baker) mix(p *graphmatch.Param, c shares) ([]float64, error) {
	outer, units, inner := blocks(p)
	out := make([]float64, outer*units*inner)
	if c.Units(0) == len(out) { // of each element
		units, inner = len(out), 1
	}
	for j := range b.plan.parents() {
		if c.zero(j) {
			continue
		}
		w, err := b.plan.selection.Alignment.Doubles(p, j, nil)
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
func (b *baker) affine(l plannedLayer) {
	n := newNormRoles(l.layer)
	params := l.layer.Params
	mean := func(c shares) ([]float64, error) { return b.mix(&params[n.mean], c.settled()) }
	variance := func(c shares) ([]float64, error) { return b.mix(&params[n.variance], c.settled()) }
	b.replace(l, n.mean, mean)
	b.replace(l, n.variance, variance)
	eps := epsilon(params[n.scale].Uses[b.plan.selection.Alignment.Base].Sites[0].Node)
	b.replace(l, n.scale, func(c shares) ([]float64, error) {
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
	b.replace(l, n.bias, func(c shares) ([]float64, error) {
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
func (b *baker) maps(l plannedLayer, n normRoles, c shares) (s, t []float64, err error) {
	params := l.layer.Params
	if s, t := b.given[l.layer.Name+".scale"], b.given[l.layer.Name+".bias"]; s != nil && t != nil {
		return doubles(s), doubles(t), nil
	}
	a := b.plan.selection.Alignment
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
	repair := b.plan.repairOf(l.layer)
	rescale(repair, &params[n.scale], c.total, s)
	rescale(repair, &params[n.bias], c.total, t)
	b.addShift(t, l, n.bias, c)
	return s, t, nil
}

// addShift adds the shifts of affine gates to a parameter that takes them.
func (b *baker) addShift(to []float64, l plannedLayer, k int, c shares) {
	if c.shift == nil || !b.plan.shifted(l, k) {
		return
	}
	for i, v := range c.shift {
		to[i] += v
	}
}

func doubles(list []float32) []float64 {
	out := make([]float64, len(list))
	for i, v := range list {
		out[i] = float64(v)
	}
	return out
}
