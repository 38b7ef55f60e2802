package expand

import (
	"fmt"
	"slices"

	"github.com/softmerge/softmerge/gating/network/ir"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// expandIf lowers the branch of an If whose condition is known. Where it is not, the choice is an operator of the
// graph.
func expandIf(c *Call) error {
	if err := c.Need(1); err != nil {
		return err
	}
	cond := c.In[0]
	if cond.Len() != 1 || cond.IsFloat() {
		return c.ShapeError("the condition is %s, want one bool", cond.Spec)
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

// branchOf lowers one branch.
func branchOf(c *Call, name string) ([]*ir.Value, error) {
	g := c.Attr(name).GetG()
	if g == nil {
		return nil, c.Invalid("it has no %s", name)
	}
	return c.Lower.Body(g, nil)
}

// maxTrips bounds how often a body is lowered for one Loop or Scan.
const maxTrips = 1 << 16

// expandLoop unrolls a Loop (opset 1): its body is lowered once for every
// iteration, so values may change their shape and gradients flow through.
// Where trip count or conditions are not known, the loop is an operator of the graph.
func expandLoop(c *Call) error {
	g := c.Attr("body").GetG()
	if g == nil || len(c.In) < 2 || len(g.GetOutput()) < len(c.In)-1 {
		return c.Invalid("it has no body, or one with too few outputs")
	}
	trips, known := c.tripCount()
	running, decided := c.condition(c.In[1])
	if !known || !decided {
		return dynamicLoop(c)
	}
	states := valuesOf(c.Values[2:])
	scans := make([][]*ir.Value, len(g.GetOutput())-1-len(states))
	for i := int64(0); running && (trips < 0 || i < trips); i++ {
		if i == maxTrips {
			return c.Unsupported("it runs more than %d times", maxTrips)
		}
		in := append([]*ir.Value{intValue(i), knownValue(boolTensor(true))}, states...)
		outs, err := c.Lower.Body(g, in)
		if err != nil {
			return fmt.Errorf("iteration %d of node %q (Loop): %w", i, c.Name, err)
		}
		if running, decided = c.condition(&op.Input{Spec: outs[0].Spec, Const: outs[0].Known}); !decided {
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
func (c *Call) tripCount() (n int64, ok bool) {
	if !c.Has(0) {
		return -1, true
	}
	list, err := c.Ints(0)
	if err != nil || len(list) != 1 {
		return 0, false
	}
	return max(0, list[0]), true
}

// condition returns a condition, an absent one holds; ok is false where it depends on the data.
func (c *Call) condition(in *op.Input) (holds, ok bool) {
	if in == nil {
		return true, true
	}
	if in.Const == nil || len(in.Const.I) != 1 {
		return false, false
	}
	return in.Const.I[0] != 0, true
}

// valuesOf returns the values of inputs, absent ones as such.
func valuesOf(in []*ir.Value) []*ir.Value {
	list := make([]*ir.Value, len(in))
	for i, v := range in {
		if list[i] = ir.Absent; v != nil {
			list[i] = v
		}
	}
	return list
}

// stack lowers the values of all iterations to one with a new axis. Of none it
// is empty, and has the shape that the body declares.
func stack(c *Call, list []*ir.Value, axis int64, declared *onnxpb.ValueInfoProto) (*ir.Value, error) {
	if len(list) == 0 {
		t := declared.GetType().GetTensorType()
		shape := []int{}
		for _, d := range t.GetShape().GetDim() {
			shape = append(shape, int(max(0, d.GetDimValue())))
		}
		at, err := c.CheckAxis(axis, len(shape)+1)
		if err != nil {
			return nil, err
		}
		s := op.Spec{Type: onnx.DataType(t.GetElemType()), Shape: slices.Insert(shape, at, 0)}
		return knownValue(op.NewTensor(s)), nil
	}
	parts := make([]*ir.Value, len(list))
	for i, v := range list {
		var err error
		if parts[i], err = c.Lower.Emit("Unsqueeze", nil, v, intValue(axis, 1)); err != nil {
			return nil, err
		}
	}
	return c.Lower.Emit("Concat", []*onnxpb.AttributeProto{axisAttribute(axis)}, parts...)
}

// bindAll names all outputs of a node.
func bindAll(c *Call, outs []*ir.Value) error {
	if len(c.Node.GetOutput()) > len(outs) {
		return c.ShapeError("it names %d outputs, its body has %d", len(c.Node.GetOutput()), len(outs))
	}
	for i := range c.Node.GetOutput() {
		c.Lower.Bind(i, outs[i])
	}
	return nil
}
