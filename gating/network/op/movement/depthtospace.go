package movement

import (
	"slices"

	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network/op"
)

// depthToSpaceOps move elements between channels and space.
var depthToSpaceOps = op.Family{
	op.WithGradient("DepthToSpace", 1, buildDepthToSpace),
	op.WithGradient("SpaceToDepth", 1, buildSpaceToDepth),
	op.WithGradient("Col2Im", 18, buildCol2Im),
}

// buildDepthToSpace spreads channels over blocks of pixels: the block's place is the outer part of the channel number
// in mode DCR and the inner part in mode CRD (opset 11).
func buildDepthToSpace(c *op.Call) (op.Operator, []op.Spec, error) {
	shape, b, err := blocks(c)
	if err != nil {
		return nil, nil, err
	}
	n, ch, h, w := shape[0], shape[1], shape[2], shape[3]
	if ch%(b*b) != 0 {
		return nil, nil, c.ShapeError("%d channels are no multiple of the %d places of a block", ch, b*b)
	}
	to := op.Spec{Type: c.In[0].Type, Shape: []int{n, ch / (b * b), h * b, w * b}}
	switch mode := c.Text("mode", "DCR"); mode {
	case "DCR":
		return newTranspose([]int{n, b, b, ch / (b * b), h, w}, []int{0, 3, 4, 1, 5, 2}), []op.Spec{to}, nil
	case "CRD":
		return newTranspose([]int{n, ch / (b * b), b, b, h, w}, []int{0, 1, 4, 2, 5, 3}), []op.Spec{to}, nil
	default:
		return nil, nil, c.Unsupported("mode %q", mode)
	}
}

// buildSpaceToDepth gathers blocks of pixels into channels, the block's place being the outer part of the channel
// number.
func buildSpaceToDepth(c *op.Call) (op.Operator, []op.Spec, error) {
	shape, b, err := blocks(c)
	if err != nil {
		return nil, nil, err
	}
	n, ch, h, w := shape[0], shape[1], shape[2], shape[3]
	if h%b != 0 || w%b != 0 {
		return nil, nil, c.ShapeError("%d by %d pixels do not divide into blocks of %d", h, w, b)
	}
	to := op.Spec{Type: c.In[0].Type, Shape: []int{n, ch * b * b, h / b, w / b}}
	return newTranspose([]int{n, ch, h / b, b, w / b, b}, []int{0, 3, 5, 1, 2, 4}), []op.Spec{to}, nil
}

// blocks returns the input's shape, which must have 4 axes, and the blocksize.
func blocks(c *op.Call) (shape []int, size int, err error) {
	if err := c.Need(1); err != nil {
		return nil, 0, err
	}
	shape = c.In[0].Shape
	b := c.Int("blocksize", 0)
	if len(shape) != 4 || b < 1 || b > 1<<20 {
		return nil, 0,
			c.ShapeError("input has shape %v and blocks have size %d, want 4 axes and a positive size", shape, b)
	}
	return shape, int(b), nil
}

// col2Im adds the columns of unfolded blocks up to an image: element e of each
// plane of columns goes to place[e] of a plane of the image, -1 for the padding.
type col2Im struct {
	columns, image int // elements in a plane
	place          []int
}

// buildCol2Im follows Col2Im of opset 18 for any number of spatial axes.
func buildCol2Im(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.Need(3); err != nil {
		return nil, nil, err
	}
	image, err := c.Dims(1)
	if err != nil {
		return nil, nil, err
	}
	block, err := c.Dims(2)
	if err != nil {
		return nil, nil, err
	}
	g, err := newUnfolding(c, image, block)
	if err != nil {
		return nil, nil, err
	}
	shape := c.In[0].Shape
	per := op.SizeOf(block)
	if len(shape) != 3 || per == 0 || shape[1]%per != 0 || shape[2] != op.SizeOf(g.steps) {
		return nil, nil, c.ShapeError("input has shape %v, want [N, C*%d, %d] for blocks of %v in an image of %v",
			shape, per, op.SizeOf(g.steps), block, image)
	}
	to := slices.Concat([]int{shape[0], shape[1] / per}, image)
	if err := c.Fits(to); err != nil {
		return nil, nil, err
	}
	operator := &col2Im{columns: per * shape[2], image: op.SizeOf(image), place: g.places()}
	return operator, []op.Spec{{Type: c.In[0].Type, Shape: to}}, nil
}

