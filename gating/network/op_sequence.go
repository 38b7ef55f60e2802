package network

import (
	"slices"

	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// A sequence (ONNX opset 11) is a list of values while the graph is lowered: no
// sequence is left when it runs. So positions and lengths must be known.
// An optional (opset 15) is a list too: of one value or none.

// sequenceOf is the value of a sequence.
func sequenceOf(list []*value) *value {
	return &value{param: -1, list: &list}
}

// sequence returns the elements of input i, which must be a sequence or an optional of one.
func (c *site) sequenceAt(i int) ([]*value, error) {
	if !c.has(i) {
		return nil, c.shapeError("input %d is missing", i)
	}
	v := c.values[i]
	if v.list != nil && v.optional && len(*v.list) == 1 {
		v = (*v.list)[0]
	}
	if v.list == nil || v.optional {
		return nil, c.unsupported("input %d is no sequence that is known before the graph runs", i)
	}
	return *v.list, nil
}

func expandSequenceConstruct(c *site) error {
	if err := c.need(len(c.in)); err != nil {
		return err
	}
	c.lower.Bind(0, sequenceOf(valuesOf(c.values)))
	return nil
}

func expandSequenceEmpty(c *site) error {
	c.lower.Bind(0, sequenceOf(nil))
	return nil
}

// position returns the place in a sequence of n elements that input i gives, counted from the end where it is negative.
func (c *site) position(i, n int) (int, error) {
	list, err := c.ints(i)
	if err != nil {
		return 0, err
	}
	if len(list) != 1 || list[0] < int64(-n) || list[0] >= int64(n) {
		return 0, c.shapeError("position %v in a sequence of %d", list, n)
	}
	return (int(list[0]) + n) % n, nil
}

// expandSequenceInsert inserts before a position, or at the end.
func expandSequenceInsert(c *site) error {
	list, err := c.sequenceAt(0)
	if err == nil {
		err = c.need(2)
	}
	at := len(list)
	if err == nil && c.has(2) && !(c.in[2].Const != nil && slices.Equal(c.in[2].Const.I, []int64{int64(at)})) {
		at, err = c.position(2, at)
	}
	if err != nil {
		return err
	}
	c.lower.Bind(0, sequenceOf(slices.Insert(slices.Clone(list), at, c.values[1])))
	return nil
}

// expandSequenceErase drops the element at a position, the last where none is given.
func expandSequenceErase(c *site) error {
	list, err := c.sequenceAt(0)
	at := len(list) - 1
	if err == nil && c.has(1) {
		at, err = c.position(1, len(list))
	}
	if err != nil {
		return err
	}
	if at < 0 {
		return c.shapeError("the sequence is empty")
	}
	c.lower.Bind(0, sequenceOf(slices.Delete(slices.Clone(list), at, at+1)))
	return nil
}

func expandSequenceAt(c *site) error {
	list, err := c.sequenceAt(0)
	if err != nil {
		return err
	}
	at, err := c.position(1, len(list))
	if err != nil {
		return err
	}
	c.lower.Bind(0, list[at])
	return nil
}

func expandSequenceLength(c *site) error {
	list, err := c.sequenceAt(0)
	if err != nil {
		return err
	}
	c.lower.Bind(0, intValue(int64(len(list))))
	return nil
}

// expandSequenceMap lowers the body once for every element (opset 17). Other inputs are sequences of the same length
// or values that every element sees.
func expandSequenceMap(c *site) error {
	g := c.attr("body").GetG()
	first, err := c.sequenceAt(0)
	if err != nil {
		return err
	}
	if g == nil {
		return c.invalid("it has no body")
	}
	outs := make([][]*value, len(g.GetOutput()))
	for i := range first {
		in := valuesOf(c.values)
		for k, v := range in {
			if v.list == nil {
				continue
			}
			list, err := c.sequenceAt(k)
			if err != nil {
				return err
			}
			if len(list) != len(first) {
				return c.shapeError("its sequences have %d and %d elements", len(first), len(list))
			}
			in[k] = list[i]
		}
		got, err := c.lower.Body(g, in)
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
func expandConcatFromSequence(c *site) error {
	list, err := c.sequenceAt(0)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return c.shapeError("the sequence is empty")
	}
	axis := c.int("axis", 0)
	var v *value
	if c.int("new_axis", 0) != 0 {
		v, err = stack(c, list, axis, nil)
	} else {
		v, err = c.lower.Emit("Concat", []*onnxpb.AttributeProto{axisAttribute(axis)}, list...)
	}
	if err != nil {
		return err
	}
	c.lower.Bind(0, v)
	return nil
}

// expandSplitToSequence cuts a tensor along an axis into slices of length 1 (dropping the axis without keepdims), of
// one length (the last may be shorter), or of given lengths.
func expandSplitToSequence(c *site) error {
	if err := c.need(1); err != nil {
		return err
	}
	shape := c.in[0].Shape
	axis, err := c.axis("axis", 0, len(shape))
	if err != nil {
		return err
	}
	lengths, err := c.splitLengths(shape[axis])
	if err != nil {
		return err
	}
	list, from := []*value{}, 0
	for _, n := range lengths {
		v, err := c.lower.Emit("Slice", nil, c.values[0], intValue(int64(from), 1), intValue(int64(from+n), 1), intValue(int64(axis), 1))
		if err == nil && !c.has(1) && c.int("keepdims", 1) == 0 {
			v, err = c.lower.Emit("Squeeze", nil, v, intValue(int64(axis), 1))
		}
		if err != nil {
			return err
		}
		list, from = append(list, v), from+n
	}
	c.lower.Bind(0, sequenceOf(list))
	return nil
}

// splitLengths returns the lengths of the parts of an axis of length n.
func (c *site) splitLengths(n int) (lengths []int, err error) {
	each := int64(1)
	if c.has(1) {
		list, err := c.ints(1)
		if err != nil {
			return nil, err
		}
		if len(c.in[1].Shape) > 0 {
			return c.checkLengths(list, n)
		}
		each = list[0]
	}
	if each < 1 {
		return nil, c.shapeError("parts of length %d", each)
	}
	for left := n; left > 0; left -= lengths[len(lengths)-1] {
		lengths = append(lengths, int(min(each, int64(left))))
	}
	if len(lengths) > maxTrips {
		return nil, c.unsupported("it makes more than %d parts", maxTrips)
	}
	return lengths, nil
}

// checkLengths returns an error unless the lengths are those of parts of n elements.
func (c *site) checkLengths(list []int64, n int) ([]int, error) {
	left := int64(n)
	for _, v := range list {
		if v < 0 || v > left {
			return nil, c.shapeError("parts of lengths %v of an axis of length %d", list, n)
		}
		left -= v
	}
	if left != 0 {
		return nil, c.shapeError("parts of lengths %v of an axis of length %d", list, n)
	}
	return each(list, func(v int64) int { return int(v) }), nil
}

func expandOptional(c *site) error {
	list := valuesOf(c.values)
	v := sequenceOf(list[:min(1, len(list))])
	v.optional = true
	c.lower.Bind(0, v)
	return nil
}

// expandOptionalHasElement also takes a tensor or a sequence, which it has, or nothing (opset 18).
func expandOptionalHasElement(c *site) error {
	has := c.has(0)
	if has && c.values[0].optional {
		has = len(*c.values[0].list) > 0
	}
	c.lower.Bind(0, knownValue(boolTensor(has)))
	return nil
}

func expandOptionalGetElement(c *site) error {
	if err := c.need(1); err != nil {
		return err
	}
	v := c.values[0]
	if v.optional {
		if len(*v.list) == 0 {
			return c.shapeError("the optional is empty")
		}
		v = (*v.list)[0]
	}
	c.lower.Bind(0, v)
	return nil
}

// boolTensor is a scalar.
func boolTensor(v bool) *Tensor {
	t := &Tensor{Type: onnx.Bool, Shape: []int{}, I: []int64{0}}
	if v {
		t.I[0] = 1
	}
	return t
}
