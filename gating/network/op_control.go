package network

import (
	"fmt"
	"slices"

	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// expandIf lowers the branch of an If whose condition is known. Where it is not, the choice is an operator of the graph.
func expandIf(c *site) error {
	if err := c.need(1); err != nil {
		return err
	}
	cond := c.in[0]
	if cond.Len() != 1 || cond.IsFloat() {
		return c.shapeError("the condition is %s, want one bool", cond.Spec)
	}
	if cond.Const != nil {
		name := "else_branch"
		if cond.Const.I[0] != 0 {
			name = "then_branch"
		}
		outs, err := branchOf(c, name)
		if err != nil {
			return err
		}
		return bindAll(c, outs)
	}
	return dynamicIf(c)
}

// branch lowers one branch.
func branchOf(c *site, name string) ([]*value, error) {
	g := c.attr(name).GetG()
	if g == nil {
		return nil, c.invalid("it has no %s", name)
	}
	return c.lower.Body(g, nil)
}

// maxTrips bounds how often a body is lowered for one Loop or Scan.
const maxTrips = 1 << 16

// expandLoop unrolls a Loop (opset 1): its body is lowered once for every
// iteration, so values may change their shape and gradients flow through.
// Where trip count or conditions are not known, the loop is an operator of the graph.
func expandLoop(c *site) error {
	g := c.attr("body").GetG()
	if g == nil || len(c.in) < 2 || len(g.GetOutput()) < len(c.in)-1 {
		return c.invalid("it has no body, or one with too few outputs")
	}
	trips, known := c.tripCount()
	running, decided := c.condition(c.in[1])
	if !known || !decided {
		return dynamicLoop(c)
	}
	states := valuesOf(c.values[2:])
	scans := make([][]*value, len(g.GetOutput())-1-len(states))
	for i := int64(0); running && (trips < 0 || i < trips); i++ {
		if i == maxTrips {
			return c.unsupported("it runs more than %d times", maxTrips)
		}
		in := append([]*value{intValue(i), knownValue(boolTensor(true))}, states...)
		outs, err := c.lower.Body(g, in)
		if err != nil {
			return fmt.Errorf("iteration %d of node %q (Loop): %w", i, c.name, err)
		}
		if running, decided = c.condition(&input{Spec: outs[0].spec, Const: outs[0].known}); !decided {
			return dynamicLoop(c)
		}
		states = outs[1 : 1+len(states)]
		for k, v := range outs[1+len(states):] {
			scans[k] = append(scans[k], v)
		}
	}
	outs := slices.Clone(states)
	for k, list := range scans {
		v, err := stack(c, list, 0, g.GetOutput()[1+len(states)+k])
		if err != nil {
			return err
		}
		outs = append(outs, v)
	}
	return bindAll(c, outs)
}

// tripCount returns the number of iterations that input 0 allows, -1 for any; ok is false where it depends on the data.
func (c *site) tripCount() (n int64, ok bool) {
	if !c.has(0) {
		return -1, true
	}
	list, err := c.ints(0)
	if err != nil || len(list) != 1 {
		return 0, false
	}
	return max(0, list[0]), true
}

// condition returns a condition, an absent one holds; ok is false where it depends on the data.
func (c *site) condition(in *input) (holds, ok bool) {
	if in == nil {
		return true, true
	}
	if in.Const == nil || len(in.Const.I) != 1 {
		return false, false
	}
	return in.Const.I[0] != 0, true
}

// valuesOf returns the values of inputs, absent ones as such.
func valuesOf(in []*value) []*value {
	list := make([]*value, len(in))
	for i, v := range in {
		if list[i] = absent; v != nil {
			list[i] = v
		}
	}
	return list
}

// stack lowers the values of all iterations to one with a new axis. Of none it
// is empty, and has the shape that the body declares.
func stack(c *site, list []*value, axis int64, declared *onnxpb.ValueInfoProto) (*value, error) {
	if len(list) == 0 {
		t := declared.GetType().GetTensorType()
		shape := []int{}
		for _, d := range t.GetShape().GetDim() {
			shape = append(shape, int(max(0, d.GetDimValue())))
		}
		at, err := c.checkAxis(axis, len(shape)+1)
		if err != nil {
			return nil, err
		}
		s := Spec{onnx.DataType(t.GetElemType()), slices.Insert(shape, at, 0)}
		return knownValue(NewTensor(s)), nil
	}
	parts := make([]*value, len(list))
	for i, v := range list {
		var err error
		if parts[i], err = c.lower.Emit("Unsqueeze", nil, v, intValue(axis, 1)); err != nil {
			return nil, err
		}
	}
	return c.lower.Emit("Concat", []*onnxpb.AttributeProto{axisAttribute(axis)}, parts...)
}

// bindAll names all outputs of a node.
func bindAll(c *site, outs []*value) error {
	if len(c.node.GetOutput()) > len(outs) {
		return c.shapeError("it names %d outputs, its body has %d", len(c.node.GetOutput()), len(outs))
	}
	for i := range c.node.GetOutput() {
		c.lower.Bind(i, outs[i])
	}
	return nil
}
