package report

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/cmd/softmerge/internal/terminal"
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// opened opens a fixture.
func opened(t *testing.T, name string) *onnx.Model {
	t.Helper()
	m, err := onnx.Open(filepath.Join("..", "..", "..", "..", "fixtures", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// selected aligns models and selects layers.
func selected(t *testing.T, only, except []string, list ...*onnx.Model) *graphmatch.Selection {
	t.Helper()
	a, err := graphmatch.Align(list, 0)
	if err != nil {
		t.Fatal(err)
	}
	s, err := a.Select(only, except)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// inspected describes a model.
func inspected(t *testing.T, m *onnx.Model) *Inspection {
	t.Helper()
	in, err := Inspect(m, selected(t, nil, nil, m).Alignment)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func TestInspection(t *testing.T) {
	out, _ := spoken(t, inspected(t, opened(t, "mlp/ft0.onnx")).Print)
	for _, want := range []string{
		"mlp/ft0.onnx: IR 4, opsets ai.onnx 9, by pytorch 1.13.0, 6570 parameters in 3 layers\n",
		"\ninput   ", "\noutput  ",
		"\nlayer  operator  role    tensor ",
		"\nsoftmerge runs all 3 operators of this model and learns through them\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
}

// The parameters are those of the file, counted by its initializers.
func TestInspectionCounts(t *testing.T) {
	for _, name := range []string{"mlp/ft0.onnx", "cnn_bn/ft0.onnx", "resnet/ft0.onnx"} {
		m := opened(t, name)
		in, want := inspected(t, m), 0
		for _, l := range in.Layers {
			for _, p := range l.Tensors {
				want += m.Tensor(initializer(t, m, p.Names[0])).Len()
			}
		}
		if in.Parameters != want || want == 0 {
			t.Errorf("%s: %d parameters, want %d", name, in.Parameters, want)
		}
		nodes := 0
		for _, o := range in.Operators {
			nodes += o.Count
			if o.Opset == 0 {
				t.Errorf("%s: %s is of no operator set", name, o.Op)
			}
		}
		if got := len(m.Proto().GetGraph().GetNode()); nodes != got {
			t.Errorf("%s: %d nodes, want %d", name, nodes, got)
		}
	}
}

// initializer finds a weight by its name.
func initializer(t *testing.T, m *onnx.Model, name string) *onnxpb.TensorProto {
	t.Helper()
	for _, w := range m.Proto().GetGraph().GetInitializer() {
		if w.GetName() == name {
			return w
		}
	}
	t.Fatalf("there is no weight %q", name)
	return nil
}

// Operators that nothing can be done with are said to be so, with the first nodes that have them.
func TestOperators(t *testing.T) {
	p := &onnxpb.ModelProto{
		IrVersion: proto.Int64(8),
		OpsetImport: []*onnxpb.OperatorSetIdProto{{Version: proto.Int64(17)},
			{Domain: proto.String("com.example"), Version: proto.Int64(2)}},
		Graph: &onnxpb.GraphProto{Name: proto.String("g")},
	}
	in := "x"
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		p.Graph.Node = append(p.Graph.Node, &onnxpb.NodeProto{Name: proto.String(name), OpType: proto.String("Magic"),
			Domain: proto.String("com.example"), Input: []string{in}, Output: []string{"out " + name}})
		in = "out " + name
	}
	m, err := onnx.FromProto(p)
	if err != nil {
		t.Fatal(err)
	}
	out, _ := spoken(t, (&Inspection{Operators: operators(m)}).PrintOperators)
	want := `operator           opset  nodes  support  gradient  where
com.example.Magic      2      6  missing  none      a, b, c, d, e, ...
not supported: com.example.Magic; the model can be matched and averaged without data, not run
`
	if out != want {
		t.Errorf("got\n%swant\n%s", out, want)
	}
}

func TestOpsetList(t *testing.T) {
	got := opsetList(map[string]int64{"": 17, "com.microsoft": 1})
	if want := "ai.onnx 17, com.microsoft 1"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// What is selected is told apart from what is equal, from what is not selected, and from what cannot be merged.
func TestSelection(t *testing.T) {
	a, b := opened(t, "mlp/ft0.onnx"), opened(t, "mlp/ft1.onnx")
	layers := selected(t, nil, nil, a, b).Alignment.Layers
	first, last := layers[0].Name, layers[len(layers)-1].Name
	_, errs := spoken(t, func(v *terminal.Voice) error {
		Selection(v, selected(t, []string{first}, nil, a, b))
		return nil
	})
	if !strings.HasPrefix(errs, "softmerge: merging 1 layer of 2 models: "+first+"\n") ||
		!strings.Contains(errs, "softmerge: not selected, as ft0.onnx has them: ") || !strings.Contains(errs, last) {
		t.Errorf("says %s", errs)
	}
	_, errs = spoken(t, func(v *terminal.Voice) error { Selection(v, selected(t, nil, nil, a, a)); return nil })
	if !strings.HasPrefix(errs, "softmerge: equal in all models, nothing to merge: "+first) {
		t.Errorf("says %s", errs)
	}
	_, errs = spoken(t, func(v *terminal.Voice) error {
		Selection(v, selected(t, nil, nil, a, opened(t, "cnn/ft0.onnx")))
		return nil
	})
	if !strings.Contains(errs, "softmerge: left out ") {
		t.Errorf("says %s", errs)
	}
}

func TestMatch(t *testing.T) {
	a, b := opened(t, "mlp/ft0.onnx"), opened(t, "mlp/ft1.onnx")
	s := selected(t, nil, nil, a, b)
	chosen := Chosen(selected(t, []string{s.Alignment.Layers[0].Name}, nil, a, b))
	if len(chosen.Layers) != 1 || chosen.Matched != 1 || chosen.Unmatched != 0 {
		t.Errorf("one layer of %d is chosen: %+v", len(s.Layers), chosen)
	}
	out, _ := spoken(t, func(v *terminal.Voice) error { return Match(v, Chosen(s), nil) })
	if lines := strings.Split(out, "\n"); len(lines) != len(s.Layers)+3 ||
		!strings.HasPrefix(lines[0], "layer  operator  status") ||
		lines[len(lines)-2] != "3 matched, 0 unmatched" {
		t.Errorf("got\n%s", out)
	}
}

// "Which of the two is it?": every mismatch of a layer has a line of its own.
func TestMatchOfMismatches(t *testing.T) {
	layers := []graphmatch.TableRow{
		{Name: "fc", Op: "Gemm", Status: graphmatch.Mismatch, Reason: "weight: b has 3; bias: b has 4"},
		{Name: "conv", Op: "Conv", Status: graphmatch.Matched, Reason: "folded in b; unfolded to match"},
	}
	out, _ := spoken(t, func(v *terminal.Voice) error { return Match(v, graphmatch.Table{Layers: layers}, nil) })
	want := `layer  operator  status    tensors  reason
fc     Gemm      mismatch           weight: b has 3
                                    bias: b has 4
conv   Conv      matched            folded in b; unfolded to match
0 matched, 0 unmatched
`
	if out != want {
		t.Errorf("got\n%swant\n%s", out, want)
	}
}

// A dry run lists every layer, and which are going to be merged: to people and to scripts the same.
func TestRehearsal(t *testing.T) {
	a, b := opened(t, "mlp/ft0.onnx"), opened(t, "mlp/ft1.onnx")
	s := selected(t, nil, []string{selected(t, nil, nil, a, b).Alignment.Layers[0].Name}, a, b)
	out, _ := spoken(t, func(v *terminal.Voice) error { return Rehearsal(v, s) })
	if strings.Count(out, "  yes") != len(s.Layers) || strings.Count(out, "  no") != 1 {
		t.Errorf("got\n%s", out)
	}
	var object bytes.Buffer
	if err := Rehearsal(&terminal.Voice{Out: &object, JSON: true}, s); err != nil {
		t.Fatal(err)
	}
	var got struct {
		DryRun bool `json:"dry_run"`
		Layers []struct {
			Name     string
			Selected bool
		}
	}
	if err := json.Unmarshal(object.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if !got.DryRun || len(got.Layers) != len(s.Alignment.Layers) || got.Layers[0].Selected || !got.Layers[1].Selected {
		t.Errorf("got %+v", got)
	}
}

func TestShapes(t *testing.T) {
	one := &dataset.Data{Inputs: []dataset.Column{{Name: "x", Type: onnx.Int64, Shape: []int{1}, Ints: []int64{1, 2}}}}
	two := &dataset.Data{Inputs: []dataset.Column{{Name: "x", Type: onnx.Int64, Shape: []int{2}, Ints: []int64{1, 2}}}}
	both, err := dataset.Join(one, two)
	if err != nil {
		t.Fatal(err)
	}
	_, errs := spoken(t, func(v *terminal.Voice) error { Shapes(v, one, nil, both); return nil })
	want := "softmerge: 3 samples of 2 shapes: each has a network of its own, with the same gates\n"
	if errs != want {
		t.Errorf("got %q, want %q", errs, want)
	}
}

func TestPeakBytes(t *testing.T) {
	before := PeakBytes()
	block := make([]byte, 64<<20)
	for i := range block {
		block[i] = 1
	}
	if after := PeakBytes(); before <= 0 || after < before || after < int64(len(block)) {
		t.Errorf("%d bytes before, %d after %d more were written", before, after, len(block))
	}
}
