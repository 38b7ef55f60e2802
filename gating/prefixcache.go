package gating

import (
	"slices"

	"github.com/softmerge/softmerge/gating/network"
)

// maxPrefixBytes bounds the memory for what comes before the first gate, for samples of all shapes together.
const maxPrefixBytes = 1 << 30

// prefixCache keeps what the network computes before the first gate, sample by
// sample: where only late layers are selected most of a step is spent there, and
// it is the same in every epoch.
type prefixCache struct {
	known  []bool            // per sample
	values []*network.Tensor // of all samples, which axis 0 counts
	batch  []*network.Tensor // of the rows asked for last
	proven bool              // what is kept was once compared with what is computed
}

// newPrefixCache returns an empty cache for n samples of one shape, nil where
// there is nothing to keep or more than room, in bytes, or where axis 0 does not count
// samples: it must have the length of the batch, and follow it when the graph is
// lowered for another one.
func newPrefixCache(p *network.Program, batch, n, room int,
	lower func(batch int) (*network.Program, error)) *prefixCache {
	specs := p.Boundary()
	if p.PrefixNodes() == 0 || perSample(specs, batch) > room/n {
		return nil
	}
	other := 2
	if batch == other {
		other = 3
	}
	q, err := lower(other)
	if err != nil || !countsSamples(specs, batch, q.Boundary(), other) {
		return nil // the graph at hand works for its own batch, and that will do
	}
	c := &prefixCache{known: make([]bool, n)}
	for _, s := range specs {
		c.values = append(c.values, network.NewTensor(network.Spec{Type: s.Type,
			Shape: append([]int{n}, s.Shape[1:]...)}))
		c.batch = append(c.batch, network.NewTensor(s))
	}
	return c
}

// perSample is how many bytes one sample takes.
func perSample(specs []network.Spec, batch int) int {
	bytes := 0
	for _, s := range specs {
		bytes += 8 * s.Len() / batch
	}
	return bytes
}

// countsSamples says whether shapes for two batch sizes differ in axis 0 alone, which is the batch.
func countsSamples(a []network.Spec, batchA int, b []network.Spec, batchB int) bool {
	return slices.EqualFunc(a, b, func(x, y network.Spec) bool {
		return len(x.Shape) > 0 && len(y.Shape) > 0 && x.Type == y.Type &&
			x.Shape[0] == batchA && y.Shape[0] == batchB && slices.Equal(x.Shape[1:], y.Shape[1:])
	})
}

// get returns what is kept of the rows, nil if something is missing.
func (c *prefixCache) get(rows []int) []*network.Tensor {
	if c == nil || slices.ContainsFunc(rows, func(r int) bool { return !c.known[r] }) {
		return nil
	}
	for k, all := range c.values {
		size := all.Len() / len(c.known)
		for i, r := range rows {
			copyRow(c.batch[k], i, all, r, size)
		}
	}
	return c.batch
}

// put keeps what was computed for the rows.
func (c *prefixCache) put(rows []int, values []*network.Tensor) {
	for k, all := range c.values {
		size := all.Len() / len(c.known)
		for i, r := range rows {
			copyRow(all, r, values[k], i, size)
		}
	}
	for _, r := range rows {
		c.known[r] = true
	}
}

func copyRow(to *network.Tensor, i int, from *network.Tensor, j, size int) {
	if to.F != nil {
		copy(to.F[i*size:(i+1)*size], from.F[j*size:(j+1)*size])
	} else {
		copy(to.I[i*size:(i+1)*size], from.I[j*size:(j+1)*size])
	}
}

// agrees compares, once, kept rows with computed ones: a network that mixes the
// samples of a batch gives others in every batch.
func (c *prefixCache) agrees(values []*network.Tensor) bool {
	c.proven = true
	for k, kept := range c.batch {
		if !close32(kept.F, values[k].F) || !slices.Equal(kept.I, values[k].I) {
			return false
		}
	}
	return true
}

// keepPrefix makes the cache of a part, once: what is kept stays good when the
// program is dropped and compiled again.
func (t *trainer) keepPrefix(p *network.Program, part int) {
	if t.forward.fixed || t.tried[part] {
		return
	}
	t.tried[part] = true
	n, batch := t.forward.parts[part].Len(), t.forward.sizes[part]
	c := newPrefixCache(p, batch, n, t.room, func(other int) (*network.Program, error) {
		q, _, err := t.lowered(run{part, other})
		return q, err
	})
	if c != nil {
		t.room -= perSample(p.Boundary(), batch) * n
	}
	t.prefixes[part] = c
}

// ungated returns what comes before the first gate for a batch of a part: as kept, else computed.
func (t *trainer) ungated(p *network.Program, part int, rows []int) ([]*network.Tensor, error) {
	cache := t.prefixes[part]
	kept := cache.get(rows)
	if kept != nil && cache.proven {
		return kept, nil
	}
	values, err := p.Prefix(t.forward.gather(part, rows))
	if err != nil || cache == nil {
		return values, err
	}
	if kept != nil && !cache.agrees(values) {
		t.prefixes[part] = nil
		return values, nil
	}
	cache.put(rows, values)
	return values, nil
}
