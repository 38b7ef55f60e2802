package graphmatch

import "slices"

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

// unsure is a number of which nothing is known.
func unsure() number { return number{factor: 1} }

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
func (t *tracer) numbers(v *value) []number {
	if v == nil {
		return nil
	}
	if list, ok := t.computed[v]; ok {
		return list
	}
	t.computed[v] = nil // what asks for itself is not known
	list := t.compute(v)
	if len(list) > maxNumbers {
		list = nil
	}
	t.computed[v] = list
	return list
}

// compute follows an array of whole numbers to where it comes from.
func (t *tracer) compute(v *value) []number {
	if v.fixed != nil {
		return t.storedNumbers(v)
	}
	n := v.from
	if n == nil || len(n.in) == 0 {
		return nil
	}
	switch n.op {
	case "Concat":
		return t.joinNumbers(n)
	case "Unsqueeze", "Squeeze", "Cast", "Reshape":
		return t.numbers(n.in[0])
	case "Shape":
		return t.shapeNumbers(n)
	case "Gather":
		return t.pickNumbers(n)
	case "Slice":
		return t.cutNumbers(n)
	case "ReduceProd":
		product := exactly(1)
		list := t.numbers(n.in[0])
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
		return t.turnedPairs(n)
	case "Where": // of a shape to expand to: only the rank is certain
		if len(n.in) == 3 && t.numbers(n.in[2]) != nil {
			return slices.Repeat([]number{unsure()}, len(t.numbers(n.in[2])))
		}
	}
	return nil
}

// storedNumbers reads a constant.
func (t *tracer) storedNumbers(v *value) []number {
	list, ok := t.flow.numbers(&node{in: []*value{nil, v}}, "")
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

// joinNumbers follows Concat.
func (t *tracer) joinNumbers(n *node) []number {
	out := []number{}
	for _, in := range n.in {
		part := t.numbers(in)
		if part == nil {
			return nil
		}
		out = append(out, part...)
	}
	return out
}

// shapeNumbers are the lengths of an array's axes. Those not known get a symbol of their own.
func (t *tracer) shapeNumbers(n *node) []number {
	if n.in[0].madeBy("Concat") != nil {
		if list := t.numbers(n.in[0]); list != nil { // a vector of whole numbers itself
			return []number{exactly(len(list))}
		}
	}
	f := t.form(n.in[0])
	if f.rank < 0 || f.rank > maxNumbers || attribute(n.proto, "start") != nil || attribute(n.proto, "end") != nil {
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
func (t *tracer) zeros(n *node) []number {
	count := t.numbers(n.in[0])
	if a := attribute(n.proto, "value"); a != nil {
		fill, err := t.model.Tensor(a.GetT()).Ints(nil)
		if err != nil || len(fill) != 1 || fill[0] != 0 {
			return nil
		}
	}
	if len(count) != 1 || !count[0].known || count[0].n < 0 || count[0].n > maxNumbers {
		return nil
	}
	return slices.Repeat([]number{exactly(0)}, count[0].n)
}

// turnedPairs follows how PyTorch's exporter turns padding, given as pairs with the last axis first, into all
// starts and then all ends: Reshape to rows of two, rows reversed by a Slice, Transpose.
func (t *tracer) turnedPairs(n *node) []number {
	slice := n.in[0].madeBy("Slice")
	if slice == nil || len(slice.in) != 5 || !slices.Equal(intsAttr(n.proto, "perm"), []int64{1, 0}) {
		return nil
	}
	rows := slice.in[0].madeBy("Reshape")
	for slot, want := range map[int]int{1: -1, 3: 0, 4: -1} {
		if x := t.numbers(slice.in[slot]); len(x) != 1 || !x[0].same(exactly(want)) {
			return nil
		}
	}
	ends, ok := t.flow.numbers(&node{in: slice.in[1:3]}, "")
	if rows == nil || len(rows.in) < 2 || !ok || len(ends) != 1 || ends[0] > -maxNumber {
		return nil
	}
	shape, list := t.numbers(rows.in[1]), t.numbers(rows.in[0])
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

// pickNumbers follows Gather with a known choice.
func (t *tracer) pickNumbers(n *node) []number {
	whole := t.numbers(n.in[0])
	if len(n.in) < 2 || whole == nil || intAttr(n.proto, "axis", 0) != 0 {
		return nil
	}
	out := []number{}
	index := t.numbers(n.in[1])
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

// cutNumbers follows Slice along the only axis with step one.
func (t *tracer) cutNumbers(n *node) []number {
	whole := t.numbers(n.in[0])
	from, to, ok := t.bounds(n)
	if whole == nil || !ok || len(from) != 1 || len(to) != 1 {
		return nil
	}
	lo, hi := bound(int64(from[0]), len(whole)), bound(int64(to[0]), len(whole))
	return whole[lo:max(lo, hi)]
}

// bounds are the starts and ends of a Slice with step one, false when they are not known.
func (t *tracer) bounds(n *node) (starts, ends []int, ok bool) {
	read := func(slot int, attr string) ([]int, bool) {
		list := []int{}
		if given := intsAttr(n.proto, attr); given != nil {
			for _, x := range given {
				list = append(list, int(min(max(x, -maxNumber), maxNumber)))
			}
			return list, true
		}
		if slot >= len(n.in) || n.in[slot] == nil {
			return nil, false
		}
		if c := n.in[slot].fixed; c != nil { // ends are often the largest number there is
			given, ok := t.flow.numbers(&node{in: []*value{nil, n.in[slot]}}, "")
			for _, x := range given {
				list = append(list, int(min(max(x, -maxNumber), maxNumber)))
			}
			return list, ok
		}
		numbers := t.numbers(n.in[slot])
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
	if steps, given := read(4, "steps"); len(n.in) > 4 && n.in[4] != nil && (!given || slices.ContainsFunc(steps, func(s int) bool { return s != 1 })) {
		return nil, nil, false
	}
	return starts, ends, true
}

// calculate follows arithmetic element by element.
func (t *tracer) calculate(n *node) []number {
	if len(n.in) != 2 {
		return nil
	}
	a, b := t.numbers(n.in[0]), t.numbers(n.in[1])
	if len(a) == 0 || len(b) == 0 || len(a) != len(b) && len(a) != 1 && len(b) != 1 {
		return nil
	}
	out := make([]number, max(len(a), len(b)))
	for i := range out {
		out[i] = arithmetic(n.op, a[i%len(a)], b[i%len(b)])
	}
	return out
}

// arithmetic is one result; what is not known stays so, but for the factors of products.
func arithmetic(op string, x, y number) number {
	result := unsure()
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
		return unsure()
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
			return unsure()
		}
		return exactly(x.n * y.n)
	case y.known:
		if y.n < 1 || x.factor > maxNumber/y.n {
			return unsure()
		}
		return number{factor: x.factor * y.n, sym: x.sym}
	case x.factor > maxNumber/y.factor:
		return unsure()
	}
	return number{factor: x.factor * y.factor}
}
