package network

import (
	"slices"

	"github.com/softmerge/softmerge/gating/kernel"
)

// spaceOps move elements between channels and space.
var spaceOps = family{
	full("DepthToSpace", 1, buildDepthToSpace),
	full("SpaceToDepth", 1, buildSpaceToDepth),
	full("Col2Im", 18, buildCol2Im),
}

// buildDepthToSpace spreads channels over blocks of pixels: the block's place is the outer part of the channel number
// in mode DCR and the inner part in mode CRD (opset 11).
func buildDepthToSpace(c *call) (Operator, []Spec, error) {
	shape, b, err := c.blocks()
	if err != nil {
		return nil, nil, err
	}
	n, ch, h, w := shape[0], shape[1], shape[2], shape[3]
	if ch%(b*b) != 0 {
		return nil, nil, c.shapeError("%d channels are no multiple of the %d places of a block", ch, b*b)
	}
	to := Spec{c.in[0].Type, []int{n, ch / (b * b), h * b, w * b}}
	switch mode := c.string("mode", "DCR"); mode {
	case "DCR":
		return newTranspose([]int{n, b, b, ch / (b * b), h, w}, []int{0, 3, 4, 1, 5, 2}), []Spec{to}, nil
	case "CRD":
		return newTranspose([]int{n, ch / (b * b), b, b, h, w}, []int{0, 1, 4, 2, 5, 3}), []Spec{to}, nil
	default:
		return nil, nil, c.unsupported("mode %q", mode)
	}
}

// buildSpaceToDepth gathers blocks of pixels into channels, the block's place being the outer part of the channel number.
func buildSpaceToDepth(c *call) (Operator, []Spec, error) {
	shape, b, err := c.blocks()
	if err != nil {
		return nil, nil, err
	}
	n, ch, h, w := shape[0], shape[1], shape[2], shape[3]
	if h%b != 0 || w%b != 0 {
		return nil, nil, c.shapeError("%d by %d pixels do not divide into blocks of %d", h, w, b)
	}
	to := Spec{c.in[0].Type, []int{n, ch * b * b, h / b, w / b}}
	return newTranspose([]int{n, ch, h / b, b, w / b, b}, []int{0, 3, 5, 1, 2, 4}), []Spec{to}, nil
}

// blocks returns the input's shape, which must have 4 axes, and the blocksize.
func (c *call) blocks() (shape []int, size int, err error) {
	if err := c.need(1); err != nil {
		return nil, 0, err
	}
	shape = c.in[0].Shape
	b := c.int("blocksize", 0)
	if len(shape) != 4 || b < 1 || b > 1<<20 {
		return nil, 0, c.shapeError("input has shape %v and blocks have size %d, want 4 axes and a positive size", shape, b)
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
func buildCol2Im(c *call) (Operator, []Spec, error) {
	if err := c.need(3); err != nil {
		return nil, nil, err
	}
	image, err := c.dims(1)
	if err != nil {
		return nil, nil, err
	}
	block, err := c.dims(2)
	if err != nil {
		return nil, nil, err
	}
	g, err := c.unfolding(image, block)
	if err != nil {
		return nil, nil, err
	}
	shape := c.in[0].Shape
	per := sizeOf(block)
	if len(shape) != 3 || per == 0 || shape[1]%per != 0 || shape[2] != sizeOf(g.steps) {
		return nil, nil, c.shapeError("input has shape %v, want [N, C*%d, %d] for blocks of %v in an image of %v", shape, per, sizeOf(g.steps), block, image)
	}
	to := slices.Concat([]int{shape[0], shape[1] / per}, image)
	if err := c.fits(to); err != nil {
		return nil, nil, err
	}
	op := &col2Im{columns: per * shape[2], image: sizeOf(image), place: g.places()}
	return op, []Spec{{c.in[0].Type, to}}, nil
}

// unfolding is how blocks lie in an image: all lists have one entry for each spatial axis.
type unfolding struct {
	image, block, steps            []int
	strides, dilations, padsBefore []int
}

func (c *call) unfolding(image, block []int) (*unfolding, error) {
	rank := len(image)
	ones, zeros := slices.Repeat([]int64{1}, rank), make([]int64, 2*rank)
	strides, dilations, pads := c.intList("strides", ones), c.intList("dilations", ones), c.intList("pads", zeros)
	if len(block) != rank || len(strides) != rank || len(dilations) != rank || len(pads) != 2*rank {
		return nil, c.shapeError("image %v, block %v, strides %v, dilations %v and pads %v differ in rank", image, block, strides, dilations, pads)
	}
	g := &unfolding{image: image, block: block}
	for d := range rank {
		for _, v := range []int64{strides[d], dilations[d], pads[d] + 1, pads[rank+d] + 1, int64(image[d]) + 1, int64(block[d])} {
			if v < 1 || v > 1<<30 {
				return nil, c.shapeError("image %v, block %v, strides %v, dilations %v, pads %v: a number is out of range", image, block, strides, dilations, pads)
			}
		}
		room := image[d] + int(pads[d]+pads[rank+d]) - (int(dilations[d])*(block[d]-1) + 1)
		if room < 0 {
			return nil, c.shapeError("blocks of %v do not fit into an image of %v", block, image)
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
	list := make([]int, 0, sizeOf(g.block)*sizeOf(g.steps))
	element := make([]int, len(g.block))
	for range sizeOf(g.block) {
		step := make([]int, len(g.steps))
		for range sizeOf(g.steps) {
			list = append(list, g.pixel(element, step))
			advance(step, g.steps)
		}
		advance(element, g.block)
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
func (op *col2Im) Forward(x *Context, in, out []*Tensor) error {
	if y := out[0]; y.Spec().IsFloat() {
		addColumns(x, op, y.F, in[0].F)
	} else {
		addColumns(x, op, y.I, in[0].I)
		for i, v := range y.I {
			y.I[i] = wrapInt(y.Type, v)
		}
	}
	return nil
}

func addColumns[T float32 | int64](x *Context, op *col2Im, y, columns []T) {
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
func (op *col2Im) Backward(x *Context, _, _ int, _, _ []*Tensor, dy, dx *Tensor) error {
	m := kernel.NewRemap([]int{1, op.image}, [][]int{nil, op.place})
	for p := 0; p < len(dx.F); p += op.columns {
		plane := p / op.columns * op.image
		kernel.Copy(x.Workers, dx.F[p:p+op.columns], dy.F[plane:plane+op.image], m, 0)
	}
	return nil
}
