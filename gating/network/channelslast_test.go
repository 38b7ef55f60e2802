package network

import (
	"math"
	"testing"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

// TestNewestAgainstORT holds random nodes of ONNX's newer operators against ONNX Runtime.
func TestNewestAgainstORT(t *testing.T) {
	server := startORT(t)
	if server == nil {
		t.Skip("ORT_NODE_MODULES names no folder with onnxruntime-node")
	}
	for _, op := range []string{"DeformConv", "CumProd", "TensorScatter", "Swish", "RMSNormalization"} {
		for seed := range uint64(12) {
			c := gradientDraws[op](newDraw(seed))
			if c.Inputs[0].Len() > 0 {
				t.Run(op, func(t *testing.T) { server.modelAgainstORT(t, c) })
			}
		}
	}
}

// imageAt reads an image N×H×W×C or N×C×H×W.
func imageAt(t *op.Tensor, last bool, n, c, h, w int) float64 {
	s := t.Shape
	if last {
		return float64(t.F[((n*s[1]+h)*s[2]+w)*s[3]+c])
	}
	return float64(t.F[((n*s[1]+c)*s[2]+h)*s[3]+w])
}

// TestFusedGroupNorm compares with the definition, pixel by pixel.
func TestFusedGroupNorm(t *testing.T) {
	for seed := range uint64(20) {
		c := aRuntimeImage("GroupNorm")(newDraw(seed))
		got, err := runModel(c)
		if err != nil {
			t.Fatal(err)
		}
		x, last := c.Inputs[0], len(c.Attrs) == 3
		height, width := x.Shape[1], x.Shape[2]
		if !last {
			height, width = x.Shape[2], x.Shape[3]
		}
		for n := range x.Shape[0] {
			for channel := range 4 {
				var sum, squares float64
				count := float64(2 * height * width)
				for e := range 2 * height * width {
					v := imageAt(x, last, n, channel/2*2+e/(height*width), e/width%height, e%width)
					sum, squares = sum+v, squares+v*v
				}
				mean := sum / count
				inv := 1 / math.Sqrt(squares/count-mean*mean+float64(float32(0.01)))
				for e := range height * width {
					want := (imageAt(x, last, n, channel, e/width, e%width)-mean)*inv*float64(c.Inputs[1].F[channel]) +
						float64(c.Inputs[2].F[channel])
					if c.Attrs[1].GetI() == 1 {
						want *= logistic(want)
					}
					if v := imageAt(got[0], last, n, channel, e/width,
						e%width); math.Abs(v-want) > 1e-5*(1+math.Abs(want)) {
						t.Fatalf("seed %d: got %g, want %g", seed, v, want)
					}
				}
			}
		}
	}
}

// TestSkipGroupNorm is GroupNorm of the sum, which is an output too.
func TestSkipGroupNorm(t *testing.T) {
	for seed := range uint64(20) {
		c := aRuntimeImage("SkipGroupNorm")(newDraw(seed))
		got, err := runModel(c)
		if err != nil {
			t.Fatal(err)
		}
		x, sum := c.Inputs[0], op.NewTensor(c.Inputs[0].Spec())
		for e := range sum.F {
			skip := c.Inputs[3].F[e%c.Inputs[3].Len()]
			if len(c.Inputs[3].Shape) == 2 {
				skip = c.Inputs[3].F[e/(x.Len()/x.Shape[0])*4+e%4]
			}
			sum.F[e] = x.F[e] + skip
			if len(c.Inputs) > 4 {
				sum.F[e] += c.Inputs[4].F[e%4]
			}
		}
		c.Op, c.Inputs = "GroupNorm", []*op.Tensor{sum, c.Inputs[1], c.Inputs[2]}
		c.Outputs = 1
		want, err := runModel(c)
		if err != nil {
			t.Fatal(err)
		}
		for k, w := range []*op.Tensor{want[0], sum} {
			if err := optest.Compare(got[k], w, 1e-5, 1e-6); err != nil {
				t.Errorf("seed %d: output %d: %v", seed, k, err)
			}
		}
	}
}

// TestBiasForms compares BiasAdd and BiasSplitGelu with their formulas.
func TestBiasForms(t *testing.T) {
	for seed := range uint64(10) {
		add, gelu := aRuntimeImage("BiasAdd")(newDraw(seed)), aRuntimeImage("BiasSplitGelu")(newDraw(seed))
		x, bias := add.Inputs[0], add.Inputs[1]
		want := op.NewTensor(x.Spec())
		for e := range want.F {
			want.F[e] = x.F[e] + bias.F[e%bias.Len()] + add.Inputs[2].F[e]
		}
		wantModel(t, add, want)
		x, bias = gelu.Inputs[0], gelu.Inputs[1]
		half := bias.Len() / 2
		want = op.NewTensor(op.Spec{Type: onnx.Float32, Shape: []int{x.Shape[0], x.Shape[1], half}})
		for e := range want.F {
			left, right := e/half*2*half+e%half, e/half*2*half+half+e%half
			want.F[e] = float32(float64(x.F[left]+bias.F[e%half]) * normal(float64(x.F[right]+bias.F[half+e%half])))
		}
		wantModel(t, gelu, want)
	}
}

// wantModel runs a model of one node and compares output 0.
func wantModel(t *testing.T, c optest.Case, want *op.Tensor) {
	t.Helper()
	got, err := runModel(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := optest.Compare(got[0], want, 1e-5, 1e-6); err != nil {
		t.Errorf("%s: %v", c.Op, err)
	}
}

// TestChannelsLast: an operator on images with their channels last gives what it gives on others, moved.
func TestChannelsLast(t *testing.T) {
	for op, plain := range map[string]string{"NhwcConv": "FusedConv",
		"NhwcFusedConv": "FusedConv", "NhwcMaxPool": "MaxPool"} {
		c := aRuntimeImage(op)(newDraw(3))
		got, err := runModel(c)
		if err != nil {
			t.Fatal(err)
		}
		c.Op, c.Inputs[0] = plain, moved(c.Inputs[0], 0, 3, 1, 2)
		if len(c.Inputs) > 3 {
			c.Inputs[3] = moved(c.Inputs[3], 0, 3, 1, 2)
		}
		if plain == "MaxPool" {
			c.Domain, c.Opset = "", 12
		}
		want, err := runModel(c)
		if err != nil {
			t.Fatal(err)
		}
		if err := optest.Compare(got[0], moved(want[0], 0, 2, 3, 1), 1e-6, 1e-6); err != nil {
			t.Errorf("%s: %v", op, err)
		}
	}
}

// moved transposes a tensor of four axes.
func moved(t *op.Tensor, perm ...int) *op.Tensor {
	shape := make([]int, 4)
	for k, p := range perm {
		shape[k] = t.Shape[p]
	}
	out, from, at := op.NewTensor(op.Spec{Type: t.Type, Shape: shape}), op.StridesOf(t.Shape), op.StridesOf(shape)
	for e := range out.F {
		i := 0
		for k, p := range perm {
			i += e / at[k] % shape[k] * from[p]
		}
		out.F[e] = t.F[i]
	}
	return out
}

// TestFlexAttention compares with Attention: a scale of the scores by a body is a scale, a power of the weights is
// taken before they are summed over.
func TestFlexAttention(t *testing.T) {
	for seed := range uint64(20) {
		c := newDraw(seed).aFlexAttention()
		plain := optest.Case{Op: "Attention", Opset: 24, Inputs: c.Inputs}
		power := 1.0
		for _, a := range c.Attrs {
			switch a.GetName() {
			case "scale":
				plain.Attrs = optest.Attrs{optest.FloatAttr("scale", 0.45)}
			case "prob_mod":
				power = 1.5
			}
		}
		if power != 1 {
			plain.Outputs, plain.Attrs = 4, append(plain.Attrs, optest.IntAttr("qk_matmul_output_mode", 3))
		}
		want, err := runModel(plain)
		if err != nil {
			t.Fatal(err)
		}
		if power != 1 {
			want[0] = weighted(want[3], c.Inputs[2], power)
		}
		wantModel(t, c, want[0])
	}
}

// weighted sums values [B,K,T,V] by a power of weights [B,H,S,T].
func weighted(weights, values *op.Tensor, power float64) *op.Tensor {
	w, v := weights.Shape, values.Shape
	out := op.NewTensor(op.Spec{Type: onnx.Float32, Shape: []int{w[0], w[1], w[2], v[3]}})
	for e := range out.F {
		row, col := e/v[3], e%v[3]
		b, head := row/(w[1]*w[2]), row/w[2]%w[1]/(w[1]/v[1])
		for k := range w[3] {
			out.F[e] += float32(math.Pow(float64(weights.F[row*w[3]+k]),
				power)) * values.F[((b*v[1]+head)*v[2]+k)*v[3]+col]
		}
	}
	return out
}
