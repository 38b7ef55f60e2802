package network

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
	"google.golang.org/protobuf/proto"
)

// ortServer is ONNX Runtime in a process of its own, where ORT_NODE_MODULES names a folder that has it. It is started
// again when a model has crashed it.
type ortServer struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// ortTensor is a tensor as the server writes it.
type ortTensor struct {
	Type string      `json:"type"`
	Dims []int       `json:"dims"`
	Data []ortNumber `json:"data"`
}

// ortNumber is a number that may be NaN or infinite.
type ortNumber float64

// MarshalJSON writes what JSON has no numbers for as strings.
func (n ortNumber) MarshalJSON() ([]byte, error) {
	f := float64(n)
	switch {
	case math.IsNaN(f):
		return []byte(`"NaN"`), nil
	case math.IsInf(f, 0):
		return []byte(strconv.Quote(map[bool]string{true: "Infinity", false: "-Infinity"}[f > 0])), nil
	}
	return strconv.AppendFloat(nil, f, 'g', -1, 64), nil
}

// UnmarshalJSON reads a number, a string that holds one, or a boolean.
func (n *ortNumber) UnmarshalJSON(b []byte) error {
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	switch v := v.(type) {
	case float64:
		*n = ortNumber(v)
	case bool:
		if v {
			*n = 1
		}
	case string:
		f, err := strconv.ParseFloat(v, 64)
		*n = ortNumber(f)
		return err
	}
	return nil
}

// startORT starts the server, or returns nil where there is none.
func startORT(t testing.TB) *ortServer {
	t.Helper()
	if os.Getenv("ORT_NODE_MODULES") == "" {
		return nil
	}
	s := &ortServer{}
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.stop)
	return s
}

func (s *ortServer) start() error {
	s.cmd = exec.Command("node", filepath.Join("..", "..", ".ci", "ortserve.mjs"))
	s.cmd.Stderr = io.Discard
	out, err := s.cmd.StdoutPipe()
	if err == nil {
		s.in, err = s.cmd.StdinPipe()
	}
	if err != nil {
		return err
	}
	s.out = bufio.NewReader(out)
	return s.cmd.Start()
}

func (s *ortServer) stop() {
	s.in.Close()
	s.cmd.Wait()
}

// run gives a model's outputs for the inputs; an error is what ONNX Runtime says.
func (s *ortServer) run(path string, inputs map[string]*op.Tensor) (map[string]*op.Tensor, error) {
	feeds := map[string]ortTensor{}
	for name, t := range inputs {
		feeds[name] = toORT(t)
	}
	line, err := json.Marshal(map[string]any{"model": path, "feeds": feeds})
	if err != nil {
		return nil, err
	}
	if _, err = s.in.Write(append(line, '\n')); err == nil {
		line, err = s.out.ReadBytes('\n')
	}
	if err != nil {
		s.stop()
		return nil, errors.Join(fmt.Errorf("it crashed: %w", err), s.start())
	}
	var answer struct {
		Outputs map[string]ortTensor `json:"outputs"`
		Error   string               `json:"error"`
	}
	if err := json.Unmarshal(line, &answer); err != nil {
		return nil, err
	}
	if answer.Error != "" {
		return nil, errors.New(answer.Error)
	}
	outs := map[string]*op.Tensor{}
	for name, t := range answer.Outputs {
		outs[name] = fromORT(t)
	}
	return outs, nil
}

// toORT writes a tensor; float16 goes as its bits.
func toORT(t *op.Tensor) ortTensor {
	o := ortTensor{Type: t.Type.String(), Dims: append([]int{}, t.Shape...), Data: make([]ortNumber, t.Len())}
	for i := range o.Data {
		o.Data[i] = ortNumber(number(t, i))
	}
	if t.Type == onnx.Float16 {
		for i, b := range halfBits(t.F) {
			o.Data[i] = ortNumber(b)
		}
	}
	return o
}

