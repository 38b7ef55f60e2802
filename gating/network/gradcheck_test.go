package network

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/gating/network/op/reduction"
	"github.com/softmerge/softmerge/gating/network/op/table"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
	"google.golang.org/protobuf/proto"
)

// gradCase is one node whose gradients are to be checked.
type gradCase struct {
	op      string
	domain  string
	opset   int64
	attrs   []*onnxpb.AttributeProto
	inputs  []*op.Tensor // nil: absent
	wrt     []int        // inputs that a gradient is wanted for
	outputs int          // 0 means 1
	known   []int        // float inputs that are constants for the builder
	step    float64      // of the central difference, relative to max(1,|x|); 0 means 1e-2
	tol     float64      // relative to the largest gradient; 0 means 2e-3
}

// checkGradients compares Backward of every wanted input, through every float
// output, with central differences of a random linear function of that output.
func checkGradients(t *testing.T, c gradCase) {
	t.Helper()
	operator, in, outs := buildOne(t, c)
	d, ok := operator.(op.Differentiable)
	if !ok {
		t.Fatalf("%s has no gradient", c.op)
	}
	x := &op.Context{}
	for k, out := range outs {
		if !out.Spec().IsFloat() {
			continue
		}
		dy := op.NewTensor(out.Spec())
		fill(dy.F, 77+uint64(k))
		for _, i := range c.wrt {
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
			want := differences(t, operator, in, outs, i, k, dy, c.step)
			if err := closeTo(got.F, want, c.tol); err != nil {
				t.Errorf("%s: gradient of output %d by input %d of %v: %v", c.op, k, i, in[i].Shape, err)
			}
		}
	}
}

// differences is the gradient of <dy, out[k]> by every element of in[i].
func differences(t *testing.T, operator op.Operator, in, outs []*op.Tensor, i, k int,
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

// closeTo compares relative to the largest element wanted.
func closeTo(got []float32, want []float64, tol float64) error {
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

// buildOne builds a node's operator; float inputs are unknown to the builder, integers known.
func buildOne(t *testing.T, c gradCase) (op.Operator, []*op.Tensor, []*op.Tensor) {
	t.Helper()
	op, in, outs := buildAny(t, c)
	if op == nil {
		t.Fatalf("%s is a view or a constant: there is nothing to differentiate", c.op)
	}
	return op, in, outs
}

// buildAny is buildOne, with no operator where the node is a view or its outputs are known.
func buildAny(t *testing.T, c gradCase) (op.Operator, []*op.Tensor, []*op.Tensor) {
	t.Helper()
	n := &onnxpb.NodeProto{OpType: proto.String(c.op), Domain: proto.String(c.domain),
		Attribute: c.attrs, Name: proto.String("node")}
	cl := &op.Call{Node: n, Name: "node", Opset: c.opset, Env: &lowerer{Config: Config{MaxBytes: defaultMaxBytes}}}
	for i, v := range c.inputs {
		n.Input = append(n.Input, fmt.Sprint("x", i))
		if v == nil {
			cl.In = append(cl.In, nil)
			continue
		}
		in := &op.Input{Spec: v.Spec()}
		if !v.Spec().IsFloat() || slices.Contains(c.known, i) {
			in.Const = v
		}
		cl.In = append(cl.In, in)
	}
	for k := range max(1, c.outputs) {
		n.Output = append(n.Output, fmt.Sprint("y", k))
	}
	cl.Outs = len(n.Output)
	e := table.Find(n, c.opset)
	if e == nil {
		t.Fatalf("no operator %s for opset %d", c.op, c.opset)
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
	return operator, c.inputs, outs
}

// randomTensor returns a float32 tensor with elements from the standard normal distribution.
func randomTensor(seed uint64, shape ...int) *op.Tensor {
	t := op.NewTensor(op.Spec{Type: onnx.Float32, Shape: shape})
	fill(t.F, seed)
	return t
}

// intTensor returns an int64 vector.
func intTensor(v ...int64) *op.Tensor {
	return &op.Tensor{Type: onnx.Int64, Shape: []int{len(v)}, I: v}
}

func fill(f []float32, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 1))
	for i := range f {
		f[i] = float32(r.NormFloat64())
	}
}

// intAttr, intsAttr, floatAttr and stringAttr make attributes.
func intAttr(name string, v int64) *onnxpb.AttributeProto {
	return &onnxpb.AttributeProto{Name: proto.String(name), Type: onnxpb.AttributeProto_INT.Enum(), I: proto.Int64(v)}
}

func intsAttr(name string, v ...int64) *onnxpb.AttributeProto {
	return &onnxpb.AttributeProto{Name: proto.String(name), Type: onnxpb.AttributeProto_INTS.Enum(), Ints: v}
}

func floatAttr(name string, v float32) *onnxpb.AttributeProto {
	return &onnxpb.AttributeProto{Name: proto.String(name),
		Type: onnxpb.AttributeProto_FLOAT.Enum(), F: proto.Float32(v)}
}

func stringAttr(name, v string) *onnxpb.AttributeProto {
	return &onnxpb.AttributeProto{Name: proto.String(name), Type: onnxpb.AttributeProto_STRING.Enum(), S: []byte(v)}
}

func TestReluGradient(t *testing.T) {
	checkGradients(t,
		gradCase{op: "Relu", opset: 14, inputs: []*op.Tensor{randomTensor(1, 3, 5)}, wrt: []int{0}, step: 1e-4})
}

// each returns f of every element.
func each[T, U any](list []T, f func(T) U) []U {
	out := make([]U, len(list))
	for i, v := range list {
		out[i] = f(v)
	}
	return out
}

// buildAs builds the operator of a name for a call.
func buildAs(c *op.Call, name string) (op.Operator, []op.Spec, error) {
	return table.Find(&onnxpb.NodeProto{OpType: proto.String(name)}, c.Opset).Build(c)
}

// reductions are the operators that fold axes.
func reductions() (list []op.Entry) {
	for _, e := range reduction.Operators {
		if strings.HasPrefix(e.Name, "Reduce") {
			list = append(list, e)
		}
	}
	return list
}
