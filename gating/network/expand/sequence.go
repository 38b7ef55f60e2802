package expand

import (
	"slices"

	"github.com/softmerge/softmerge/gating/network/ir"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// A sequence (ONNX opset 11) is a list of values while the graph is lowered: no
// sequence is left when it runs. So positions and lengths must be known.
// An optional (opset 15) is a list too: of one value or none.

// sequenceOf is the value of a sequence.
func sequenceOf(list []*ir.Value) *ir.Value {
	return &ir.Value{Param: -1, List: &list}
}

// sequenceAt returns the elements of input i, which must be a sequence or an optional of one.
func (c *Call) sequenceAt(i int) ([]*ir.Value, error) {
	if !c.Has(i) {
		return nil, c.ShapeError("input %d is missing", i)
	}
	v := c.Values[i]
	if v.List != nil && v.Optional && len(*v.List) == 1 {
		v = (*v.List)[0]
	}
	if v.List == nil || v.Optional {
		return nil, c.Unsupported("input %d is no sequence that is known before the graph runs", i)
	}
	return *v.List, nil
}

func expandSequenceConstruct(c *Call) error {
	if err := c.Need(len(c.In)); err != nil {
		return err
	}
	c.Lower.Bind(0, sequenceOf(valuesOf(c.Values)))
	return nil
}

func expandSequenceEmpty(c *Call) error {
	c.Lower.Bind(0, sequenceOf(nil))
	return nil
}

// position returns the place in a sequence of n elements that input i gives, counted from the end where it is negative.
func (c *Call) position(i, n int) (int, error) {
	list, err := c.Ints(i)
	if err != nil {
		return 0, err
	}
	if len(list) != 1 || list[0] < int64(-n) || list[0] >= int64(n) {
		return 0, c.ShapeError("position %v in a sequence of %d", list, n)
	}
	return (int(list[0]) + n) % n, nil
}

// expandSequenceInsert inserts before a position, or at the end.
func expandSequenceInsert(c *Call) error {
	list, err := c.sequenceAt(0)
	if err == nil {
		err = c.Need(2)
	}
	at := len(list)
	if err == nil && c.Has(2) && !(c.In[2].Const != nil && slices.Equal(c.In[2].Const.I, []int64{int64(at)})) {
		at, err = c.position(2, at)
	}
	if err != nil {
		return err
	}
	c.Lower.Bind(0, sequenceOf(slices.Insert(slices.Clone(list), at, c.Values[1])))
	return nil
}

// expandSequenceErase drops the element at a position, the last where none is given.
func expandSequenceErase(c *Call) error {
	list, err := c.sequenceAt(0)
	at := len(list) - 1
	if err == nil && c.Has(1) {
		at, err = c.position(1, len(list))
	}
	if err != nil {
		return err
	}
	if at < 0 {
		return c.ShapeError("the sequence is empty")
	}
	c.Lower.Bind(0, sequenceOf(slices.Delete(slices.Clone(list), at, at+1)))
	return nil
}

func expandSequenceAt(c *Call) error {
	list, err := c.sequenceAt(0)
	if err != nil {
		return err
	}
	at, err := c.position(1, len(list))
	if err != nil {
		return err
	}
	c.Lower.Bind(0, list[at])
	return nil
}

func expandSequenceLength(c *Call) error {
	list, err := c.sequenceAt(0)
	if err != nil {
		return err
	}
	c.Lower.Bind(0, intValue(int64(len(list))))
	return nil
}

// expandSequenceMap lowers the body once for every element (opset 17). Other inputs are sequences of the same length
// or values that every element sees.
func expandSequenceMap(c *Call) error {
	g := c.Attr("body").GetG()
	first, err := c.sequenceAt(0)
	if err != nil {
		return err
	}
	if g == nil {
		return c.Invalid("it has no body")
	}
	outs := make([][]*ir.Value, len(g.GetOutput()))
	for i := range first {
		in := valuesOf(c.Values)
		for k, v := range in {
			if v.List == nil {
				continue
			}
			list, err := c.sequenceAt(k)
			if err != nil {
				return err
			}
			if len(list) != len(first) {
				return c.ShapeError("its sequences have %d and %d elements", len(first), len(list))
			}
			in[k] = list[i]
		}
		got, err := c.Lower.Body(g, in)
		if err != nil {
			return err
		}
		for k, v := range got {
			outs[k] = append(outs[k], v)
		}
	}
	return bindAll(c, each(outs, sequenceOf))
}

// expandConcatFromSequence joins the elements along an axis, or a new one.
func expandConcatFromSequence(c *Call) error {
	list, err := c.sequenceAt(0)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return c.ShapeError("the sequence is empty")
	}
	axis := c.Int("axis", 0)
	var v *ir.Value
	if c.Int("new_axis", 0) != 0 {
		v, err = stack(c, list, axis, nil)
	} else {
		v, err = c.Lower.Emit("Concat", []*onnxpb.AttributeProto{axisAttribute(axis)}, list...)
	}
	if err != nil {
		return err
	}
	c.Lower.Bind(0, v)
	return nil
}

