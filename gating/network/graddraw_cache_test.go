package network

import (
	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

// aDeformConv draws samples that a step does not take across a pixel, some of them outside the image.
func (d draw) aDeformConv() optest.Case {
	group, fields := d.between(1, 2), d.between(1, 2)
	channels, maps := 2*group*d.between(1, 2), group*d.between(1, 2)
	n, kh, kw, oh, ow := d.IntN(3), d.between(1, 2), d.between(1, 3), d.between(1, 3), d.between(1, 2)
	stride, dilation := d.between(1, 2), d.between(1, 2)
	h, w := (oh-1)*stride+(kh-1)*dilation+1, (ow-1)*stride+(kw-1)*dilation // with a pad of 1 behind the columns
	w = max(w, 1)
	ow = (w+1-(kw-1)*dilation-1)/stride + 1
	c := optest.Case{Op: "DeformConv", Opset: 22, Step: 1.0 / 512, Attrs: optest.Attrs{
		optest.IntAttr("group", int64(group)), optest.IntAttr("offset_group", int64(fields)),
		optest.IntsAttr("strides", int64(stride), int64(stride)),
		optest.IntsAttr("dilations", int64(dilation), int64(dilation)), optest.IntsAttr("pads", 0, 0, 0, 1)}}
	offset := op.NewTensor(op.Spec{Type: onnx.Float32, Shape: []int{n, 2 * fields * kh * kw, oh, ow}})
	for i := range offset.F {
		offset.F[i] = float32(d.between(-2, 1)) + 0.2 + 0.6*d.Float32()
	}
	c.Inputs = []*op.Tensor{d.tensor(n, channels, h, w), d.tensor(maps, channels/group, kh, kw), offset}
	if d.IntN(2) == 0 {
		c.Inputs = append(c.Inputs, d.tensor(maps))
		if d.IntN(2) == 0 {
			c.Inputs = append(c.Inputs, d.tensor(n, fields*kh*kw, oh, ow))
		}
	}
	return c
}

// aCumProd draws zeros among the elements.
func (d draw) aCumProd() optest.Case {
	shape := d.shape(d.between(1, 3))
	given, _ := d.axis(len(shape))
	x := d.tensor(shape...)
	if len(x.F) > 1 {
		x.F[d.IntN(len(x.F))] = 0
	}
	return optest.Case{Op: "CumProd", Opset: 26, Attrs: append(d.flag("exclusive"), d.flag("reverse")...),
		Inputs: []*op.Tensor{x, optest.IntTensor(given)}}
}

// aTensorScatter draws both modes, every axis but the first, and places or none.
func (d draw) aTensorScatter() optest.Case {
	shape := append([]int{d.IntN(3)}, d.full(d.between(1, 3))...)
	axis := d.between(1, len(shape)-1)
	update := append([]int{}, shape...)
	update[axis] = d.between(0, shape[axis])
	c := optest.Case{Op: "TensorScatter", Opset: 24,
		Attrs:  append(d.one("mode", "linear", "circular"), optest.IntAttr("axis", int64(axis-len(shape)*d.IntN(2)))),
		Inputs: []*op.Tensor{d.scaled(shape...), d.scaled(update...)}}
	if d.IntN(3) > 0 {
		last := shape[axis] - update[axis]
		if string(c.Attrs[0].S) == "circular" {
			last = shape[axis]
		}
		at := make([]int64, shape[0])
		for i := range at {
			at[i] = int64(d.between(0, last))
		}
		c.Inputs = append(c.Inputs, optest.IntTensor(at...))
	}
	return c
}

var _ = addDraws(map[string]func(d draw) optest.Case{
	"DeformConv": byAll(draw.aDeformConv), "CumProd": byAll(draw.aCumProd), "TensorScatter": byAll(draw.aTensorScatter),
})