// wideInt is a number as an int64, or as the bits of a uint64; the largest of both are no float64.
func wideInt(v float64) int64 {
	switch {
	case v >= 1<<64:
		return -1
	case v == 1<<63:
		return math.MaxInt64
	case v > 1<<63:
		return int64(uint64(v))
	}
	return int64(v)
}

// halfBits are the elements as float16, rounded to nearest even; too large ones become infinite.
func halfBits(f []float32) []uint16 {
	out := make([]uint16, len(f))
	for i, v := range f {
		sign := uint16(math.Float32bits(v)>>31) << 15
		a := math.Abs(float64(v))
		switch {
		case math.IsNaN(a):
			out[i] = 0x7e00
		case a >= 65520:
			out[i] = sign | 0x7c00
		case a < 1.0/(1<<14):
			out[i] = sign | uint16(math.RoundToEven(a*(1<<24)))
		default:
			fraction, exponent := math.Frexp(a)
			out[i] = sign | uint16(int(math.RoundToEven(fraction*2048))-1024+(exponent+14)<<10)
		}
	}
	return out
}

// half is the float16 of these bits.
func half(b uint16) float32 {
	sign, exponent, fraction := float64(1), int(b>>10&31), float64(b&1023)
	if b>>15 != 0 {
		sign = -1
	}
	switch exponent {
	case 0:
		return float32(sign * math.Ldexp(fraction, -24))
	case 31:
		if fraction != 0 {
			return op.Nan32
		}
		return float32(math.Inf(int(sign)))
	}
	return float32(sign * math.Ldexp(1024+fraction, exponent-25))
}

// TestHalf checks that every float16 survives the way to the server and back.
func TestHalf(t *testing.T) {
	for b := range 1 << 16 {
		f := half(uint16(b))
		if got := halfBits([]float32{f})[0]; got != uint16(b) && f == f {
			t.Fatalf("%#04x is %g and comes back as %#04x", b, f, got)
		}
	}
}

// fromORT reads an answer; element types are told by name.
func fromORT(o ortTensor) *op.Tensor {
	t := &op.Tensor{Shape: o.Dims}
	for d := range onnx.DataType(32) {
		if d.String() == o.Type {
			t.Type = d
		}
	}
	t = op.NewTensor(t.Spec())
	for i, v := range o.Data {
		if t.Type == onnx.Float16 {
			t.F[i] = half(uint16(v))
		} else if t.F != nil {
			t.F[i] = float32(v)
		} else {
			t.I[i] = wideInt(float64(v))
		}
	}
	return t
}

// scaledDifference is the largest difference of two tensors of one shape, relative to the largest finite element
// wanted.
func scaledDifference(got, want *op.Tensor) (float64, error) {
	if fmt.Sprint(got.Shape) != fmt.Sprint(want.Shape) {
		return 0, fmt.Errorf("got %s, want %s", got.Spec(), want.Spec())
	}
	scale, worst := 1e-6, 0.0
	for i := range want.Len() {
		if w := math.Abs(number(want, i)); !math.IsInf(w, 0) && !math.IsNaN(w) {
			scale = math.Max(scale, w)
		}
	}
	for i := range want.Len() {
		g, w := number(got, i), number(want, i)
		if g == w || math.IsNaN(g) && math.IsNaN(w) {
			continue
		}
		d := math.Abs(g-w) / scale
		if math.IsNaN(d) {
			d = math.Inf(1)
		}
		worst = math.Max(worst, d)
	}
	return worst, nil
}

// againstORT runs one node by ONNX Runtime and by its operator and compares the outputs.
func (s *ortServer) againstORT(t *testing.T, c optest.Case) {
	t.Helper()
	operator, in, out := optest.BuildOne(t, c)
	if err := operator.Forward(&op.Context{}, in, out); err != nil {
		t.Fatal(err)
	}
	s.sameAsORT(t, c, out)
}

