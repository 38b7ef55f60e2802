package symmetry_test

import (
	"slices"
)

// keeping are operators that do not tell units apart, each with random attributes.
var keeping = map[string]step{
	"elementwise":       {always, (*chain).unary},
	"parameter":         {always, (*chain).binary},
	"one for all units": {always, (*chain).perSample},
	"softmax":           {always, (*chain).softmax},
	"deviation":         {always, (*chain).deviation},
	"reduced samples":   {hasOther, (*chain).reduceOther},
	"transpose":         {always, (*chain).turn},
	"unsqueeze":         {func(c *chain) bool { return len(c.shape) < 5 }, (*chain).unsqueeze},
	"squeeze":           {func(c *chain) bool { return c.lengthOne() >= 0 }, (*chain).squeeze},
	"slice":             {hasOther, (*chain).sliceOther},
	"gather":            {hasOther, (*chain).gatherOther},
	"pad":               {hasOther, (*chain).padOther},
	"concat":            {hasOther, (*chain).concatOther},
	"expand":            {func(c *chain) bool { return c.lengthOne() >= 0 }, (*chain).expand},
	"where":             {always, (*chain).where},
	"layer norm":        {func(c *chain) bool { return c.version >= 17 && c.lastUnits() }, (*chain).layerNorm},
	"batch norm":        {func(c *chain) bool { return c.axis == 1 && len(c.shape) > 1 }, (*chain).batchNorm},
	"instance norm":     {func(c *chain) bool { return c.axis == 1 && len(c.shape) > 2 }, (*chain).instanceNorm},
	"pool":              {func(c *chain) bool { return c.axis == 1 && len(c.shape) == 4 }, (*chain).pool},
	"depthwise":         {func(c *chain) bool { return c.axis == 1 && len(c.shape) > 2 }, (*chain).depthwise},
	"residual":          {(*chain).lastUnits, (*chain).residual},
}

// fixing are operators that tell units apart.
var fixing = map[string]step{
	"running sum": {always, func(c *chain) {
		c.put("CumSum", []string{c.h, c.Scalar(c.name("axis"), int64(c.signed(c.axis, len(c.shape))))})
	}},
	"units gathered": {moreThanThree, func(c *chain) {
		which := make([]int64, c.size)
		for i := range which {
			which[i] = int64(c.size - 1 - i)
		}
		c.put("Gather", []string{c.h, c.Ints(c.name("which"), which...)}, "axis", c.signed(c.axis, len(c.shape)))
	}},
	"units reversed": {moreThanThree, func(c *chain) {
		c.put("Slice", []string{c.h, c.Ints(c.name("from"), -1), c.Ints(c.name("to"), -1<<40),
			c.Ints(c.name("axes"), int64(c.signed(c.axis, len(c.shape)))), c.Ints(c.name("steps"), -1)})
	}},
	"sum with data": {always, func(c *chain) {
		dims := slices.Repeat([]int64{1}, len(c.shape)-c.axis)
		dims[0] = int64(c.size)
		c.put("Add", []string{c.h, c.Shaped(c.name("z"), dims...)})
	}},
	"scaled by data": {always, func(c *chain) {
		dims := []int64{}
		for _, n := range c.shape {
			dims = append(dims, int64(n))
		}
		c.put("Mul", []string{c.Shaped(c.name("z"), dims...), c.h})
	}},
	"samples of data": {hasOther, func(c *chain) {
		k, dims := c.other(), []int64{}
		for _, n := range c.shape {
			dims = append(dims, int64(n))
		}
		c.put("Concat", []string{c.h, c.Shaped(c.name("z"), dims...)}, "axis", c.signed(k, len(c.shape)))
		c.shape[k] *= 2
	}},
	"output": {always, func(c *chain) { c.Output(c.h) }},
}

// moreThanThree tells whether there are more units than three: of few units most orders are the same backwards.
func moreThanThree(c *chain) bool { return c.size > 3 }

// lastUnits tells whether the units are the last axis.
func (c *chain) lastUnits() bool { return c.axis == len(c.shape)-1 }

// lengthOne is an axis of length one, -1 if there is none.
func (c *chain) lengthOne() int { return slices.Index(c.shape, 1) }

