package symmetry

import (
	"slices"

	"github.com/softmerge/softmerge/graphmatch/internal/flow"
)

// number is a whole number that a graph computes from the shapes of arrays, as far as it is known.
type number struct {
	n      int // when known
	known  bool
	factor int // when not known: the number is a multiple of it, at least 1
	sym    int // when not known: the number is factor times this axis length, 0 for none
}

// maxNumber bounds the numbers that are followed, so that products do not overflow.
const maxNumber = 1 << 31

func exactly(n int) number { return number{n: n, known: true, factor: 1} }

// unknownNumber is a number of which nothing is known.
func unknownNumber() number { return number{factor: 1} }

// multipleOf tells whether a number is certain to be a multiple of k.
func (x number) multipleOf(k int) bool {
	if k < 1 {
		return false
	}
	if x.known {
		return x.n%k == 0
	}
	return x.factor%k == 0
}

// same tells whether two numbers are certain to be equal.
func (x number) same(y number) bool {
	if x.known || y.known {
		return x.known && y.known && x.n == y.n
	}
	return x.sym > 0 && x.sym == y.sym && x.factor == y.factor
}

// numbers are the whole numbers that an array holds, nil when not even their count is known.
func (t *tracer) numbers(v *flow.Value) []number {
	if v == nil {
		return nil
	}
	if list, ok := t.computed[v]; ok {
		return list
	}
	t.computed[v] = nil // what asks for itself is not known
	list := t.compute(v)
	if len(list) > flow.MaxNumbers {
		list = nil
	}
	t.computed[v] = list
	return list
}

// compute follows an array of whole numbers to where it comes from.
func (t *tracer) compute(v *flow.Value) []number {
	if v.Fixed != nil {
		return t.storedNumbers(v)
	}
	n := v.From
	if n == nil || len(n.In) == 0 {
		return nil
	}
	switch n.Op {
	case "Concat":
		return t.concatNumbers(n)
	case "Unsqueeze", "Squeeze", "Cast", "Reshape":
		return t.numbers(n.In[0])
	case "Shape":
		return t.shapeNumbers(n)
	case "Gather":
		return t.gatherNumbers(n)
	case "Slice":
		return t.sliceNumbers(n)
	case "ReduceProd":
		product := exactly(1)
		list := t.numbers(n.In[0])
		for _, x := range list {
			product = product.times(x)
		}
		if list == nil {
			return nil
		}
		return []number{product}
	case "Mul", "Div", "Add", "Sub", "Mod":
		return t.calculate(n)
	case "ConstantOfShape":
		return t.zeros(n)
	case "Transpose":
		return t.reversedPads(n)
	case "Where": // of a shape to expand to: only the rank is certain
		if len(n.In) == 3 && t.numbers(n.In[2]) != nil {
			return slices.Repeat([]number{unknownNumber()}, len(t.numbers(n.In[2])))
		}
	}
	return nil
}

// storedNumbers reads a constant.
func (t *tracer) storedNumbers(v *flow.Value) []number {
	list, ok := t.Graph.Numbers(&flow.Node{In: []*flow.Value{nil, v}}, "")
	if !ok {
		return nil
	}
	out := []number{}
	for _, d := range list {
		if d > maxNumber || d < -maxNumber {
			return nil
		}
		out = append(out, exactly(int(d)))
	}
	return out
}

// concatNumbers follows Concat.
func (t *tracer) concatNumbers(n *flow.Node) []number {
	out := []number{}
	for _, in := range n.In {
		part := t.numbers(in)
		if part == nil {
			return nil
		}
		out = append(out, part...)
	}
	return out
}

// shapeNumbers are the lengths of an array's axes. Those not known get a symbol of their own.
func (t *tracer) shapeNumbers(n *flow.Node) []number {
	if n.In[0].MadeBy("Concat") != nil {
		if list := t.numbers(n.In[0]); list != nil { // a vector of whole numbers itself
			return []number{exactly(len(list))}
		}
	}
	f := t.layout(n.In[0])
	if f.rank < 0 || f.rank > flow.MaxNumbers || flow.Attribute(n.Proto, "start") != nil || flow.Attribute(n.Proto, "end") != nil {
		return nil
	}
	out := make([]number, f.rank)
	for i := range out {
		fromEnd := f.rank - i
		a := f.at(fromEnd)
		if a.extent() == 0 && a.sym == 0 {
			t.symbols++
			a.sym = t.symbols
			f.set(fromEnd, a)
		}
		out[i] = a.length()
	}
	return out
}

// zeros follows ConstantOfShape for a vector of zeros.
func (t *tracer) zeros(n *flow.Node) []number {
	count := t.numbers(n.In[0])
	if a := flow.Attribute(n.Proto, "value"); a != nil {
		fill, err := t.Model.Tensor(a.GetT()).Ints(nil)
		if err != nil || len(fill) != 1 || fill[0] != 0 {
			return nil
		}
	}
	if len(count) != 1 || !count[0].known || count[0].n < 0 || count[0].n > flow.MaxNumbers {
		return nil
	}
	return slices.Repeat([]number{exactly(0)}, count[0].n)
}

