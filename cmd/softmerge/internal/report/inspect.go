package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/softmerge/softmerge/cmd/softmerge/internal/terminal"
	"github.com/softmerge/softmerge/gating/routed"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// Inspection is what inspect --json prints.
type Inspection struct {
	Path       string           `json:"path"`
	SHA256     string           `json:"sha256"`
	IRVersion  int64            `json:"ir_version"`
	Producer   string           `json:"producer"`
	Opsets     map[string]int64 `json:"opsets"`
	Inputs     []Value          `json:"inputs"`
	Outputs    []Value          `json:"outputs"`
	Layers     []Layer          `json:"layers"`
	Operators  []Operator       `json:"operators"`
	Parameters int              `json:"parameters"` // elements of all layers' tensors
	Warnings   []string         `json:"warnings"`
	// Routed is the task models that the file was made of, as its metadata says; absent of others.
	Routed *routed.Tasks `json:"routed,omitempty"`
}

// Value is an input or output of the graph.
type Value struct {
	Name  string `json:"name"`
	Type  string `json:"dtype"`
	Shape []any  `json:"shape"` // numbers, and names of symbolic axes
}

// Layer is one layer and its tensors.
type Layer struct {
	Name    string                   `json:"name"`
	Op      string                   `json:"op"`
	Scope   string                   `json:"scope"`
	Tensors []graphmatch.TableTensor `json:"tensors"`
}

// Inspect describes a model and its layers.
func Inspect(m *onnx.Model, a *graphmatch.Alignment) (*Inspection, error) {
	sum, err := m.SHA256()
	if err != nil {
		return nil, err
	}
	p := m.Proto()
	in := &Inspection{
		Path: m.Path(), SHA256: sum, IRVersion: p.GetIrVersion(), Opsets: map[string]int64{},
		Producer: strings.TrimSpace(p.GetProducerName() + " " + p.GetProducerVersion()),
		Inputs:   values(p.GetGraph().GetInput()), Outputs: values(p.GetGraph().GetOutput()), Layers: []Layer{},
	}
	for _, o := range p.GetOpsetImport() {
		in.Opsets[o.GetDomain()] = o.GetVersion()
	}
	t := a.Table()
	for i, row := range t.Layers {
		in.Layers = append(in.Layers, Layer{row.Name, row.Op, a.Layers[i].Scope, row.Tensors})
		for _, p := range row.Tensors {
			in.Parameters += elements(p.Shape)
		}
	}
	in.Operators, in.Routed = operators(m), routed.TasksOf(m)
	return in, nil
}

func elements(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

func values(list []*onnxpb.ValueInfoProto) []Value {
	out := []Value{}
	for _, i := range list {
		t := i.GetType().GetTensorType()
		v := Value{Name: i.GetName(), Type: onnx.DataType(t.GetElemType()).String(), Shape: []any{}}
		for _, d := range t.GetShape().GetDim() {
			switch n := d.GetValue().(type) {
			case *onnxpb.TensorShapeProto_Dimension_DimValue:
				v.Shape = append(v.Shape, n.DimValue)
			default:
				v.Shape = append(v.Shape, d.GetDimParam())
			}
		}
		out = append(out, v)
	}
	return out
}

// Print prints the tables of an inspection.
func (in *Inspection) Print(v *terminal.Voice) error {
	by := ""
	if in.Producer != "" {
		by = ", by " + in.Producer
	}
	fmt.Fprintln(v.Out, terminal.Printable(fmt.Sprintf("%s: IR %d, opsets %s%s, %s in %s",
		in.Path, in.IRVersion, opsetList(in.Opsets), by, terminal.Counted(in.Parameters, "parameter"),
		terminal.Counted(len(in.Layers), "layer"))))
	if t := in.Routed; t != nil {
		fmt.Fprintln(v.Out, terminal.Printable(t.Method+": "+modelList(t)))
	}
	rows := [][]string{{"", "name", "type", "shape"}}
	for _, x := range in.Inputs {
		rows = append(rows, []string{"input", x.Name, x.Type, fmt.Sprint(x.Shape)})
	}
	for _, x := range in.Outputs {
		rows = append(rows, []string{"output", x.Name, x.Type, fmt.Sprint(x.Shape)})
	}
	if err := v.Table(rows); err != nil {
		return err
	}
	fmt.Fprintln(v.Out)
	rows = [][]string{{"layer", "operator", "role", "tensor", "type", "shape", "elements"}}
	for _, l := range in.Layers {
		for i, t := range l.Tensors {
			name, op := l.Name, l.Op
			if i > 0 {
				name, op = "", ""
			}
			rows = append(rows, []string{name, op, t.Role, t.Names[0], t.Type, fmt.Sprint(t.Shape),
				fmt.Sprint(elements(t.Shape))})
		}
	}
	if err := v.Table(rows, "elements"); err != nil {
		return err
	}
	fmt.Fprintln(v.Out)
	return in.PrintOperators(v)
}

func opsetList(o map[string]int64) string {
	var parts []string
	for d, n := range o {
		parts = append(parts, fmt.Sprintf("%s %d", onnx.DomainLabel(d), n))
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}