// modelAgainstORT runs a model of one node both ways and compares the outputs, relative to their largest elements.
func (s *ortServer) modelAgainstORT(t *testing.T, c optest.Case) {
	t.Helper()
	out, err := runModel(c)
	if err != nil {
		t.Fatal(err)
	}
	s.sameAsORT(t, c, out)
}

// sameAsORT compares a node's outputs with those of ONNX Runtime.
func (s *ortServer) sameAsORT(t *testing.T, c optest.Case, out []*op.Tensor) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "model.onnx")
	names := writeNode(t, path, c, out)
	feeds := map[string]*op.Tensor{}
	for i, v := range c.Inputs {
		if v != nil {
			feeds[names[i]] = v
		}
	}
	want, err := s.run(path, feeds)
	if err != nil {
		t.Fatalf("ONNX Runtime: %v", err)
	}
	for k, o := range out {
		d, err := scaledDifference(o, want[names[len(c.Inputs)+k]])
		if err != nil || d > 1e-5 {
			t.Errorf("output %d of %v differs by %.2g: %v", k, o.Shape, d, err)
		}
	}
}

// writeNode writes a model of one node and returns the names of its inputs and outputs.
func writeNode(t *testing.T, path string, c optest.Case, out []*op.Tensor) []string {
	t.Helper()
	m, names := nodeModel(c, out)
	data, err := proto.Marshal(m)
	if err == nil {
		err = os.WriteFile(path, data, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// nodeModel is a model of one node whose inputs are all the graph's; it returns the names of inputs and outputs too.
func nodeModel(c optest.Case, out []*op.Tensor) (*onnxpb.ModelProto, []string) {
	n := &onnxpb.NodeProto{OpType: proto.String(c.Op), Domain: proto.String(c.Domain), Attribute: c.Attrs}
	g := &onnxpb.GraphProto{Name: proto.String("one"), Node: []*onnxpb.NodeProto{n}}
	var names []string
	for i, v := range c.Inputs {
		name := "x" + string(rune('a'+i))
		names = append(names, name)
		if v == nil {
			n.Input = append(n.Input, "")
			continue
		}
		n.Input = append(n.Input, name)
		g.Input = append(g.Input, typedInfo(name, v.Spec()))
	}
	for k := range max(1, c.Outputs) {
		s := op.Spec{Type: onnx.Float32}
		if k < len(out) {
			s = out[k].Spec()
		}
		name := "y" + string(rune('a'+k))
		names = append(names, name)
		n.Output = append(n.Output, name)
		g.Output = append(g.Output, typedInfo(name, s))
	}
	m := &onnxpb.ModelProto{IrVersion: proto.Int64(10), Graph: g, OpsetImport: []*onnxpb.OperatorSetIdProto{
		{Domain: proto.String(c.Domain), Version: proto.Int64(c.Opset)},
	}}
	if c.Domain != "" {
		m.OpsetImport = append(m.OpsetImport,
			&onnxpb.OperatorSetIdProto{Domain: proto.String(""), Version: proto.Int64(17)})
	}
	return m, names
}

// runModel lowers a node's model and runs it on inputs that are unknown until then, or where that is refused, known.
func runModel(c optest.Case) ([]*op.Tensor, error) {
	p, names := nodeModel(c, nil)
	m, err := onnx.FromProto(p)
	if err != nil {
		return nil, err
	}
	inputs := map[string]*op.Tensor{}
	for i, v := range c.Inputs {
		if v != nil {
			inputs[names[i]] = v
		}
	}
	return runEither(m, inputs)
}

// typedInfo declares a value with its shape.
func typedInfo(name string, s op.Spec) *onnxpb.ValueInfoProto {
	v := valueInfo(name, s.Type)
	shape := &onnxpb.TensorShapeProto{}
	for _, d := range s.Shape {
		shape.Dim = append(shape.Dim,
			&onnxpb.TensorShapeProto_Dimension{Value: &onnxpb.TensorShapeProto_Dimension_DimValue{DimValue: int64(d)}})
	}
	v.GetType().GetTensorType().Shape = shape
	return v
}
