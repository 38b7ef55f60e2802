package rebasin

import (
	"fmt"
	"slices"

	"github.com/softmerge/softmerge/graphmatch/internal/flow"
	"github.com/softmerge/softmerge/graphmatch/internal/symmetry"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// Reorder are the edits that put all parameters of a model into a new order. A tensor that others read
// too, or want in another order, is copied under a new name for the sites that want it reordered.
func Reorder(v *flow.Network, sym *symmetry.Symmetry, order [][]int) []onnx.Edit {
	c := &copier{view: v, order: order, taken: flow.Names(v.Model), readers: tensorReaders(v)}
	byParam := map[*flow.Param][]*symmetry.Block{}
	byTensor := map[*onnxpb.TensorProto][]*flow.Param{}
	var tensors []*onnxpb.TensorProto
	for _, f := range sym.Blocks {
		p := f.Param
		if byParam[p] == nil {
			if byTensor[p.C.Tensor] == nil {
				tensors = append(tensors, p.C.Tensor)
			}
			byTensor[p.C.Tensor] = append(byTensor[p.C.Tensor], p)
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
	view    *flow.Network
	order   [][]int
	taken   map[string]bool
	readers map[*onnxpb.TensorProto]int
	edits   []onnx.Edit
}

// tensor reorders one tensor for all parameters that read it.
func (c *copier) tensor(t *onnxpb.TensorProto, params []*flow.Param, blocks map[*flow.Param][]*symmetry.Block) {
	sites, same := 0, true
	for _, p := range params {
		sites += len(p.At)
		same = same && c.sameOrder(blocks[params[0]], blocks[p])
	}
	if same && sites == c.readers[t] {
		if moves(blocks[params[0]], c.order) {
			c.edits = append(c.edits, onnx.SetValues(t, reordered(c.view, params[0], blocks[params[0]], c.order)))
		}
		return
	}
	for _, p := range params {
		if moves(blocks[p], c.order) {
			c.copy(p, blocks[p])
		}
	}
}

// sameOrder tells whether two lists of blocks put a tensor into the same order.
func (c *copier) sameOrder(a, b []*symmetry.Block) bool {
	return slices.EqualFunc(a, b, func(f, g *symmetry.Block) bool {
		if f.First != g.First || !slices.Equal(f.Shape, g.Shape) {
			return false
		}
		for k, n := range f.Shape {
			x, y := positions(n, f.Spans(k), c.order), positions(n, g.Spans(k), c.order)
			if !slices.Equal(x, y) {
				return false
			}
		}
		return true
	})
}

// copy gives the sites of a parameter a reordered copy of its tensor.
func (c *copier) copy(p *flow.Param, blocks []*symmetry.Block) {
	name := p.C.Name() + "_reordered"
	for n := 2; c.taken[name]; n++ {
		name = fmt.Sprintf("%s_reordered%d", p.C.Name(), n)
	}
	c.taken[name] = true
	g := c.view.Model.Proto().GetGraph()
	values := reordered(c.view, p, blocks, c.order)
	c.edits = append(c.edits, onnx.AddInitializer(g, name, p.C.DataType(), p.C.FileShape(), values))
	for _, at := range p.At {
		s := at.Site(p.C)
		c.edits = append(c.edits, onnx.SetInput(s.Node, s.Input, name))
	}
}

// moves tells whether an order changes anything on blocks.
func moves(blocks []*symmetry.Block, order [][]int) bool {
	for _, b := range blocks {
		for k := range b.Shape {
			for _, r := range b.Spans(k) {
				if !slices.IsSorted(order[r.Set]) {
					return true
				}
			}
		}
	}
	return false
}

// reordered gives the values of a parameter in a new order when they are needed.
func reordered(v *flow.Network, p *flow.Param, blocks []*symmetry.Block, order [][]int) onnx.Source {
	return func() ([]float64, error) {
		values, err := v.Model.Tensor(p.C.Tensor).Doubles(nil)
		if err != nil {
			return nil, err
		}
		for _, f := range blocks {
			block, outer := values[f.First:f.First+f.Size()], 1
			for k, d := range f.Shape {
				if spans := f.Spans(k); len(spans) > 0 {
					copy(block, gather(block, outer, d, positions(d, spans, order)))
				}
				outer *= d
			}
		}
		return values, nil
	}
}

// tensorReaders counts the input slots that read each tensor, dead nodes included.
func tensorReaders(v *flow.Network) map[*onnxpb.TensorProto]int {
	count := map[*onnxpb.TensorProto]int{}
	for _, n := range v.Nodes {
		for _, in := range n.In {
			if in != nil && in.Fixed != nil && in.Fixed.Tensor != nil {
				count[in.Fixed.Tensor]++
			}
		}
	}
	for _, out := range v.Outputs {
		if out != nil && out.Fixed != nil && out.Fixed.Tensor != nil {
			count[out.Fixed.Tensor]++
		}
	}
	return count
}