// expandSplitToSequence cuts a tensor along an axis into slices of length 1 (dropping the axis without keepdims), of
// one length (the last may be shorter), or of given lengths.
func expandSplitToSequence(c *Call) error {
	if err := c.Need(1); err != nil {
		return err
	}
	shape := c.In[0].Shape
	axis, err := c.Axis("axis", 0, len(shape))
	if err != nil {
		return err
	}
	lengths, err := c.splitLengths(shape[axis])
	if err != nil {
		return err
	}
	list, from := []*ir.Value{}, 0
	for _, n := range lengths {
		v, err := c.Lower.Emit("Slice", nil, c.Values[0], intValue(int64(from), 1),
			intValue(int64(from+n), 1), intValue(int64(axis), 1))
		if err == nil && !c.Has(1) && c.Int("keepdims", 1) == 0 {
			v, err = c.Lower.Emit("Squeeze", nil, v, intValue(int64(axis), 1))
		}
		if err != nil {
			return err
		}
		list, from = append(list, v), from+n
	}
	c.Lower.Bind(0, sequenceOf(list))
	return nil
}

// splitLengths returns the lengths of the parts of an axis of length n.
func (c *Call) splitLengths(n int) (lengths []int, err error) {
	each := int64(1)
	if c.Has(1) {
		list, err := c.Ints(1)
		if err != nil {
			return nil, err
		}
		if len(c.In[1].Shape) > 0 {
			return c.checkLengths(list, n)
		}
		each = list[0]
	}
	if each < 1 {
		return nil, c.ShapeError("parts of length %d", each)
	}
	for left := n; left > 0; left -= lengths[len(lengths)-1] {
		lengths = append(lengths, int(min(each, int64(left))))
	}
	if len(lengths) > maxTrips {
		return nil, c.Unsupported("it makes more than %d parts", maxTrips)
	}
	return lengths, nil
}

// checkLengths returns an error unless the lengths are those of parts of n elements.
func (c *Call) checkLengths(list []int64, n int) ([]int, error) {
	left := int64(n)
	for _, v := range list {
		if v < 0 || v > left {
			return nil, c.ShapeError("parts of lengths %v of an axis of length %d", list, n)
		}
		left -= v
	}
	if left != 0 {
		return nil, c.ShapeError("parts of lengths %v of an axis of length %d", list, n)
	}
	return each(list, func(v int64) int { return int(v) }), nil
}

func expandOptional(c *Call) error {
	list := valuesOf(c.Values)
	v := sequenceOf(list[:min(1, len(list))])
	v.Optional = true
	c.Lower.Bind(0, v)
	return nil
}

// expandOptionalHasElement also takes a tensor or a sequence, which it has, or nothing (opset 18).
func expandOptionalHasElement(c *Call) error {
	has := c.Has(0)
	if has && c.Values[0].Optional {
		has = len(*c.Values[0].List) > 0
	}
	c.Lower.Bind(0, knownValue(boolTensor(has)))
	return nil
}

func expandOptionalGetElement(c *Call) error {
	if err := c.Need(1); err != nil {
		return err
	}
	v := c.Values[0]
	if v.Optional {
		if len(*v.List) == 0 {
			return c.ShapeError("the optional is empty")
		}
		v = (*v.List)[0]
	}
	c.Lower.Bind(0, v)
	return nil
}

// boolTensor is a scalar.
func boolTensor(v bool) *op.Tensor {
	t := &op.Tensor{Type: onnx.Bool, Shape: []int{}, I: []int64{0}}
	if v {
		t.I[0] = 1
	}
	return t
}
