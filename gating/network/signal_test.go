package network

import (
	"fmt"
	"math"
	"math/cmplx"
	"math/rand/v2"
	"testing"

	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// dftCases are transforms with shapes drawn at random.
func dftCases(seed uint64) map[string]gradCase {
	r := rand.New(rand.NewPCG(seed, 6))
	b, n, w := 1+r.IntN(2), 1+r.IntN(7), 1+r.IntN(3)
	type list = []*onnxpb.AttributeProto
	on := func(attrs list, in ...*op.Tensor) gradCase {
		return gradCase{op: "DFT", opset: 17, attrs: attrs, inputs: in, wrt: []int{0}}
	}
	return map[string]gradCase{
		"real":     on(nil, randomTensor(seed, b, n, w, 1)),
		"complex":  on(list{intAttr("axis", -2)}, randomTensor(seed, b, w, n, 2)),
		"inverse":  on(list{intAttr("inverse", 1)}, randomTensor(seed, b, n, 2)),
		"onesided": on(list{intAttr("onesided", 1)}, randomTensor(seed, b, n, 1)),
		"cut":      on(nil, randomTensor(seed, b, n+2, 2), scalarInt(int64(n))),
		"filled":   on(nil, randomTensor(seed, b, n, 1), scalarInt(int64(n+3))),
		"later": {op: "DFT", opset: 20, wrt: []int{0},
			inputs: []*op.Tensor{randomTensor(seed, n, b, 2), nil, scalarInt(0)}},
	}
}

func scalarInt(v int64) *op.Tensor {
	return &op.Tensor{Type: onnx.Int64, Shape: []int{}, I: []int64{v}}
}

func TestDFTGradients(t *testing.T) {
	for seed := range uint64(6) {
		for name, c := range dftCases(seed) {
			t.Run(fmt.Sprint(name, seed), func(t *testing.T) { checkGradients(t, c) })
		}
	}
}

// TestDFTDefinition compares with the definition in complex numbers.
func TestDFTDefinition(t *testing.T) {
	x := randomTensor(3, 1, 6, 2)
	got, err := runModel(gradCase{op: "DFT", opset: 17, inputs: []*op.Tensor{x}})
	if err != nil {
		t.Fatal(err)
	}
	for k := range 6 {
		var want complex128
		for n := range 6 {
			turn := cmplx.Exp(complex(0, -2*math.Pi*float64(k*n)/6))
			want += complex(float64(x.F[2*n]), float64(x.F[2*n+1])) * turn
		}
		if d := cmplx.Abs(complex(float64(got[0].F[2*k]), float64(got[0].F[2*k+1])) - want); d > 1e-5 {
			t.Errorf("frequency %d is off by %g", k, d)
		}
	}
}

// signalCases are operators that ONNX Runtime has too.
func signalCases() map[string]gradCase {
	mel := func(bands, size, rate int64, low, high float32) gradCase {
		bound := func(v float32) *op.Tensor { return &op.Tensor{Type: onnx.Float32, Shape: []int{}, F: []float32{v}} }
		return gradCase{op: "MelWeightMatrix", opset: 17,
			inputs: []*op.Tensor{scalarInt(bands), scalarInt(size), scalarInt(rate), bound(low), bound(high)}}
	}
	stft := func(attrs []*onnxpb.AttributeProto, in ...*op.Tensor) gradCase {
		return gradCase{op: "STFT", opset: 17, attrs: attrs, inputs: in, wrt: []int{0}}
	}
	symmetric := []*onnxpb.AttributeProto{intAttr("periodic", 0)}
	return map[string]gradCase{
		"hann":               {op: "HannWindow", opset: 17, inputs: []*op.Tensor{scalarInt(7)}},
		"hamming":            {op: "HammingWindow", opset: 17, inputs: []*op.Tensor{scalarInt(8)}},
		"blackman symmetric": {op: "BlackmanWindow", opset: 17, inputs: []*op.Tensor{scalarInt(9)}, attrs: symmetric},
		"mel":                mel(8, 64, 16000, 20, 7600),
		"narrow mel":         mel(20, 32, 8000, 0, 4000),
		"stft":               stft(nil, randomTensor(1, 2, 20, 1), scalarInt(3), randomTensor(2, 8)),
		"stft both sides": stft([]*onnxpb.AttributeProto{intAttr("onesided", 0)},
			randomTensor(1, 2, 20, 1), scalarInt(5), nil, scalarInt(6)),
	}
}

func TestSignalAgainstORT(t *testing.T) {
	server := startORT(t)
	if server == nil {
		t.Skip("ORT_NODE_MODULES names no folder with onnxruntime-node")
	}
	for name, c := range signalCases() {
		t.Run(name, func(t *testing.T) { server.modelAgainstORT(t, c) })
	}
	for seed := range uint64(6) {
		for name, c := range dftCases(seed) {
			t.Run(fmt.Sprint(name, seed), func(t *testing.T) { server.modelAgainstORT(t, c) })
		}
		t.Run(fmt.Sprint("boxes", seed), func(t *testing.T) { server.modelAgainstORT(t, boxCase(seed)) })
	}
}

// TestSTFTGradient checks the gradient of the signal.
func TestSTFTGradient(t *testing.T) {
	for name, c := range signalCases() {
		if c.op == "STFT" {
			t.Run(name, func(t *testing.T) { checkProgram(t, c) })
		}
	}
}

// TestRealDFT takes real numbers to half their spectrum and back, for even and odd lengths, and checks the gradient.
func TestRealDFT(t *testing.T) {
	for n := 1; n < 8; n++ {
		x := randomTensor(uint64(n), 2, n, 3, 1)
		half, err := runModel(gradCase{op: "DFT", opset: 17, inputs: []*op.Tensor{x},
			attrs: attrs{intAttr("onesided", 1)}})
		if err != nil {
			t.Fatal(err)
		}
		back := gradCase{op: "DFT", opset: 17, inputs: []*op.Tensor{half[0], scalarInt(int64(n))},
			attrs: attrs{intAttr("onesided", 1), intAttr("inverse", 1)}, wrt: []int{0}}
		got, err := runModel(back)
		if err != nil {
			t.Fatal(err)
		}
		if err := compare(got[0], x, 1e-5, 1e-6); err != nil {
			t.Errorf("%d numbers: %v", n, err)
		}
		checkWhole(t, back)
		if n%2 == 0 {
			back.opset, back.inputs = 20, []*op.Tensor{half[0], nil, scalarInt(1)}
			if got, err = runModel(back); err != nil || compare(got[0], x, 1e-5, 1e-6) != nil {
				t.Errorf("%d numbers without a length: %v, %v", n, got, err)
			}
		}
	}
}

// TestWindows checks what windows are known for.
func TestWindows(t *testing.T) {
	for name, c := range signalCases() {
		if c.op == "STFT" || c.op == "MelWeightMatrix" {
			continue
		}
		out, err := runModel(c)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		w := out[0].F
		for i := range w[1:] {
			if j := len(w) - i; j < len(w) && math.Abs(float64(w[i]-w[j])) > 1e-6 && c.attrs == nil {
				t.Errorf("%s: elements %d and %d are %g and %g, want equal", name, i, j, w[i], w[j])
			}
		}
	}
}

// boxCase draws boxes and scores.
func boxCase(seed uint64) gradCase {
	r := rand.New(rand.NewPCG(seed, 7))
	b, c, n := 1+r.IntN(2), 1+r.IntN(3), 1+r.IntN(9)
	boxes, scores := randomTensor(seed, b, n, 4), randomTensor(seed+50, b, c, n)
	limit := func(v float32) *op.Tensor { return &op.Tensor{Type: onnx.Float32, Shape: []int{1}, F: []float32{v}} }
	k := gradCase{op: "NonMaxSuppression", opset: 11,
		attrs:  []*onnxpb.AttributeProto{intAttr("center_point_box", int64(seed%2))},
		inputs: []*op.Tensor{boxes, scores, intTensor(int64(1 + r.IntN(n))), limit(r.Float32()), limit(-0.5)}}
	if seed%2 == 1 {
		for i := range boxes.F {
			boxes.F[i] = float32(math.Abs(float64(boxes.F[i])))
		}
	}
	return k
}

// TestBoxes checks that chosen boxes are in order and do not overlap much.
func TestBoxes(t *testing.T) {
	boxes := &op.Tensor{Type: onnx.Float32, Shape: []int{1, 3, 4}, F: []float32{0, 0, 1, 1, 0, 0.1, 1, 1.1, 5, 5, 4, 4}}
	scores := &op.Tensor{Type: onnx.Float32, Shape: []int{1, 1, 3}, F: []float32{0.5, 0.9, 0.7}}
	half := &op.Tensor{Type: onnx.Float32, Shape: []int{1}, F: []float32{0.5}}
	c := gradCase{op: "NonMaxSuppression", opset: 11, inputs: []*op.Tensor{boxes, scores, intTensor(5), half}}
	want := &op.Tensor{Type: onnx.Int64, Shape: []int{2, 3}, I: []int64{0, 0, 1, 0, 0, 2}}
	got, err := runModel(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := compare(got[0], want, 0, 0); err != nil {
		t.Error(err)
	}
}

// TestSignalRefuses checks that sizes that cannot be are errors.
func TestSignalRefuses(t *testing.T) {
	x := randomTensor(1, 1, 8, 1)
	for name, c := range map[string]gradCase{
		"window":      {op: "HannWindow", opset: 17, inputs: []*op.Tensor{scalarInt(-1)}},
		"huge window": {op: "HannWindow", opset: 17, inputs: []*op.Tensor{scalarInt(1 << 50)}},
		"no length":   {op: "DFT", opset: 17, inputs: []*op.Tensor{x, scalarInt(0)}},
		"huge length": {op: "DFT", opset: 17, inputs: []*op.Tensor{x, scalarInt(1 << 40)}},
		"axis of parts": {op: "DFT", opset: 17, inputs: []*op.Tensor{x},
			attrs: []*onnxpb.AttributeProto{intAttr("axis", 2)}},
		"three parts": {op: "DFT", opset: 17, inputs: []*op.Tensor{randomTensor(1, 2, 2, 3)}},
		"no step":     {op: "STFT", opset: 17, inputs: []*op.Tensor{x, scalarInt(0), nil, scalarInt(2)}},
		"long frame":  {op: "STFT", opset: 17, inputs: []*op.Tensor{x, scalarInt(1), nil, scalarInt(9)}},
		"mel beyond": {op: "MelWeightMatrix", opset: 17,
			inputs: []*op.Tensor{scalarInt(4), scalarInt(8), scalarInt(100),
				{Type: onnx.Float32, Shape: []int{}, F: []float32{0}},
				{Type: onnx.Float32, Shape: []int{}, F: []float32{1e6}}}},
	} {
		if _, err := runModel(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
