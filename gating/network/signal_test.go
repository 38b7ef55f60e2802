package network

import (
	"fmt"
	"math"
	"math/cmplx"
	"math/rand/v2"
	"testing"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// dftCases are transforms with shapes drawn at random.
func dftCases(seed uint64) map[string]optest.Case {
	r := rand.New(rand.NewPCG(seed, 6))
	b, n, w := 1+r.IntN(2), 1+r.IntN(7), 1+r.IntN(3)
	type list = []*onnxpb.AttributeProto
	on := func(attrs list, in ...*op.Tensor) optest.Case {
		return optest.Case{Op: "DFT", Opset: 17, Attrs: attrs, Inputs: in, Wrt: []int{0}}
	}
	return map[string]optest.Case{
		"real":     on(nil, optest.RandomTensor(seed, b, n, w, 1)),
		"complex":  on(list{optest.IntAttr("axis", -2)}, optest.RandomTensor(seed, b, w, n, 2)),
		"inverse":  on(list{optest.IntAttr("inverse", 1)}, optest.RandomTensor(seed, b, n, 2)),
		"onesided": on(list{optest.IntAttr("onesided", 1)}, optest.RandomTensor(seed, b, n, 1)),
		"cut":      on(nil, optest.RandomTensor(seed, b, n+2, 2), scalarInt(int64(n))),
		"filled":   on(nil, optest.RandomTensor(seed, b, n, 1), scalarInt(int64(n+3))),
		"later": {Op: "DFT", Opset: 20, Wrt: []int{0},
			Inputs: []*op.Tensor{optest.RandomTensor(seed, n, b, 2), nil, scalarInt(0)}},
	}
}

func scalarInt(v int64) *op.Tensor {
	return &op.Tensor{Type: onnx.Int64, Shape: []int{}, I: []int64{v}}
}

func TestDFTGradients(t *testing.T) {
	for seed := range uint64(6) {
		for name, c := range dftCases(seed) {
			t.Run(fmt.Sprint(name, seed), func(t *testing.T) { optest.CheckGradients(t, c) })
		}
	}
}

// TestDFTDefinition compares with the definition in complex numbers.
func TestDFTDefinition(t *testing.T) {
	x := optest.RandomTensor(3, 1, 6, 2)
	got, err := runModel(optest.Case{Op: "DFT", Opset: 17, Inputs: []*op.Tensor{x}})
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
func signalCases() map[string]optest.Case {
	mel := func(bands, size, rate int64, low, high float32) optest.Case {
		bound := func(v float32) *op.Tensor { return &op.Tensor{Type: onnx.Float32, Shape: []int{}, F: []float32{v}} }
		return optest.Case{Op: "MelWeightMatrix", Opset: 17,
			Inputs: []*op.Tensor{scalarInt(bands), scalarInt(size), scalarInt(rate), bound(low), bound(high)}}
	}
	stft := func(attrs []*onnxpb.AttributeProto, in ...*op.Tensor) optest.Case {
		return optest.Case{Op: "STFT", Opset: 17, Attrs: attrs, Inputs: in, Wrt: []int{0}}
	}
	symmetric := []*onnxpb.AttributeProto{optest.IntAttr("periodic", 0)}
	return map[string]optest.Case{
		"hann":               {Op: "HannWindow", Opset: 17, Inputs: []*op.Tensor{scalarInt(7)}},
		"hamming":            {Op: "HammingWindow", Opset: 17, Inputs: []*op.Tensor{scalarInt(8)}},
		"blackman symmetric": {Op: "BlackmanWindow", Opset: 17, Inputs: []*op.Tensor{scalarInt(9)}, Attrs: symmetric},
		"mel":                mel(8, 64, 16000, 20, 7600),
		"narrow mel":         mel(20, 32, 8000, 0, 4000),
		"stft":               stft(nil, optest.RandomTensor(1, 2, 20, 1), scalarInt(3), optest.RandomTensor(2, 8)),
		"stft both sides": stft([]*onnxpb.AttributeProto{optest.IntAttr("onesided", 0)},
			optest.RandomTensor(1, 2, 20, 1), scalarInt(5), nil, scalarInt(6)),
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
		if c.Op == "STFT" {
			t.Run(name, func(t *testing.T) { checkProgram(t, c) })
		}
	}
}

// TestRealDFT takes real numbers to half their spectrum and back, for even and odd lengths, and checks the gradient.
func TestRealDFT(t *testing.T) {
	for n := 1; n < 8; n++ {
		x := optest.RandomTensor(uint64(n), 2, n, 3, 1)
		half, err := runModel(optest.Case{Op: "DFT", Opset: 17, Inputs: []*op.Tensor{x},
			Attrs: optest.Attrs{optest.IntAttr("onesided", 1)}})
		if err != nil {
			t.Fatal(err)
		}
		back := optest.Case{Op: "DFT", Opset: 17, Inputs: []*op.Tensor{half[0], scalarInt(int64(n))},
			Attrs: optest.Attrs{optest.IntAttr("onesided", 1), optest.IntAttr("inverse", 1)}, Wrt: []int{0}}
		got, err := runModel(back)
		if err != nil {
			t.Fatal(err)
		}
		if err := optest.Compare(got[0], x, 1e-5, 1e-6); err != nil {
			t.Errorf("%d numbers: %v", n, err)
		}
		checkWhole(t, back)
		if n%2 == 0 {
			back.Opset, back.Inputs = 20, []*op.Tensor{half[0], nil, scalarInt(1)}
			if got, err = runModel(back); err != nil || optest.Compare(got[0], x, 1e-5, 1e-6) != nil {
				t.Errorf("%d numbers without a length: %v, %v", n, got, err)
			}
		}
	}
}

// TestWindows checks what windows are known for.
func TestWindows(t *testing.T) {
	for name, c := range signalCases() {
		if c.Op == "STFT" || c.Op == "MelWeightMatrix" {
			continue
		}
		out, err := runModel(c)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		w := out[0].F
		for i := range w[1:] {
			if j := len(w) - i; j < len(w) && math.Abs(float64(w[i]-w[j])) > 1e-6 && c.Attrs == nil {
				t.Errorf("%s: elements %d and %d are %g and %g, want equal", name, i, j, w[i], w[j])
			}
		}
	}
}

// boxCase draws boxes and scores.
func boxCase(seed uint64) optest.Case {
	r := rand.New(rand.NewPCG(seed, 7))
	b, c, n := 1+r.IntN(2), 1+r.IntN(3), 1+r.IntN(9)
	boxes, scores := optest.RandomTensor(seed, b, n, 4), optest.RandomTensor(seed+50, b, c, n)
	limit := func(v float32) *op.Tensor { return &op.Tensor{Type: onnx.Float32, Shape: []int{1}, F: []float32{v}} }
	k := optest.Case{Op: "NonMaxSuppression", Opset: 11,
		Attrs:  []*onnxpb.AttributeProto{optest.IntAttr("center_point_box", int64(seed%2))},
		Inputs: []*op.Tensor{boxes, scores, optest.IntTensor(int64(1 + r.IntN(n))), limit(r.Float32()), limit(-0.5)}}
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
	c := optest.Case{Op: "NonMaxSuppression", Opset: 11, Inputs: []*op.Tensor{boxes, scores, optest.IntTensor(5), half}}
	want := &op.Tensor{Type: onnx.Int64, Shape: []int{2, 3}, I: []int64{0, 0, 1, 0, 0, 2}}
	got, err := runModel(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := optest.Compare(got[0], want, 0, 0); err != nil {
		t.Error(err)
	}
}

// TestSignalRefuses checks that sizes that cannot be are errors.
func TestSignalRefuses(t *testing.T) {
	x := optest.RandomTensor(1, 1, 8, 1)
	for name, c := range map[string]optest.Case{
		"window":      {Op: "HannWindow", Opset: 17, Inputs: []*op.Tensor{scalarInt(-1)}},
		"huge window": {Op: "HannWindow", Opset: 17, Inputs: []*op.Tensor{scalarInt(1 << 50)}},
		"no length":   {Op: "DFT", Opset: 17, Inputs: []*op.Tensor{x, scalarInt(0)}},
		"huge length": {Op: "DFT", Opset: 17, Inputs: []*op.Tensor{x, scalarInt(1 << 40)}},
		"axis of parts": {Op: "DFT", Opset: 17, Inputs: []*op.Tensor{x},
			Attrs: []*onnxpb.AttributeProto{optest.IntAttr("axis", 2)}},
		"three parts": {Op: "DFT", Opset: 17, Inputs: []*op.Tensor{optest.RandomTensor(1, 2, 2, 3)}},
		"no step":     {Op: "STFT", Opset: 17, Inputs: []*op.Tensor{x, scalarInt(0), nil, scalarInt(2)}},
		"long frame":  {Op: "STFT", Opset: 17, Inputs: []*op.Tensor{x, scalarInt(1), nil, scalarInt(9)}},
		"mel beyond": {Op: "MelWeightMatrix", Opset: 17,
			Inputs: []*op.Tensor{scalarInt(4), scalarInt(8), scalarInt(100),
				{Type: onnx.Float32, Shape: []int{}, F: []float32{0}},
				{Type: onnx.Float32, Shape: []int{}, F: []float32{1e6}}}},
	} {
		if _, err := runModel(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
