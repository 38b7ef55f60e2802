package kernel

import "testing"

// FuzzConv compares convolutions of any geometry with their definition, all four passes.
func FuzzConv(f *testing.F) {
	f.Add(uint64(1), uint8(2), uint8(3), uint8(4), uint8(9), uint8(3), uint8(1), uint8(1), uint8(1), uint8(1))
	f.Add(uint64(2), uint8(17), uint8(5), uint8(5), uint8(4), uint8(3), uint8(2), uint8(1), uint8(0), uint8(2))
	f.Add(uint64(3), uint8(1), uint8(1), uint8(1), uint8(0), uint8(1), uint8(1), uint8(1), uint8(3), uint8(0))
	f.Fuzz(func(t *testing.T, seed uint64, batch, in, out, size, kernel, stride, dilation, begin, end uint8) {
		c := &Conv{Batch: int(batch % 20), InChannels: int(in % 40), OutChannels: int(out % 40), Groups: 1,
			In: []int{int(size % 24), int(size/2) % 13}, Kernel: []int{1 + int(kernel%4), 1 + int(kernel/4)%4},
			Stride:   []int{1 + int(stride%3), 1 + int(stride/3)%3},
			Dilation: []int{1 + int(dilation%3), 1 + int(dilation/3)%3},
			PadBegin: []int{int(begin%6) - 1, int(begin/6) % 5}, PadEnd: []int{int(end % 5), int(end/5)%5 - 1}}
		if c.InChannels == c.OutChannels && seed%3 == 0 && c.InChannels > 0 {
			c.Groups = c.InChannels
		}
		newConvCase(c, seed).check(t, nil)
	})
}

// FuzzMaxPool compares pools of any geometry, with any of the numbers that compare oddly.
func FuzzMaxPool(f *testing.F) {
	f.Add(uint64(1), uint8(3), uint8(9), uint8(3), uint8(2), uint8(1), uint8(4))
	f.Add(uint64(2), uint8(40), uint8(1), uint8(1), uint8(1), uint8(0), uint8(1))
	f.Fuzz(func(t *testing.T, seed uint64, planes, size, kernel, stride, pad, out uint8) {
		g := &Window{Planes: int(planes % 30), In: []int{int(size%9) + 1, int(size/9) + 1},
			Out: []int{int(out % 8), int(out/8) % 8}, Kernel: []int{1 + int(kernel%4), 1 + int(kernel/4)%4},
			Stride: []int{1 + int(stride%3), 1 + int(stride/3)%3}, Dilation: []int{1, 1 + int(stride/9)%2},
			PadBegin: []int{int(pad % 3), int(pad/3) % 3}, PadEnd: []int{0, 0}}
		r := newRand(seed)
		x, dy := withSpecials(r, randoms(r, g.Planes*volume(g.In))), randoms(r, g.Planes*volume(g.Out))
		g.testMax(t, nil, x, dy)
	})
}