// reversedPads follows how PyTorch's exporter turns padding, given as pairs with the last axis first, into all
// starts and then all ends: Reshape to rows of two, rows reversed by a Slice, Transpose.
func (t *tracer) reversedPads(n *flow.Node) []number {
	slice := n.In[0].MadeBy("Slice")
	if slice == nil || len(slice.In) != 5 || !slices.Equal(flow.IntsAttr(n.Proto, "perm"), []int64{1, 0}) {
		return nil
	}
	rows := slice.In[0].MadeBy("Reshape")
	for slot, want := range map[int]int{1: -1, 3: 0, 4: -1} {
		if x := t.numbers(slice.In[slot]); len(x) != 1 || !x[0].same(exactly(want)) {
			return nil
		}
	}
	ends, ok := t.Graph.Numbers(&flow.Node{In: slice.In[1:3]}, "")
	if rows == nil || len(rows.In) < 2 || !ok || len(ends) != 1 || ends[0] > -maxNumber {
		return nil
	}
	shape, list := t.numbers(rows.In[1]), t.numbers(rows.In[0])
	if len(shape) != 2 || !shape[0].same(exactly(-1)) || !shape[1].same(exactly(2)) || len(list)%2 != 0 {
		return nil
	}
	out := make([]number, 0, len(list))
	for side := range 2 {
		for i := len(list)/2 - 1; i >= 0; i-- {
			out = append(out, list[2*i+side])
		}
	}
	return out
}

// length is an axis' number of positions.
func (a axis) length() number {
	if n := a.extent(); n > 0 {
		return exactly(n)
	}
	return number{factor: 1, sym: a.sym}
}

// gatherNumbers follows Gather with a known choice.
func (t *tracer) gatherNumbers(n *flow.Node) []number {
	whole := t.numbers(n.In[0])
	if len(n.In) < 2 || whole == nil || flow.IntAttr(n.Proto, "axis", 0) != 0 {
		return nil
	}
	out := []number{}
	index := t.numbers(n.In[1])
	for _, i := range index {
		if i.n < 0 {
			i.n += len(whole)
		}
		if !i.known || i.n < 0 || i.n >= len(whole) {
			return nil
		}
		out = append(out, whole[i.n])
	}
	if index == nil {
		return nil
	}
	return out
}

// sliceNumbers follows Slice along the only axis with step one.
func (t *tracer) sliceNumbers(n *flow.Node) []number {
	whole := t.numbers(n.In[0])
	from, to, ok := t.bounds(n)
	if whole == nil || !ok || len(from) != 1 || len(to) != 1 {
		return nil
	}
	lo, hi := bound(int64(from[0]), len(whole)), bound(int64(to[0]), len(whole))
	return whole[lo:max(lo, hi)]
}

// bounds are the starts and ends of a Slice with step one, false when they are not known.
func (t *tracer) bounds(n *flow.Node) (starts, ends []int, ok bool) {
	read := func(slot int, attr string) ([]int, bool) {
		list := []int{}
		if given := flow.IntsAttr(n.Proto, attr); given != nil {
			for _, x := range given {
				list = append(list, int(min(max(x, -maxNumber), maxNumber)))
			}
			return list, true
		}
		if slot >= len(n.In) || n.In[slot] == nil {
			return nil, false
		}
		if c := n.In[slot].Fixed; c != nil { // ends are often the largest number there is
			given, ok := t.Graph.Numbers(&flow.Node{In: []*flow.Value{nil, n.In[slot]}}, "")
			for _, x := range given {
				list = append(list, int(min(max(x, -maxNumber), maxNumber)))
			}
			return list, ok
		}
		numbers := t.numbers(n.In[slot])
		for _, x := range numbers {
			if !x.known {
				return nil, false
			}
			list = append(list, x.n)
		}
		return list, numbers != nil
	}
	starts, ok = read(1, "starts")
	if !ok {
		return nil, nil, false
	}
	if ends, ok = read(2, "ends"); !ok {
		return nil, nil, false
	}
	if steps, given := read(4, "steps"); len(n.In) > 4 && n.In[4] != nil && (!given || slices.ContainsFunc(steps, func(s int) bool { return s != 1 })) {
		return nil, nil, false
	}
	return starts, ends, true
}

// calculate follows arithmetic element by element.
func (t *tracer) calculate(n *flow.Node) []number {
	if len(n.In) != 2 {
		return nil
	}
	a, b := t.numbers(n.In[0]), t.numbers(n.In[1])
	if len(a) == 0 || len(b) == 0 || len(a) != len(b) && len(a) != 1 && len(b) != 1 {
		return nil
	}
	out := make([]number, max(len(a), len(b)))
	for i := range out {
		out[i] = arithmetic(n.Op, a[i%len(a)], b[i%len(b)])
	}
	return out
}

// arithmetic is one result; what is not known stays so, but for the factors of products.
func arithmetic(op string, x, y number) number {
	result := unknownNumber()
	switch {
	case op == "Mul":
		return x.times(y)
	case op == "Div" && y.known && y.n > 0 && !x.known && x.factor%y.n == 0:
		return number{factor: x.factor / y.n, sym: x.sym}
	case !x.known || !y.known:
		return result
	case op == "Add":
		result = exactly(x.n + y.n)
	case op == "Sub":
		result = exactly(x.n - y.n)
	case op == "Div" && x.n >= 0 && y.n > 0:
		result = exactly(x.n / y.n)
	case op == "Mod" && y.n > 0:
		result = exactly((x.n%y.n + y.n) % y.n)
	}
	if result.n > maxNumber || result.n < -maxNumber {
		return unknownNumber()
	}
	return result
}

// times is the product.
func (x number) times(y number) number {
	if x.known && !y.known {
		x, y = y, x
	}
	switch {
	case x.known:
		if x.n < 0 || y.n < 0 || y.n > 0 && x.n > maxNumber/y.n {
			return unknownNumber()
		}
		return exactly(x.n * y.n)
	case y.known:
		if y.n < 1 || x.factor > maxNumber/y.n {
			return unknownNumber()
		}
		return number{factor: x.factor * y.n, sym: x.sym}
	case x.factor > maxNumber/y.factor:
		return unknownNumber()
	}
	return number{factor: x.factor * y.factor}
}
