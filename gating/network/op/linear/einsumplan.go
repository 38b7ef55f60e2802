package linear

import (
	"slices"

	"github.com/softmerge/softmerge/gating/network/op"
)

// einsum is Einsum as steps: each operand alone, products of pairs, a transposition.
type einsum struct {
	single []*einsumSingle
	pairs  []*einsumPair
	last   *einsumOrder
}

// einsumSingle takes an operand's diagonals and sums the axes that nothing else has.
type einsumSingle struct {
	labels              []label
	kept, folded        []int // sizes
	keptStep, foldStep  []int // distances in the operand
	same                bool  // the result is the operand's elements as they are
	keptCount, foldings int
	value, slope        scratchTensor
}

// einsumPair is the product of what there is so far (left) and the next operand:
// [batch, left, sum] times [batch, sum, right].
type einsumPair struct {
	left, right  *einsumOrder
	product      *matmul
	labels       []label // batch, left, right
	count        int
	value, slope scratchTensor // result and its gradient
}

// einsumOrder brings the axes of a tensor into another order.
type einsumOrder struct {
	shape, perm, back []int
	same              bool // the order is the same already
	value, slope      scratchTensor
}

// maxEinsum bounds the elements of a step's result.
const maxEinsum = 1 << 30

// plan turns the parsed equation into steps.
func (s *einsumSpec) plan(c *op.Call) (*einsum, error) {
	e := &einsum{}
	strides := make([][]int, len(s.operands))
	for i := range s.operands {
		strides[i] = s.dropStretched(i, c.In[i].Shape)
	}
	for i := range s.operands {
		e.single = append(e.single, s.alone(i, strides[i]))
	}
	labels := e.single[0].labels
	for i := 1; i < len(e.single); i++ {
		p := s.pair(labels, e.single[i].labels, i)
		if p == nil {
			return nil, c.Unsupported("a step of the equation has more than %d elements", maxEinsum)
		}
		e.pairs = append(e.pairs, p)
		labels = p.labels
	}
	e.last = s.order(labels, s.out)
	return e, nil
}

// dropStretched leaves out the axes of size 1 that stretch, because a product
// repeats an operand by itself, and returns the strides of the others.
func (s *einsumSpec) dropStretched(i int, shape []int) []int {
	var labels []label
	var strides []int
	for a, step := range op.StridesOf(shape) {
		if l := s.operands[i][a]; shape[a] == s.size[l] {
			labels, strides = append(labels, l), append(strides, step)
		}
	}
	s.operands[i] = labels
	return strides
}

// needed says whether an axis is in the output or in an operand from the given one on.
func (s *einsumSpec) needed(l label, from int) bool {
	for _, labels := range s.operands[from:] {
		if slices.Contains(labels, l) {
			return true
		}
	}
	return slices.Contains(s.out, l)
}

// alone plans what happens to operand i by itself.
func (s *einsumSpec) alone(i int, strides []int) *einsumSingle {
	o := &einsumSingle{same: true, keptCount: 1, foldings: 1}
	steps := map[label]int{}
	var order []label
	for a, l := range s.operands[i] {
		if _, ok := steps[l]; ok {
			o.same = false
		} else {
			order = append(order, l)
		}
		steps[l] += strides[a]
	}
	for _, l := range order {
		if s.needed(l, i+1) || s.neededBefore(l, i) {
			o.labels, o.kept, o.keptStep = append(o.labels, l), append(o.kept, s.size[l]), append(o.keptStep, steps[l])
			o.keptCount *= s.size[l]
		} else {
			o.same = false
			o.folded, o.foldStep = append(o.folded, s.size[l]), append(o.foldStep, steps[l])
			o.foldings *= s.size[l]
		}
	}
	return o
}

// neededBefore says whether an operand before i has the axis.
func (s *einsumSpec) neededBefore(l label, i int) bool {
	for _, labels := range s.operands[:i] {
		if slices.Contains(labels, l) {
			return true
		}
	}
	return false
}

// pair plans the product of a tensor with axes a and operand i, with axes b; nil if it is too large.
func (s *einsumSpec) pair(a, b []label, i int) *einsumPair {
	var batch, left, sum, right []label
	for _, l := range a {
		switch {
		case !slices.Contains(b, l):
			left = append(left, l)
		case s.needed(l, i+1):
			batch = append(batch, l)
		default:
			sum = append(sum, l)
		}
	}
	for _, l := range b {
		if !slices.Contains(a, l) {
			right = append(right, l)
		}
	}
	p := &einsumPair{
		left: s.order(a, slices.Concat(batch, left, sum)), right: s.order(b, slices.Concat(batch, sum, right)),
		labels: slices.Concat(batch, left, right),
	}
	count := 1
	for _, d := range s.shape(p.labels) {
		if d > 0 && count > maxEinsum/d {
			return nil
		}
		count *= d
	}
	p.count = count
	p.product = &matmul{
		m: op.SizeOf(s.shape(left)), k: op.SizeOf(s.shape(sum)), n: op.SizeOf(s.shape(right)), alpha: 1,
		batch: []int{op.SizeOf(s.shape(batch))}, stepA: []int{1}, stepB: []int{1},
	}
	return p
}

// order plans the change from one order of axes to another.
func (s *einsumSpec) order(from, to []label) *einsumOrder {
	o := &einsumOrder{shape: s.shape(from), same: slices.Equal(from, to),
		perm: make([]int, len(to)), back: make([]int, len(to))}
	for i, l := range to {
		o.perm[i] = slices.Index(from, l)
		o.back[o.perm[i]] = i
	}
	return o
}
