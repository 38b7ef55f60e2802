package network

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/fixtures"
	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
	"google.golang.org/protobuf/proto"
)

// TestNodes runs ONNX's own operator cases. A case passes, fails, or is unsupported: refused with an error of kind
// ErrUnsupported. No case may fail.
func TestNodes(t *testing.T) {
	cases := fixtures.NodeCases(t)
	var passed, failed int
	refused := map[string][]string{}
	for _, dir := range cases {
		name := filepath.Base(dir)
		err := runNodeCase(dir)
		switch {
		case err == nil:
			passed++
		case errors.Is(err, op.ErrUnsupported):
			refused[err.Error()] = append(refused[err.Error()], name)
		default:
			failed++
			t.Errorf("%s: %v", name, err)
		}
	}
	t.Logf("refused:\n%s", listRefused(refused))
	fmt.Printf("node tests: %d passed, %d failed, %d unsupported\n", passed, failed, len(cases)-passed-failed)
	if passed == 0 {
		t.Error("no case passed")
	}
}

func listRefused(refused map[string][]string) string {
	var lines []string
	for msg, names := range refused {
		lines = append(lines, fmt.Sprintf("%s: %s", strings.Join(names, " "), msg))
	}
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}

// runNodeCase runs all data sets of one case.
func runNodeCase(dir string) error {
	m, err := onnx.Open(filepath.Join(dir, "model.onnx"))
	if err != nil {
		return err
	}
	defer m.Close()
	sets, err := filepath.Glob(filepath.Join(dir, "test_data_set_*"))
	if err != nil || len(sets) == 0 {
		return fmt.Errorf("no data set: %v", err)
	}
	for _, set := range sets {
		if err := runDataSet(m, set); err != nil {
			return err
		}
	}
	return nil
}

func runDataSet(m *onnx.Model, set string) error {
	g := m.Proto().GetGraph()
	inputs, err := caseInputs(g, set)
	if err != nil {
		return err
	}
	outs, err := runEither(m, inputs)
	if err != nil {
		return err
	}
	for i, o := range g.GetOutput() {
		want, err := readCase(filepath.Join(set, fmt.Sprintf("output_%d.pb", i)), o)
		if err != nil {
			return err
		}
		rtol := 1e-3
		if want.Type == onnx.BFloat16 {
			rtol = 1.0 / 128 // ONNX's own cases cut the bits off that the operator has to round
		}
		if err := optest.Compare(outs[i], want, rtol, 1e-7); err != nil {
			return fmt.Errorf("output %d: %w", i, err)
		}
	}
	return nil
}

// caseInputs reads a case's inputs. One that has an initializer needs no file.
func caseInputs(g *onnxpb.GraphProto, set string) (map[string]*op.Tensor, error) {
	inputs := map[string]*op.Tensor{}
	for i, in := range g.GetInput() {
		path := filepath.Join(set, fmt.Sprintf("input_%d.pb", i))
		if _, err := os.Stat(path); err != nil && slices.ContainsFunc(g.GetInitializer(),
			func(t *onnxpb.TensorProto) bool { return t.GetName() == in.GetName() }) {
			continue
		}
		t, err := readCase(path, in)
		if err != nil {
			return nil, err
		}
		inputs[in.GetName()] = t
	}
	return inputs, nil
}

// runEither runs the graph with its inputs unknown until it runs, and where
// shapes depend on the data, with its inputs known. When both work they must agree.
func runEither(m *onnx.Model, inputs map[string]*op.Tensor) ([]*op.Tensor, error) {
	shapes := map[string][]int{}
	for name, t := range inputs {
		shapes[name] = t.Shape
	}
	g, err := Lower(m, Config{Shapes: shapes})
	if errors.Is(err, op.ErrUnsupported) {
		return Evaluate(m, inputs, nil)
	}
	if err != nil {
		return nil, err
	}
	return NewRunner(g, nil).Run(inputs, nil)
}

// readCase reads a serialised tensor; other kinds of value are not supported.
func readCase(path string, v *onnxpb.ValueInfoProto) (*op.Tensor, error) {
	if v.GetType().GetTensorType() == nil {
		return nil, fmt.Errorf("%q is no tensor: %w", v.GetName(), op.ErrUnsupported)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var p onnxpb.TensorProto
	if err := proto.Unmarshal(data, &p); err != nil {
		return nil, err
	}
	// ONNX's own cases hold bfloat16 as the 16-bit integers NumPy has.
	if d := onnx.DataType(v.GetType().GetTensorType().GetElemType()); d == onnx.BFloat16 &&
		onnx.DataType(p.GetDataType()) == onnx.Uint16 {
		p.DataType = proto.Int32(int32(d))
	}
	m, err := onnx.FromProto(&onnxpb.ModelProto{Graph: &onnxpb.GraphProto{Initializer: []*onnxpb.TensorProto{&p}}})
	if err != nil {
		return nil, err
	}
	return readTensor(m, m.Proto().GetGraph().GetInitializer()[0])
}
