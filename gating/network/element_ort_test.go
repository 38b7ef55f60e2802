package network

import (
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

// special are the numbers at which implementations differ.
func special() *op.Tensor {
	f := []float32{0, float32(math.Copysign(0, -1)), 1e-42, -1e-42, 1e-20, -1e-20, 1e-6, -1e-6, 0.5, -0.5,
		1, -1, 1.5, -1.5, 2.5, -2.5, 3, -3,
		6, -6, 11.5, -11.5, 88, -88, 1000, -1000, 1e20, -1e20, math.MaxFloat32, -math.MaxFloat32, op.Inf32, -op.Inf32,
		op.Nan32}
	return &op.Tensor{Type: onnx.Float32, Shape: []int{len(f)}, F: f}
}

// sameElements runs a node by ONNX Runtime and compares element by element.
func (s *ortServer) sameElements(t *testing.T, c optest.Case, rtol, atol float64) {
	t.Helper()
	operator, in, out := optest.BuildOne(t, c)
	if err := operator.Forward(&op.Context{}, in, out); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "model.onnx")
	names := writeNode(t, path, c, out)
	feeds := map[string]*op.Tensor{}
	for i, v := range c.Inputs {
		feeds[names[i]] = v
	}
	wants, err := s.run(path, feeds)
	if err != nil {
		t.Errorf("%s %v: ONNX Runtime: %v", c.Op, c.Attrs, err)
		return
	}
	want := wants[names[len(c.Inputs)]]
	for e := range want.Len() {
		g, w := number(out[0], e), number(want, e)
		if g == w || math.IsNaN(g) && math.IsNaN(w) || math.Abs(g-w) <= atol+rtol*math.Abs(w) {
			continue
		}
		t.Errorf("%s %v of %s: got %g, ONNX Runtime has %g", c.Op, c.Attrs, elementsAt(c.Inputs, e), g, w)
	}
}

func elementsAt(inputs []*op.Tensor, e int) (s string) {
	for _, v := range inputs {
		if v.Len() > e {
			s += fmt.Sprint(" ", number(v, e))
		}
	}
	return s
}

// TestSpecialNumbersAgainstORT compares NaN, infinities, zeros and the largest numbers.
func TestSpecialNumbersAgainstORT(t *testing.T) {
	s := startORT(t)
	if s == nil {
		t.Skip("ORT_NODE_MODULES names no folder with onnxruntime-node")
	}
	for _, u := range unaryCases {
		opset := map[string]int64{"Mish": 18, "Gelu": 20, "Swish": 24}[u.op]
		switch {
		case u.op == "Swish":
			continue // newer than the ONNX Runtime at hand
		case u.domain != "":
			opset = 1
		case opset == 0:
			opset = 16
		}
		s.sameElements(t, optest.Case{Op: u.op, Domain: u.domain, Opset: opset, Attrs: u.attrs,
			Inputs: []*op.Tensor{special()}}, 1e-5, 2e-7)
	}
	for _, operator := range []string{"Ceil", "Floor", "Round", "Sign", "IsNaN", "IsInf"} {
		s.sameElements(t, optest.Case{Op: operator, Opset: 16, Inputs: []*op.Tensor{special()}}, 0, 0)
	}
	column := special()
	column.Shape = []int{len(column.F), 1}
	for _, operator := range []string{"Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "PRelu", "Equal", "Less",
		"Greater", "LessOrEqual", "GreaterOrEqual"} {
		rows := special()
		rows.Shape = []int{1, len(rows.F)}
		if operator == "PRelu" {
			rows = &op.Tensor{Type: onnx.Float32, Shape: []int{1}, F: []float32{-0.25}}
		}
		s.sameElements(t, optest.Case{Op: operator, Opset: 16, Inputs: []*op.Tensor{column, rows}}, 1e-5, 1e-7)
	}
}

// TestCastsAgainstORT compares conversions of numbers that the target type can hold once rounded or cut.
func TestCastsAgainstORT(t *testing.T) {
	s := startORT(t)
	if s == nil {
		t.Skip("ORT_NODE_MODULES names no folder with onnxruntime-node")
	}
	r := rand.New(rand.NewPCG(4, 1))
	for _, to := range []onnx.DataType{onnx.Float16, onnx.Int8, onnx.Uint8, onnx.Int16, onnx.Uint16, onnx.Int32,
		onnx.Uint32, onnx.Int64, onnx.Bool} {
		x := optest.Drawn(r, 0, 120, []int{200})
		copy(x.F, []float32{0, 0.4, 0.5, 0.9, 1e-7, 6e-8, 2e-8, 1e-5, 65504, 65519, 65520, 1e9})
		if to.IsInteger() {
			copy(x.F[8:], []float32{100, 101.5, 99.99, 3})
		}
		s.sameElements(t,
			optest.Case{Op: "Cast", Opset: 13,
				Attrs: optest.Attrs{optest.IntAttr("to", int64(to))}, Inputs: []*op.Tensor{x}}, 0, 0)
	}
}
