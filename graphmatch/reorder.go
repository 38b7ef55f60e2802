package graphmatch

import (
	"fmt"
	"slices"

	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// reorder are the edits that put all parameters of a model into a new order. A tensor that others read
// too, or want in another order, is copied under a new name for the sites that want it reordered.
func reorder(v *view, sym *symmetry, order [][]int) []onnx.Edit {
	c := &copier{view: v, order: order, taken: names(v.model), readers: tensorReaders(v)}
	byParam := map[*param][]*face{}
	byTensor := map[*onnxpb.TensorProto][]*param{}
	var tensors []*onnxpb.TensorProto
	for _, f := range sym.faces {
		p := f.param
		if byParam[p] == nil {
			if byTensor[p.c.tensor] == nil {
				tensors = append(tensors, p.c.tensor)
			}
			byTensor[p.c.tensor] = append(byTensor[p.c.tensor], p)
		}
		byParam[p] = append(byParam[p], f)
	}
	for _, t := range tensors {
		c.tensor(t, byTensor[t], byParam)
	}
	return c.edits
}

// copier collects the edits of reorder.
type copier struct {
	view    *view
	order   [][]int
	taken   map[string]bool
	readers map[*onnxpb.TensorProto]int
	edits   []onnx.Edit
}

// tensor reorders one tensor for all parameters that read it.
func (c *copier) tensor(t *onnxpb.TensorProto, params []*param, faces map[*param][]*face) {
	sites, same := 0, true
	for _, p := range params {
		sites += len(p.at)
		same = same && c.sameOrder(faces[params[0]], faces[p])
	}
	if same && sites == c.readers[t] {
		if moves(faces[params[0]], c.order) {
			c.edits = append(c.edits, onnx.SetValues(t, reordered(c.view, params[0], faces[params[0]], c.order)))
		}
		return
	}
	for _, p := range params {
		if moves(faces[p], c.order) {
			c.copy(p, faces[p])
		}
	}
}

// sameOrder tells whether two lists of faces put a tensor into the same order.
func (c *copier) sameOrder(a, b []*face) bool {
	return slices.EqualFunc(a, b, func(f, g *face) bool {
		if f.first != g.first || !slices.Equal(f.shape, g.shape) {
			return false
		}
		for k, n := range f.shape {
			x, y := positions(n, f.axes[k].resolved(), c.order), positions(n, g.axes[k].resolved(), c.order)
			if !slices.Equal(x, y) {
				return false
			}
		}
		return true
	})
}

// copy gives the sites of a parameter a reordered copy of its tensor.
func (c *copier) copy(p *param, faces []*face) {
	name := p.c.name() + "_reordered"
	for n := 2; c.taken[name]; n++ {
		name = fmt.Sprintf("%s_reordered%d", p.c.name(), n)
	}
	c.taken[name] = true
	g := c.view.model.Proto().GetGraph()
	c.edits = append(c.edits, onnx.AddInitializer(g, name, p.c.dataType(), p.c.fileShape(), reordered(c.view, p, faces, c.order)))
	for _, at := range p.at {
		s := at.site(p.c)
		c.edits = append(c.edits, onnx.SetInput(s.Node, s.Input, name))
	}
}

// moves tells whether an order changes anything on faces.
func moves(faces []*face, order [][]int) bool {
	for _, f := range faces {
		for _, a := range f.axes {
			for _, r := range a.resolved() {
				if !slices.IsSorted(order[r.set]) {
					return true
				}
			}
		}
	}
	return false
}

// reordered gives the values of a parameter in a new order when they are needed.
func reordered(v *view, p *param, faces []*face, order [][]int) onnx.Source {
	return func() ([]float64, error) {
		values, err := v.model.Tensor(p.c.tensor).Doubles(nil)
		if err != nil {
			return nil, err
		}
		for _, f := range faces {
			block, outer := values[f.first:f.first+f.size()], 1
			for k, d := range f.shape {
				if runs := f.axes[k].resolved(); len(runs) > 0 {
					copy(block, gather(block, outer, d, positions(d, runs, order)))
				}
				outer *= d
			}
		}
		return values, nil
	}
}

// tensorReaders counts the input slots that read each tensor, dead nodes included.
func tensorReaders(v *view) map[*onnxpb.TensorProto]int {
	count := map[*onnxpb.TensorProto]int{}
	for _, n := range v.nodes {
		for _, in := range n.in {
			if in != nil && in.fixed != nil && in.fixed.tensor != nil {
				count[in.fixed.tensor]++
			}
		}
	}
	for _, out := range v.outputs {
		if out != nil && out.fixed != nil && out.fixed.tensor != nil {
			count[out.fixed.tensor]++
		}
	}
	return count
}
