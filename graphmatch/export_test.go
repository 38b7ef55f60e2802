package graphmatch

import (
	"math/rand/v2"

	"github.com/softmerge/softmerge/onnx"
)

// Scramble puts the hidden units of a model into a random order that leaves what it computes unchanged,
// and tells the sizes of the sets that it reordered.
func Scramble(m *onnx.Model, seed uint64) (*onnx.Model, []int, error) {
	v, err := newView(m)
	if err != nil {
		return nil, nil, err
	}
	sym := traceSymmetry(v)
	rng := rand.New(rand.NewPCG(seed, 11))
	heads := map[*blocks][]int{}
	var order [][]int
	var sizes []int
	for _, h := range sym.sets {
		sizes = append(sizes, h.size)
		if h.heads == 0 {
			order = append(order, rng.Perm(h.size))
			continue
		}
		b := h.block.root()
		if heads[b] == nil {
			heads[b] = rng.Perm(h.heads)
			if b.frozen {
				heads[b] = identity(h.heads)
			}
		}
		d := h.size / h.heads
		var list []int
		for _, from := range heads[b] {
			within := rng.Perm(d)
			if h.rigid {
				within = identity(d)
			}
			for _, i := range within {
				list = append(list, from*d+i)
			}
		}
		order = append(order, list)
	}
	w, err := m.With(reorder(v, sym, order)...)
	return w, sizes, err
}
