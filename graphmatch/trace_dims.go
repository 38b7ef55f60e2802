package graphmatch

// dims is the shape that a Reshape asks for as far as constants say; 0 stands for sizes not known. It is
// nil when not even the rank is known.
func (t *tracer) dims(v *value) []int {
	switch {
	case v == nil:
		return nil
	case v.fixed != nil:
		list, ok := (&builder{flow: t.flow}).numbers(&node{in: []*value{nil, v}}, "")
		if !ok {
			return nil
		}
		out := []int{}
		for _, d := range list {
			out = append(out, int(max(d, 0)))
		}
		return out
	case v.from == nil || len(v.from.in) == 0:
		return nil
	}
	return t.computedDims(v.from)
}

// computedDims is the shape that a node puts together out of other arrays' shapes.
func (t *tracer) computedDims(n *node) []int {
	switch n.op {
	case "Concat":
		out := []int{}
		for _, in := range n.in {
			part := t.dims(in)
			if part == nil {
				return nil
			}
			out = append(out, part...)
		}
		return out
	case "Unsqueeze":
		return []int{t.sizeOf(n.in[0])}
	case "Cast":
		return t.dims(n.in[0])
	case "Shape":
		return t.sizesOf(n.in[0])
	case "Gather":
		return t.dimsGather(n)
	case "Slice":
		return t.dimsSlice(n)
	}
	return nil
}

// sizeOf is a single number taken out of a shape, or the product of several, 0 when it is not known.
func (t *tracer) sizeOf(v *value) int {
	switch {
	case v != nil && v.fixed != nil:
		if list := t.dims(v); len(list) == 1 {
			return list[0]
		}
		return 0
	case v == nil || v.from == nil || len(v.from.in) == 0:
		return 0
	case v.from.op == "ReduceProd":
		product := 1
		for _, d := range t.dims(v.from.in[0]) {
			if d > 1<<30 {
				return 0
			}
			product = min(product*d, 1<<31)
		}
		return product
	case v.from.op == "Gather" || v.from.op == "Squeeze":
		list := t.dims(v)
		if v.from.op == "Squeeze" {
			list = t.dims(v.from.in[0])
		}
		if len(list) == 1 {
			return list[0]
		}
	}
	return 0
}

// dimsGather is a choice of numbers out of a shape, nil when it is not known which.
func (t *tracer) dimsGather(n *node) []int {
	whole := t.dims(n.in[0])
	if len(n.in) < 2 {
		return nil
	}
	index, ok := (&builder{flow: t.flow}).numbers(&node{in: n.in[:2]}, "")
	if whole == nil || !ok {
		return nil
	}
	list := []int{}
	for _, i := range index {
		if i < 0 {
			i += int64(len(whole))
		}
		if i < 0 || i >= int64(len(whole)) {
			return nil
		}
		list = append(list, whole[i])
	}
	return list
}

// dimsSlice is a piece of a shape, x.shape[:2] for example.
func (t *tracer) dimsSlice(n *node) []int {
	if len(n.in) < 3 {
		return nil
	}
	whole := t.dims(n.in[0])
	b := &builder{flow: t.flow}
	starts, ok := b.numbers(&node{in: n.in[:2]}, "")
	ends, also := b.numbers(&node{in: []*value{nil, n.in[2]}}, "")
	if whole == nil || !ok || !also || len(starts) != 1 || len(ends) != 1 {
		return nil
	}
	from, to := bound(starts[0], len(whole)), bound(ends[0], len(whole))
	return whole[from:max(from, to)]
}

// sizesOf are the sizes of a value's axes as far as they are known, nil when its rank is not.
func (t *tracer) sizesOf(v *value) []int {
	f := t.form(v)
	if f.rank < 0 {
		return nil
	}
	out := make([]int, f.rank)
	for i := range out {
		out[i] = f.at(f.rank - i).extent()
	}
	return out
}
