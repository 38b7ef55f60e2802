package op

import "slices"

// Has says whether input i is there.
func (c *Call) Has(i int) bool { return i < len(c.In) && c.In[i] != nil }

// Need returns an error unless inputs 0 to n-1 are all there.
func (c *Call) Need(n int) error {
	for i := range n {
		if !c.Has(i) {
			return c.ShapeError("input %d is missing, want at least %d inputs", i, n)
		}
	}
	return nil
}

// NeedFloats returns an error unless inputs 0 to n-1 are there and all inputs that are there hold floats.
func (c *Call) NeedFloats(n int) error {
	if err := c.Need(n); err != nil {
		return err
	}
	for i, in := range c.In {
		if in != nil && !in.IsFloat() {
			return c.Unsupported("input %d is %s, want floats", i, in.Spec)
		}
	}
	return nil
}

// Ints returns the elements of input i, which must be integers known without data.
func (c *Call) Ints(i int) ([]int64, error) {
	if !c.Has(i) {
		return nil, c.ShapeError("input %d is missing", i)
	}
	t := c.In[i].Const
	switch {
	case t == nil:
		return nil,
			c.Unsupported("input %d decides a shape and depends on the data: "+
				"its value must be known from the input shapes alone", i)
	case t.I == nil && t.Len() > 0:
		return nil, c.ShapeError("input %d is %s, want integers", i, t.Spec())
	}
	return t.I, nil
}

// Floats returns the elements of input i, which must be floats known without data.
func (c *Call) Floats(i int) ([]float32, error) {
	if !c.Has(i) {
		return nil, c.ShapeError("input %d is missing", i)
	}
	t := c.In[i].Const
	switch {
	case t == nil:
		return nil, c.Unsupported("input %d depends on the data: its value must be a constant here", i)
	case t.F == nil && t.Len() > 0:
		return nil, c.ShapeError("input %d is %s, want floats", i, t.Spec())
	}
	return t.F, nil
}

// OneInt returns input i, one known integer.
func (c *Call) OneInt(i int) (int64, error) {
	list, err := c.Ints(i)
	if err == nil && len(list) != 1 {
		err = c.ShapeError("input %d is %v, want one number", i, list)
	}
	if err != nil {
		return 0, err
	}
	return list[0], nil
}

// IntsAttrOrInput returns a list of integers that older opsets give as an
// attribute and newer ones as input i; ok is false where neither is there.
func (c *Call) IntsAttrOrInput(attr string, i int) (list []int64, ok bool, err error) {
	if a := c.Attr(attr); a != nil {
		if c.Has(i) {
			return nil, false, c.ShapeError("%s is given both as an attribute and as input %d", attr, i)
		}
		return a.Ints, true, nil
	}
	if !c.Has(i) {
		return nil, false, nil
	}
	list, err = c.Ints(i)
	return list, true, err
}

// Known returns the elements of input i, which decide the size of an output.
func (c *Call) Known(i int) (*Tensor, error) {
	if err := c.Need(i + 1); err != nil {
		return nil, err
	}
	if t := c.In[i].Const; t != nil {
		return t, nil
	}
	return nil,
		c.Unsupported("the shape of its output depends on the elements of input %d, which are not known before it runs",
			i)
}

// CheckBias returns an error unless input i is absent or holds one number a channel.
func (c *Call) CheckBias(i, channels int) error {
	if c.Has(i) && !slices.Equal(c.In[i].Shape, []int{channels}) {
		return c.ShapeError("input %d has shape %v, want [%d]: one a channel", i, c.In[i].Shape, channels)
	}
	return nil
}

// Optional returns the elements of a float input, nil where it is absent.
func Optional(in []*Tensor, i int) []float32 {
	if i >= len(in) || in[i] == nil {
		return nil
	}
	return in[i].F
}

// Fits returns an error if an output of the shape would be too large, before lists as long as its axes are made.
func (c *Call) Fits(shape []int) error {
	for _, d := range shape {
		if err := c.Env.CheckSize(c, Spec{c.In[0].Type, []int{d}}); err != nil {
			return err
		}
	}
	return c.Env.CheckSize(c, Spec{c.In[0].Type, shape})
}

// NewConstant returns a zeroed tensor for an output that the builder computes itself, within the limit of memory.
func (c *Call) NewConstant(s Spec) (*Tensor, error) {
	if err := c.Env.Spend(c, s); err != nil {
		return nil, err
	}
	return NewTensor(s), nil
}
