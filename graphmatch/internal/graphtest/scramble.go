package graphtest

import (
	"github.com/softmerge/softmerge/graphmatch/internal/flow"
	"github.com/softmerge/softmerge/graphmatch/internal/rebasin"
	"github.com/softmerge/softmerge/graphmatch/internal/symmetry"
	"github.com/softmerge/softmerge/graphmatch/random"
	"github.com/softmerge/softmerge/onnx"
)

// Scramble puts the hidden units of a model into a random order that leaves what it computes unchanged,
// and tells the sizes of the sets that it reordered.
func Scramble(m *onnx.Model, seed uint64) (*onnx.Model, []int, error) {
	v, err := flow.Read(m)
	if err != nil {
		return nil, nil, err
	}
	sym := symmetry.Trace(v)
	rng := random.New(seed, 11)
	heads := map[*symmetry.HeadOrder][]int{}
	var order [][]int
	var sizes []int
	for _, h := range sym.Sets {
		sizes = append(sizes, h.Size)
		if h.Heads == 0 {
			order = append(order, rng.Perm(h.Size))
			continue
		}
		b := h.HeadOrder.Root()
		if heads[b] == nil {
			heads[b] = rng.Perm(h.Heads)
			if b.Frozen {
				heads[b] = rebasin.Identity(h.Heads)
			}
		}
		d := h.Size / h.Heads
		var list []int
		for _, from := range heads[b] {
			within := rng.Perm(d)
			if h.Rigid {
				within = rebasin.Identity(d)
			}
			for _, i := range within {
				list = append(list, from*d+i)
			}
		}
		order = append(order, list)
	}
	w, err := m.With(rebasin.Reorder(v, sym, order)...)
	return w, sizes, err
}
