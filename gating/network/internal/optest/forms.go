package optest

import (
	"math/rand/v2"
	"strings"

	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/gating/network/op/reduction"
)

// ConvCase draws a convolution at random: one to three axes, odd sizes, groups, dilations, uneven pads.
func ConvCase(r *rand.Rand, axes int) (list Attrs, x, w []int) {
	group, in, out := int64(1+r.IntN(3)), 1+r.IntN(2), 1+r.IntN(2)
	x = []int{1 + r.IntN(2), in * int(group)}
	w = []int{out * int(group), in}
	var strides, dilations, pads []int64
	for range axes {
		k, d := 1+r.IntN(3), 1+r.IntN(2)
		w = append(w, k)
		x = append(x, (k-1)*d+1+r.IntN(4))
		strides, dilations = append(strides, int64(1+r.IntN(3))), append(dilations, int64(d))
		pads = append(pads, int64(r.IntN(3)), int64(r.IntN(3)))
	}
	list = Attrs{IntAttr("group", group), IntsAttr("strides", strides...), IntsAttr("dilations", dilations...)}
	switch r.IntN(4) {
	case 0:
		list = append(list, StringAttr("auto_pad", "SAME_UPPER"))
	case 1:
		list = append(list, StringAttr("auto_pad", "SAME_LOWER"))
	default:
		list = append(list, IntsAttr("pads", pads...))
	}
	return list, x, w
}

// TransposeCase draws a transposed convolution at random.
func TransposeCase(r *rand.Rand, axes int) (list Attrs, x, w []int) {
	group, in, out := int64(1+r.IntN(3)), 1+r.IntN(2), 1+r.IntN(2)
	x = []int{1 + r.IntN(2), in * int(group)}
	w = []int{in * int(group), out}
	var strides, dilations, pads, extra, shape []int64
	for range axes {
		k, d, s := 1+r.IntN(3), 1+r.IntN(2), 1+r.IntN(3)
		reach := (k-1)*d + 1
		n := 1 + r.IntN(4)
		w, x = append(w, k), append(x, n)
		strides, dilations = append(strides, int64(s)), append(dilations, int64(d))
		extra = append(extra, int64(r.IntN(s)))
		pads = append(pads, int64(r.IntN((reach+1)/2)))
		shape = append(shape, int64(s*(n-1)+reach+r.IntN(s)))
	}
	list = Attrs{IntAttr("group", group), IntsAttr("strides", strides...), IntsAttr("dilations", dilations...)}
	switch r.IntN(4) {
	case 0:
		list = append(list, StringAttr("auto_pad", "SAME_UPPER"))
	case 1:
		list = append(list, StringAttr("auto_pad", "SAME_LOWER"), IntsAttr("output_padding", extra...))
	case 2:
		list = append(list, IntsAttr("output_shape", shape...))
	default:
		list = append(list, IntsAttr("pads", append(pads, pads...)...), IntsAttr("output_padding", extra...))
	}
	return list, x, w
}

// PoolCase draws the window of a pool at random.
func PoolCase(r *rand.Rand, axes int) (list Attrs, x []int) {
	x = []int{1 + r.IntN(2), 1 + r.IntN(3)}
	var size, strides, dilations, begin, end []int64
	for range axes {
		k, d := int64(1+r.IntN(3)), int64(1+r.IntN(2))
		size, dilations, strides = append(size, k), append(dilations, d), append(strides, int64(1+r.IntN(3)))
		x = append(x, int((k-1)*d+1)+r.IntN(4))
		begin, end = append(begin, int64(r.IntN(int(k)))), append(end, int64(r.IntN(int(k))))
	}
	list = Attrs{IntsAttr("kernel_shape", size...), IntsAttr("strides", strides...),
		IntsAttr("dilations", dilations...), IntAttr("ceil_mode", int64(r.IntN(2)))}
	switch r.IntN(4) {
	case 0:
		list = append(list, StringAttr("auto_pad", "SAME_UPPER"))
	case 1:
		list = append(list, StringAttr("auto_pad", "SAME_LOWER"))
	default:
		list = append(list, IntsAttr("pads", append(begin, end...)...))
	}
	return list, x
}

// Reductions are the operators that fold axes.
func Reductions() (list []op.Entry) {
	for _, e := range reduction.Operators {
		if strings.HasPrefix(e.Name, "Reduce") {
			list = append(list, e)
		}
	}
	return list
}
