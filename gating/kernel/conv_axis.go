package kernel

// axis is how one spatial axis of a result is read from a source: output o is a sum over taps t of the
// source at o·step+shift[t], zero where that lies outside 0..in. It is written to index first+o·stride of target.
type axis struct {
	in, out               int
	step                  int
	tap, shift            []int
	first, stride, target int
}

func (a *axis) taps() int { return len(a.tap) }

// span returns the least and the greatest shift.
func (a *axis) span() (lo, hi int) {
	if len(a.shift) == 0 {
		return 0, 0
	}
	lo, hi = a.shift[0], a.shift[0]
	for _, s := range a.shift {
		lo, hi = min(lo, s), max(hi, s)
	}
	return lo, hi
}

// inside says whether no output reads outside the source.
func (a *axis) inside() bool {
	lo, hi := a.span()
	return lo >= 0 && hi+(a.out-1)*a.step < a.in
}

// point is an axis of one element, which fills up convolutions of fewer than three axes.
var point = axis{in: 1, out: 1, step: 1, tap: []int{0}, shift: []int{0}, stride: 1, target: 1}

// forwardAxes describes y read from x.
func (c *Conv) forwardAxes() [3]axis {
	axes := [3]axis{point, point, point}
	out := c.OutDims()
	for i := range c.In {
		axes[3-len(c.In)+i] = forwardAxis(c.In[i], out[i], c.Kernel[i], c.Stride[i], c.Dilation[i], c.PadBegin[i])
	}
	return axes
}

// forwardAxis describes an axis whose output o reads o·stride-pad and kernel-1 more elements, dilation apart.
func forwardAxis(in, out, kernel, stride, dilation, pad int) axis {
	a := axis{in: in, out: out, step: stride, stride: 1, target: out, tap: make([]int, 0, kernel),
		shift: make([]int, 0, kernel)}
	for t := range kernel {
		a.tap, a.shift = append(a.tap, t), append(a.shift, t*dilation-pad)
	}
	return a
}

// eachPhase describes dx read from dy, once for every combination of offsets modulo the strides.
func (c *Conv) eachPhase(visit func(axes [3]axis)) {
	var axes [3]axis
	var next func(i int)
	next = func(i int) {
		if i == 3 {
			visit(axes)
			return
		}
		if i < 3-len(c.In) {
			axes[i] = point
			next(i + 1)
			return
		}
		at := i - 3 + len(c.In)
		for phase := range min(c.Stride[at], c.In[at]) {
			axes[i] = c.phaseAxis(at, phase)
			next(i + 1)
		}
	}
	next(0)
}

// phaseAxis is one axis of dx at positions phase, phase+stride, ...: tap t contributes to position i from output
// (i+pad-t·dilation)/stride, where that is a whole number.
func (c *Conv) phaseAxis(i, phase int) axis {
	stride := c.Stride[i]
	a := axis{in: c.OutDims()[i], out: (c.In[i] - phase + stride - 1) / stride, step: 1, first: phase,
		stride: stride, target: c.In[i]}
	for t := range c.Kernel[i] {
		if d := phase + c.PadBegin[i] - t*c.Dilation[i]; d%stride == 0 {
			a.tap, a.shift = append(a.tap, t), append(a.shift, d/stride)
		}
	}
	return a
}

// eachTap visits all combinations of taps, the last axis fastest.
func eachTap(axes *[3]axis, visit func(tap, shift [3]int)) {
	for i, ti := range axes[0].tap {
		for j, tj := range axes[1].tap {
			for k, tk := range axes[2].tap {
				visit([3]int{ti, tj, tk}, [3]int{axes[0].shift[i], axes[1].shift[j], axes[2].shift[k]})
			}
		}
	}
}

// box is a range of outputs on each axis.
type box [3]struct{ lo, hi int }

func (b *box) volume() int { return (b[0].hi - b[0].lo) * (b[1].hi - b[1].lo) * (b[2].hi - b[2].lo) }

// split returns part i of n of all outputs, cut along the first axis that is longer than one.
func split(axes *[3]axis, i, n int) box {
	var b box
	for d, a := range axes {
		b[d].hi = a.out
	}
	d := 0
	for d < 2 && axes[d].out == 1 {
		d++
	}
	b[d].lo, b[d].hi = i*axes[d].out/n, (i+1)*axes[d].out/n
	return b
}

// parts is into how many pieces split can cut.
func parts(axes *[3]axis) int {
	for d := range 2 {
		if axes[d].out > 1 {
			return axes[d].out
		}
	}
	return max(axes[2].out, 1)
}
