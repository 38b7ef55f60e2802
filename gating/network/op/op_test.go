package op_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
	"google.golang.org/protobuf/proto"
)

// call is a node with an attribute axis over inputs of the shapes.
func call(axis int64, shapes ...[]int) *op.Call {
	c := &op.Call{Name: "n", Opset: 18, Outs: 1, Node: &onnxpb.NodeProto{
		OpType: proto.String("Test"),
		Attribute: []*onnxpb.AttributeProto{
			{Name: proto.String("axis"), Type: onnxpb.AttributeProto_INT.Enum(), I: proto.Int64(axis)},
		},
	}}
	for _, s := range shapes {
		c.In = append(c.In, &op.Input{Spec: op.Spec{Type: onnx.Float32, Shape: s}})
	}
	return c
}

// TestAxisCountsFromEitherEnd and refuses what a tensor does not have.
func TestAxisCountsFromEitherEnd(t *testing.T) {
	for axis := int64(-5); axis <= 5; axis++ {
		got, err := call(axis, []int{2, 3, 4}).Axis("axis", 0, 3)
		if want := (axis + 3) % 3; axis >= -3 && axis < 3 {
			if err != nil || int64(got) != want {
				t.Errorf("axis %d is %d, want %d: %v", axis, got, want, err)
			}
		} else if !errors.Is(err, op.ErrShape) {
			t.Errorf("axis %d of three: %v", axis, err)
		}
	}
}

// TestAxesMayNotRepeat, not even under another sign.
func TestAxesMayNotRepeat(t *testing.T) {
	c := call(0, []int{2, 3, 4})
	if list, err := c.CheckAxes([]int64{-1, 0}, 3); err != nil || fmt.Sprint(list) != "[0 2]" {
		t.Errorf("got %v: %v", list, err)
	}
	if _, err := c.CheckAxes([]int64{2, -1}, 3); !errors.Is(err, op.ErrShape) {
		t.Errorf("got %v", err)
	}
}

// TestKnownInputs tells what is not there from what is not known and from what is of another kind.
func TestKnownInputs(t *testing.T) {
	c := call(0, []int{2}, []int{2})
	c.In[1].Const = &op.Tensor{Type: onnx.Float32, Shape: []int{2}, F: []float32{1, 2}}
	for i, kind := range []error{op.ErrUnsupported, op.ErrShape, op.ErrShape} {
		if _, err := c.Ints(i); !errors.Is(err, kind) {
			t.Errorf("integers of input %d: %v, want kind %v", i, err, kind)
		}
	}
	if list, err := c.Floats(1); err != nil || len(list) != 2 {
		t.Errorf("got %v: %v", list, err)
	}
}

// TestStrides holds strides and lanes against counting through all elements.
func TestStrides(t *testing.T) {
	shape := []int{2, 3, 4}
	strides := op.StridesOf(shape)
	place := make([]int, len(shape))
	for i := range op.SizeOf(shape) {
		at := 0
		for a, p := range place {
			at += p * strides[a]
		}
		if at != i {
			t.Fatalf("place %v is element %d, want %d", place, at, i)
		}
		op.Advance(place, shape)
	}
	if l := op.LanesOf(shape, 1); l.Outer != 2 || l.N != 3 || l.Inner != 4 {
		t.Errorf("got %+v", l)
	}
}

// TestWrapInt cuts integers to the width of their type as Go's conversions do.
func TestWrapInt(t *testing.T) {
	for _, v := range []int64{-129, -1, 0, 1, 127, 128, 255, 256, 1 << 31, 1 << 40} {
		for dt, want := range map[onnx.DataType]int64{
			onnx.Int8: int64(int8(v)), onnx.Uint8: int64(uint8(v)), onnx.Int16: int64(int16(v)),
			onnx.Uint32: int64(uint32(v)), onnx.Int64: v,
		} {
			if got := op.WrapInt(dt, v); got != want {
				t.Errorf("%d as %s is %d, want %d", v, dt, got, want)
			}
		}
	}
}

// scale is an operator that multiplies by a number.
type scale float32

func (s scale) Forward(_ *op.Context, in, out []*op.Tensor) error {
	for i, v := range in[0].F {
		out[0].F[i] = float32(s) * v
	}
	return nil
}

// Example is a builder: it checks the inputs of a node, reads its attributes, and answers with the operator and the
// specs of its outputs, or with an error that names the node.
func Example() {
	build := func(c *op.Call) (op.Operator, []op.Spec, error) {
		if err := c.NeedFloats(1); err != nil {
			return nil, nil, err
		}
		return scale(c.Float("factor", 2)), []op.Spec{c.In[0].Spec}, nil
	}
	entry := op.WithoutGradient("com.example.Scale", 1, build)
	operator, specs, err := entry.Build(call(0, []int{2}))
	fmt.Println(specs, err)
	y := op.NewTensor(specs[0])
	x := &op.Tensor{Type: onnx.Float32, Shape: []int{2}, F: []float32{1, 3}}
	fmt.Println(operator.Forward(&op.Context{}, []*op.Tensor{x}, []*op.Tensor{y}), y.F)
	_, _, err = entry.Build(call(0))
	fmt.Println(err)
	// Output:
	// [float32[2]] <nil>
	// <nil> [2 6]
	// node "n" (Test): input 0 is missing, want at least 1 inputs
}