// aligned is a shape that broadcasts against the array: its axis of the units is as long as there are units, others
// are one or full, and those in front of the units may be left out.
func (c *chain) aligned() (shape []int, axis int) {
	axis = c.g.IntN(c.axis + 1) // of them are kept in front
	for _, n := range c.shape[c.axis-axis:] {
		shape = append(shape, []int{1, n}[c.g.IntN(2)])
	}
	shape[axis] = c.size
	return shape, axis
}

func (c *chain) unary() {
	ops := []string{"Sigmoid", "Tanh", "Softplus", "Softsign", "Elu", "Selu", "LeakyRelu", "Erf", "Sin", "Neg",
		"Identity"}
	c.put(ops[c.g.IntN(len(ops))], []string{c.h})
}

func (c *chain) binary() {
	shape, axis := c.aligned()
	in := []string{c.h, c.counted(c.name("p"), axis, shape...)}
	if c.g.IntN(2) == 0 {
		slices.Reverse(in)
	}
	c.put([]string{"Add", "Sub", "Mul", "Sum", "Mean"}[c.g.IntN(5)], in)
}

func (c *chain) perSample() {
	shape, axis := c.aligned()
	shape[axis] = 1
	in := []string{c.h, c.Weight(c.name("p"), shape...)}
	if c.g.IntN(2) == 0 {
		slices.Reverse(in)
	}
	c.put([]string{"Add", "Sub", "Mul"}[c.g.IntN(3)], in)
}

func (c *chain) softmax() {
	op := []string{"Softmax", "LogSoftmax"}[c.g.IntN(2)]
	c.put(op, []string{c.h}, "axis", c.signed(c.g.IntN(len(c.shape)), len(c.shape)))
	c.put("Mul", []string{c.h, c.Tensor(c.name("ten"), nil, []float32{10})}) // so that differences stay large
}

// reduceNode is a reduction over one axis, which the opset gives as an attribute or an input.
func (c *chain) reduceNode(x string, axis, keep int) string {
	ops := []string{"ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceSumSquare"}
	op := ops[c.g.IntN(len(ops))]
	at := int64(c.signed(axis, len(c.shape)))
	if c.version >= 18 || op == "ReduceSum" && c.version >= 13 {
		return c.Node(c.name(op), op, []string{x, c.Ints(c.name("axes"), at)}, "keepdims", keep)
	}
	return c.Node(c.name(op), op, []string{x}, "axes", []int64{at}, "keepdims", keep)
}

// deviation subtracts what a reduction over any axis leaves.
func (c *chain) deviation() {
	c.put("Sub", []string{c.h, c.reduceNode(c.h, c.g.IntN(len(c.shape)), 1)})
}

func (c *chain) reduceOther() {
	k, keep := c.other(), c.g.IntN(2)
	c.h = c.reduceNode(c.h, k, keep)
	if keep == 1 {
		c.shape[k] = 1
		return
	}
	c.drop(k)
}

// drop leaves an axis out.
func (c *chain) drop(k int) {
	c.shape = slices.Delete(c.shape, k, k+1)
	if k < c.axis {
		c.axis--
	}
}

func (c *chain) turn() {
	perm, shape := []int64{}, []int{}
	for i, p := range c.g.Perm(len(c.shape)) {
		perm, shape = append(perm, int64(p)), append(shape, c.shape[p])
		if p == c.axis {
			defer func() { c.axis = i }()
		}
	}
	c.put("Transpose", []string{c.h}, "perm", perm)
	c.shape = shape
}

// reshaping puts an operator whose axes were an attribute before opset 13.
func (c *chain) reshaping(op string, axis, rank int) {
	at := int64(c.signed(axis, rank))
	if c.version >= 13 {
		c.put(op, []string{c.h, c.Ints(c.name("axes"), at)})
	} else {
		c.put(op, []string{c.h}, "axes", []int64{at})
	}
}

func (c *chain) unsqueeze() {
	k := c.g.IntN(len(c.shape) + 1)
	c.reshaping("Unsqueeze", k, len(c.shape)+1)
	c.shape = slices.Insert(c.shape, k, 1)
	if k <= c.axis {
		c.axis++
	}
}

