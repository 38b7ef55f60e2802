package reduction_test

import (
	"math"
	"testing"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/gating/network/op/reduction"
	"github.com/softmerge/softmerge/onnx/onnxpb"
	"google.golang.org/protobuf/proto"
)

func TestBatchNormGradients(t *testing.T) {
	for _, x := range [][]int{{4, 3}, {2, 3, 5}, {2, 3, 5, 7}, {1, 1, 1, 1},
		{2, 2, 3, 2, 3}, {5}, {0, 3, 2}, {3, 40, 1}} {
		for _, opset := range []int64{6, 7, 9, 14, 15} {
			optest.CheckGradients(t, optest.Case{Op: "BatchNormalization", Opset: opset,
				Inputs: optest.BatchNormInputs(x...), Wrt: []int{0, 1, 2, 3, 4}})
		}
	}
}

func TestBatchNormTrainingGradients(t *testing.T) {
	for _, x := range [][]int{{4, 3}, {2, 3, 5}, {2, 3, 5, 4}, {5, 2, 1}} {
		optest.CheckGradients(t, optest.Case{Op: "BatchNormalization", Opset: 15,
			Attrs:  optest.Attrs{optest.IntAttr("training_mode", 1), optest.FloatAttr("epsilon", 0.1)},
			Inputs: optest.BatchNormInputs(x...), Wrt: []int{0, 1, 2, 3, 4}, Step: 3e-3, Tol: 5e-3})
	}
}

// TestBatchNormTrainingStatistics: two samples of one channel, 1 and 3, have mean 2 and variance 1.
func TestBatchNormTrainingStatistics(t *testing.T) {
	one := func(v float32) *op.Tensor { return &op.Tensor{Type: 1, Shape: []int{1}, F: []float32{v}} }
	in := []*op.Tensor{{Type: 1, Shape: []int{2, 1}, F: []float32{1, 3}}, one(1), one(0), one(10), one(5)}
	for _, c := range []struct {
		opset int64
		attrs optest.Attrs
		outs  int
		want  []float32
	}{
		{15, optest.Attrs{optest.IntAttr("training_mode", 1), optest.FloatAttr("momentum", 0.5)}, 3, []float32{6, 3}},
		{9, optest.Attrs{optest.FloatAttr("momentum", 0.5)}, 5, []float32{6, 3, 2, 1}},
	} {
		operator, in, outs := optest.BuildOne(t,
			optest.Case{Op: "BatchNormalization", Opset: c.opset, Attrs: c.attrs, Inputs: in, Outputs: c.outs})
		if err := operator.Forward(&op.Context{}, in, outs); err != nil {
			t.Fatal(err)
		}
		for i, w := range c.want {
			if got := outs[i+1].F[0]; got != w {
				t.Errorf("opset %d: output %d is %g, want %g", c.opset, i+1, got, w)
			}
		}
	}
}

func TestScaleShiftGradients(t *testing.T) {
	for _, x := range [][]int{{4, 3}, {2, 3, 5, 7}, {3, 2, 1}, {2, 3, 17}} {
		c := &op.Call{Node: &onnxpb.NodeProto{OpType: proto.String("BatchNormalization")}, Name: "bn", Opset: 15}
		inputs := []*op.Tensor{optest.RandomTensor(1, x...), optest.RandomTensor(2, x[1]), optest.RandomTensor(3, x[1])}
		for _, v := range inputs {
			c.In = append(c.In, &op.Input{Spec: v.Spec()})
		}
		operator, specs, err := reduction.BuildScaleShift(c)
		if err != nil {
			t.Fatal(err)
		}
		outs := []*op.Tensor{op.NewTensor(specs[0])}
		dy := optest.RandomTensor(9, x...)
		for i := range inputs {
			want := optest.Differences(t, operator, inputs, outs, i, 0, dy, 0)
			got := op.NewTensor(inputs[i].Spec())
			if err := operator.(op.Differentiable).Backward(&op.Context{}, i, 0, inputs, outs, dy, got); err != nil {
				t.Fatal(err)
			}
			if err := optest.CloseTo(got.F, want, 0); err != nil {
				t.Errorf("input %d of %v: %v", i, x, err)
			}
		}
	}
}

func TestBatchNormRefusals(t *testing.T) {
	in := optest.BatchNormInputs(2, 3, 4)
	short := append([]*op.Tensor{}, in...)
	short[3] = optest.RandomTensor(1, 2)
	optest.CheckRefusals(t, []optest.Refusal{
		{Op: "BatchNormalization", Opset: 15, Attrs: nil, Inputs: in[:4], Says: "input 4 is missing"},
		{Op: "BatchNormalization", Opset: 15, Attrs: nil, Inputs: short, Says: "input 3 has shape [2], want [3]"},
		{Op: "BatchNormalization", Opset: 15, Attrs: nil,
			Inputs: append([]*op.Tensor{optest.RandomTensor(1)}, in[1:]...), Says: "batch axis"},
	})
}

// TestBatchNormPerElement: before opset 9, spatial 0 gives every element of a sample statistics of its own.
func TestBatchNormPerElement(t *testing.T) {
	in := []*op.Tensor{optest.RandomTensor(1, 2, 3, 4)}
	for i := range uint64(4) {
		in = append(in, optest.Positive(optest.RandomTensor(2+i, 3, 4)))
	}
	c := optest.Case{Op: "BatchNormalization", Opset: 7, Attrs: optest.Attrs{optest.IntAttr("spatial", 0)},
		Inputs: in, Wrt: []int{0, 1, 2, 3, 4}}
	optest.CheckGradients(t, c)
	operator, in, outs := optest.BuildOne(t, c)
	if err := operator.Forward(&op.Context{}, in, outs); err != nil {
		t.Fatal(err)
	}
	for i, v := range outs[0].F {
		k := i % 12
		want := float64(in[0].F[i]-in[3].F[k])/math.Sqrt(float64(in[4].F[k])+1e-5)*float64(in[1].F[k]) +
			float64(in[2].F[k])
		if math.Abs(float64(v)-want) > 1e-5 {
			t.Fatalf("element %d is %g, want %g", i, v, want)
		}
	}
}

func TestBatchNormOfNothing(t *testing.T) {
	in := optest.BatchNormInputs(0, 3, 4)
	optest.CheckRefusals(t,
		[]optest.Refusal{{Op: "BatchNormalization", Opset: 15,
			Attrs: optest.Attrs{optest.IntAttr("training_mode", 1)}, Inputs: in, Says: "no element"}})
}