// unfolding is how blocks lie in an image: all lists have one entry for each spatial axis.
type unfolding struct {
	image, block, steps            []int
	strides, dilations, padsBefore []int
}

func newUnfolding(c *op.Call, image, block []int) (*unfolding, error) {
	rank := len(image)
	ones, zeros := slices.Repeat([]int64{1}, rank), make([]int64, 2*rank)
	strides, dilations, pads := c.IntList("strides", ones), c.IntList("dilations", ones), c.IntList("pads", zeros)
	if len(block) != rank || len(strides) != rank || len(dilations) != rank || len(pads) != 2*rank {
		return nil, c.ShapeError("image %v, block %v, strides %v, dilations %v and pads %v differ in rank",
			image, block, strides, dilations, pads)
	}
	g := &unfolding{image: image, block: block}
	for d := range rank {
		for _, v := range []int64{strides[d], dilations[d], pads[d] + 1, pads[rank+d] + 1,
			int64(image[d]) + 1, int64(block[d])} {
			if v < 1 || v > 1<<30 {
				return nil,
					c.ShapeError("image %v, block %v, strides %v, dilations %v, pads %v: a number is out of range",
						image, block, strides, dilations, pads)
			}
		}
		room := image[d] + int(pads[d]+pads[rank+d]) - (int(dilations[d])*(block[d]-1) + 1)
		if room < 0 {
			return nil, c.ShapeError("blocks of %v do not fit into an image of %v", block, image)
		}
		g.steps = append(g.steps, room/int(strides[d])+1)
		g.strides = append(g.strides, int(strides[d]))
		g.dilations = append(g.dilations, int(dilations[d]))
		g.padsBefore = append(g.padsBefore, int(pads[d]))
	}
	return g, nil
}

// places lists for each block element and step, in this order, the pixel that it is.
func (g *unfolding) places() []int {
	list := make([]int, 0, op.SizeOf(g.block)*op.SizeOf(g.steps))
	element := make([]int, len(g.block))
	for range op.SizeOf(g.block) {
		step := make([]int, len(g.steps))
		for range op.SizeOf(g.steps) {
			list = append(list, g.pixel(element, step))
			op.Advance(step, g.steps)
		}
		op.Advance(element, g.block)
	}
	return list
}

func (g *unfolding) pixel(element, step []int) int {
	at := 0
	for d, n := range g.image {
		i := step[d]*g.strides[d] + element[d]*g.dilations[d] - g.padsBefore[d]
		if i < 0 || i >= n {
			return -1
		}
		at = at*n + i
	}
	return at
}

// Forward adds up each plane.
func (o *col2Im) Forward(x *op.Context, in, out []*op.Tensor) error {
	if y := out[0]; y.Spec().IsFloat() {
		addColumns(x, o, y.F, in[0].F)
	} else {
		addColumns(x, o, y.I, in[0].I)
		for i, v := range y.I {
			y.I[i] = op.WrapInt(y.Type, v)
		}
	}
	return nil
}

func addColumns[T float32 | int64](x *op.Context, op *col2Im, y, columns []T) {
	x.Workers.For(len(columns)/max(1, op.columns), 1, func(lo, hi int) {
		for p := lo; p < hi; p++ {
			plane, from := y[p*op.image:(p+1)*op.image], columns[p*op.columns:]
			clear(plane)
			for e, at := range op.place {
				if at >= 0 {
					plane[at] += from[e]
				}
			}
		}
	})
}

// Backward reads each column element's pixel of dy.
func (op *col2Im) Backward(x *op.Context, _, _ int, _, _ []*op.Tensor, dy, dx *op.Tensor) error {
	m := kernel.NewRemap([]int{1, op.image}, [][]int{nil, op.place})
	for p := 0; p < len(dx.F); p += op.columns {
		plane := p / op.columns * op.image
		kernel.Copy(x.Workers, dx.F[p:p+op.columns], dy.F[plane:plane+op.image], m, 0)
	}
	return nil
}