func (c *chain) squeeze() {
	k := c.lengthOne()
	c.reshaping("Squeeze", k, len(c.shape))
	c.drop(k)
}

func (c *chain) sliceOther() {
	k := c.other()
	from := c.g.IntN(c.shape[k])
	to := from + 1 + c.g.IntN(c.shape[k]-from)
	c.put("Slice", []string{c.h, c.Ints(c.name("from"), int64(from-c.shape[k])), c.Ints(c.name("to"), int64(to)),
		c.Ints(c.name("axes"), int64(c.signed(k, len(c.shape))))})
	c.shape[k] = to - from
}

// gatherOther picks positions, or one of them, which drops the axis.
func (c *chain) gatherOther() {
	k := c.other()
	which := int64(c.g.IntN(c.shape[k]))
	at := c.signed(k, len(c.shape))
	if c.g.IntN(2) == 0 {
		c.put("Gather", []string{c.h, c.Scalar(c.name("which"), which)}, "axis", at)
		c.drop(k)
		return
	}
	c.put("Gather", []string{c.h, c.Ints(c.name("which"), which, 0)}, "axis", at)
	c.shape[k] = 2
}

func (c *chain) padOther() {
	k := c.other()
	pads := make([]int64, 2*len(c.shape))
	pads[k], pads[k+len(c.shape)] = int64(c.g.IntN(2)), int64(c.g.IntN(2))
	c.put("Pad", []string{c.h, c.Ints(c.name("pads"), pads...)})
	c.shape[k] += int(pads[k] + pads[k+len(c.shape)])
}

func (c *chain) concatOther() {
	k := c.other()
	again := c.Node(c.name("again"), "Tanh", []string{c.h})
	c.put("Concat", []string{c.h, again}, "axis", c.signed(k, len(c.shape)))
	c.shape[k] *= 2
}

func (c *chain) expand() {
	k := c.lengthOne()
	c.shape[k] = 1 + c.g.IntN(2)
	to := []int64{}
	for _, n := range c.shape {
		to = append(to, int64(n))
	}
	c.put("Expand", []string{c.h, c.Ints(c.name("to"), to...)})
}

// where chooses between the units and a parameter of theirs.
func (c *chain) where() {
	shape, axis := c.aligned()
	below := c.Node(c.name("less"), "Less", []string{c.h, c.Tensor(c.name("bound::"), nil, []float32{0.3})})
	c.put("Where", []string{below, c.h, c.counted(c.name("p"), axis, shape...)})
}

func (c *chain) layerNorm() {
	c.put("LayerNormalization", []string{c.h, c.counted(c.name("s"), 0, c.size), c.counted(c.name("b"), 0, c.size)},
		"axis", c.signed(c.axis, len(c.shape)))
}

func (c *chain) batchNorm() {
	variance := make([]float32, c.size)
	for i := range variance {
		variance[i] = 0.5 + float32(i)
	}
	v := c.name("v")
	c.count = append(c.count, countedAxis{v, 0})
	c.put("BatchNormalization", []string{c.h, c.counted(c.name("s"), 0, c.size), c.counted(c.name("b"), 0, c.size),
		c.counted(c.name("m"), 0, c.size), c.Tensor(v, []int{c.size}, variance)})
}

func (c *chain) instanceNorm() {
	c.put("InstanceNormalization", []string{c.h, c.counted(c.name("s"), 0, c.size), c.counted(c.name("b"), 0, c.size)})
}

func (c *chain) pool() {
	c.put([]string{"MaxPool", "AveragePool"}[c.g.IntN(2)], []string{c.h}, "kernel_shape", []int64{3, 3},
		"pads", []int64{1, 1, 1, 1})
}

func (c *chain) depthwise() {
	shape := []int{c.size, 1}
	for range len(c.shape) - 2 {
		shape = append(shape, 1)
	}
	c.put("Conv", []string{c.h, c.counted(c.name("w"), 0, shape...), c.counted(c.name("b"), 0, c.size)},
		"group", c.size)
}

func (c *chain) residual() {
	w := c.counted(c.name("w"), 0, c.size, c.size)
	c.count = append(c.count, countedAxis{w, 1})
	y := c.Node(c.name("branch"), "MatMul", []string{c.h, w})
	c.put("Add", []string{c.h, y})
}
