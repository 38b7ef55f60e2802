package optest

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/gating/network/op/table"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
	"google.golang.org/protobuf/proto"
)

// Case is one node whose gradients are to be checked.
type Case struct {
	Op      string
	Domain  string
	Opset   int64
	Attrs   []*onnxpb.AttributeProto
	Inputs  []*op.Tensor // nil: absent
	Wrt     []int        // inputs that a gradient is wanted for
	Outputs int          // 0 means 1
	Known   []int        // float inputs that are constants for the builder
	Step    float64      // of the central difference, relative to max(1,|x|); 0 means 1e-2
	Tol     float64      // relative to the largest gradient; 0 means 2e-3
}

// CheckGradients compares Backward of every wanted input, through every float
// output, with central differences of a random linear function of that output.
func CheckGradients(t *testing.T, c Case) {
	t.Helper()
	operator, in, outs := BuildOne(t, c)
	d, ok := operator.(op.Differentiable)
	if !ok {
		t.Fatalf("%s has no gradient", c.Op)
	}
	x := &op.Context{}
	for k, out := range outs {
		if !out.Spec().IsFloat() {
			continue
		}
		dy := op.NewTensor(out.Spec())
		Fill(dy.F, 77+uint64(k))
		for _, i := range c.Wrt {
			x.Step++
			if err := operator.Forward(x, in, outs); err != nil {
				t.Fatal(err)
			}
			got := op.NewTensor(in[i].Spec())
			for e := range got.F {
				got.F[e] = float32(math.NaN()) // Backward must write every element
			}
			if err := d.Backward(x, i, k, in, outs, dy, got); err != nil {
				t.Fatal(err)
			}
			want := Differences(t, operator, in, outs, i, k, dy, c.Step)
			if err := CloseTo(got.F, want, c.Tol); err != nil {
				t.Errorf("%s: gradient of output %d by input %d of %v: %v", c.Op, k, i, in[i].Shape, err)
			}
		}
	}
}

// Differences is the gradient of <dy, out[k]> by every element of in[i].
func Differences(t *testing.T, operator op.Operator, in, outs []*op.Tensor, i, k int,
	dy *op.Tensor, step float64) []float64 {
	t.Helper()
	if step == 0 {
		step = 1e-2
	}
	x := &op.Context{Step: 1 << 32}
	value := func() (sum float64) {
		x.Step++
		if err := operator.Forward(x, in, outs); err != nil {
			t.Fatal(err)
		}
		for e, v := range outs[k].F {
			sum += float64(v) * float64(dy.F[e])
		}
		return sum
	}
	want := make([]float64, in[i].Len())
	for e := range want {
		v := in[i].F[e]
		h := float32(step * math.Max(1, math.Abs(float64(v))))
		in[i].F[e] = v + h
		hi := value()
		in[i].F[e] = v - h
		lo := value()
		want[e] = (hi - lo) / (float64(v+h) - float64(v-h))
		in[i].F[e] = v
	}
	return want
}

// CloseTo compares relative to the largest element wanted.
func CloseTo(got []float32, want []float64, tol float64) error {
	if tol == 0 {
		tol = 2e-3
	}
	scale := 1e-3
	for _, w := range want {
		scale = math.Max(scale, math.Abs(w))
	}
	for e, w := range want {
		if !(math.Abs(float64(got[e])-w) <= tol*scale) {
			return fmt.Errorf("element %d: got %g, want %g", e, got[e], w)
		}
	}
	return nil
}

// BuildOne builds a node's operator; float inputs are unknown to the builder, integers known.
func BuildOne(t *testing.T, c Case) (op.Operator, []*op.Tensor, []*op.Tensor) {
	t.Helper()
	op, in, outs := BuildAny(t, c)
	if op == nil {
		t.Fatalf("%s is a view or a constant: there is nothing to differentiate", c.Op)
	}
	return op, in, outs
}

// BuildAny is buildOne, with no operator where the node is a view or its outputs are known.
func BuildAny(t *testing.T, c Case) (op.Operator, []*op.Tensor, []*op.Tensor) {
	t.Helper()
	n := &onnxpb.NodeProto{OpType: proto.String(c.Op), Domain: proto.String(c.Domain),
		Attribute: c.Attrs, Name: proto.String("node")}
	cl := &op.Call{Node: n, Name: "node", Opset: c.Opset, Env: limit(8 << 30)}
	for i, v := range c.Inputs {
		n.Input = append(n.Input, fmt.Sprint("x", i))
		if v == nil {
			cl.In = append(cl.In, nil)
			continue
		}
		in := &op.Input{Spec: v.Spec()}
		if !v.Spec().IsFloat() || slices.Contains(c.Known, i) {
			in.Const = v
		}
		cl.In = append(cl.In, in)
	}
	for k := range max(1, c.Outputs) {
		n.Output = append(n.Output, fmt.Sprint("y", k))
	}
	cl.Outs = len(n.Output)
	e := table.Find(n, c.Opset)
	if e == nil {
		t.Fatalf("no operator %s for opset %d", c.Op, c.Opset)
	}
	operator, specs, err := e.Build(cl)
	if err != nil {
		t.Fatal(err)
	}
	switch operator.(type) {
	case op.View, op.Constant:
		operator = nil
	}
	var outs []*op.Tensor
	for _, s := range specs {
		outs = append(outs, op.NewTensor(s))
	}
	return operator, c.Inputs, outs
}

// BuildAs builds the operator of a name for a call.
func BuildAs(c *op.Call, name string) (op.Operator, []op.Spec, error) {
	return table.Find(&onnxpb.NodeProto{OpType: proto.String(name)}, c.Opset).Build(c)
}

// ForwardOf runs a node and returns its first output.
func ForwardOf(t *testing.T, c Case) *op.Tensor {
	t.Helper()
	operator, in, out := BuildOne(t, c)
	if err := operator.Forward(&op.Context{}, in, out); err != nil {
		t.Fatal(err)
	}
	return out[0]
}

// BackwardOf runs one operator forward and its gradient for dy of ones.
func BackwardOf(t *testing.T, c Case) []float32 {
	t.Helper()
	operator, in, outs := BuildOne(t, c)
	if err := operator.Forward(&op.Context{}, in, outs); err != nil {
		t.Fatal(err)
	}
	dy, dx := op.NewTensor(outs[0].Spec()), op.NewTensor(in[0].Spec())
	for i := range dy.F {
		dy.F[i] = 1
	}
	if err := operator.(op.Differentiable).Backward(&op.Context{}, 0, 0, in, outs, dy, dx); err != nil {
		t.Fatal(err)
	}
	return dx.F
}

// CheckInts runs a node and compares its integer or bool output.
func CheckInts(t *testing.T, c Case, dt onnx.DataType, want []int64) {
	t.Helper()
	operator, in, out := BuildOne(t, c)
	if out[0].Type != dt {
		t.Errorf("%s%v gives %s, want %s", c.Op, c.Attrs, out[0].Type, dt)
	}
	if err := operator.Forward(&op.Context{}, in, out); err != nil {
		t.Fatal(err)
	}
	for i, w := range want {
		if out[0].I[i] != w {
			t.Errorf("%s%v: element %d is %d, want %d", c.Op, c.Attrs, i, out[0].I[i], w)
		}
	}
}
