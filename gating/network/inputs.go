package network

import "slices"

// has says whether input i is there.
func (c *call) has(i int) bool { return i < len(c.in) && c.in[i] != nil }

// need returns an error unless inputs 0 to n-1 are all there.
func (c *call) need(n int) error {
	for i := range n {
		if !c.has(i) {
			return c.shapeError("input %d is missing, want at least %d inputs", i, n)
		}
	}
	return nil
}

// needFloats returns an error unless inputs 0 to n-1 are there and all inputs that are there hold floats.
func (c *call) needFloats(n int) error {
	if err := c.need(n); err != nil {
		return err
	}
	for i, in := range c.in {
		if in != nil && !in.IsFloat() {
			return c.unsupported("input %d is %s, want floats", i, in.Spec)
		}
	}
	return nil
}

// ints returns the elements of input i, which must be integers known without data.
func (c *call) ints(i int) ([]int64, error) {
	if !c.has(i) {
		return nil, c.shapeError("input %d is missing", i)
	}
	t := c.in[i].Const
	switch {
	case t == nil:
		return nil, c.unsupported("input %d decides a shape and depends on the data: its value must be known from the input shapes alone", i)
	case t.I == nil && t.Len() > 0:
		return nil, c.shapeError("input %d is %s, want integers", i, t.Spec())
	}
	return t.I, nil
}

// floats returns the elements of input i, which must be floats known without data.
func (c *call) floats(i int) ([]float32, error) {
	if !c.has(i) {
		return nil, c.shapeError("input %d is missing", i)
	}
	t := c.in[i].Const
	switch {
	case t == nil:
		return nil, c.unsupported("input %d depends on the data: its value must be a constant here", i)
	case t.F == nil && t.Len() > 0:
		return nil, c.shapeError("input %d is %s, want floats", i, t.Spec())
	}
	return t.F, nil
}

// oneInt returns input i, one known integer.
func (c *call) oneInt(i int) (int64, error) {
	list, err := c.ints(i)
	if err == nil && len(list) != 1 {
		err = c.shapeError("input %d is %v, want one number", i, list)
	}
	if err != nil {
		return 0, err
	}
	return list[0], nil
}

// intsAttrOrInput returns a list of integers that older opsets give as an
// attribute and newer ones as input i; ok is false where neither is there.
func (c *call) intsAttrOrInput(attr string, i int) (list []int64, ok bool, err error) {
	if a := c.attr(attr); a != nil {
		if c.has(i) {
			return nil, false, c.shapeError("%s is given both as an attribute and as input %d", attr, i)
		}
		return a.Ints, true, nil
	}
	if !c.has(i) {
		return nil, false, nil
	}
	list, err = c.ints(i)
	return list, true, err
}

// known returns the elements of input i, which decide the size of an output.
func (c *call) known(i int) (*Tensor, error) {
	if err := c.need(i + 1); err != nil {
		return nil, err
	}
	if t := c.in[i].Const; t != nil {
		return t, nil
	}
	return nil, c.unsupported("the shape of its output depends on the elements of input %d, which are not known before it runs", i)
}

// checkBias returns an error unless input i is absent or holds one number a channel.
func (c *call) checkBias(i, channels int) error {
	if c.has(i) && !slices.Equal(c.in[i].Shape, []int{channels}) {
		return c.shapeError("input %d has shape %v, want [%d]: one a channel", i, c.in[i].Shape, channels)
	}
	return nil
}

// optional returns the elements of a float input, nil where it is absent.
func optional(in []*Tensor, i int) []float32 {
	if i >= len(in) || in[i] == nil {
		return nil
	}
	return in[i].F
}

// fits returns an error if an output of the shape would be too large, before lists as long as its axes are made.
func (c *call) fits(shape []int) error {
	for _, d := range shape {
		if err := c.env.CheckSize(c, Spec{c.in[0].Type, []int{d}}); err != nil {
			return err
		}
	}
	return c.env.CheckSize(c, Spec{c.in[0].Type, shape})
}

// newConstant returns a zeroed tensor for an output that the builder computes itself, within the limit of memory.
func (c *call) newConstant(s Spec) (*Tensor, error) {
	if err := c.env.Spend(c, s); err != nil {
		return nil, err
	}
	return NewTensor(s), nil
}
