package routed_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/gating/internal/runtest"
	"github.com/softmerge/softmerge/gating/routed"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/advice"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// drawn makes models that differ from one origin, by a function of a seed's weights.
func drawn(t *testing.T, tasks int, build func(b gatetest.Builder, weight func(name string, shape ...int))) (models []*onnx.Model) {
	t.Helper()
	for k := range tasks {
		b := gatetest.NewBuilder()
		seed := uint64(0)
		build(b, func(name string, shape ...int) {
			seed++
			v, own := gatetest.Random(seed, gatetest.Size(shape)), gatetest.Random(seed+uint64(100*k+1000), gatetest.Size(shape))
			for i := range v {
				v[i] += 0.2 * own[i]
			}
			b.Tensor(t, name, onnx.Float32, v, shape...)
		})
		models = append(models, b.Model(t))
	}
	return models
}

// names are as many as there are models.
func names(models []*onnx.Model) (list []string) {
	for k := range models {
		list = append(list, fmt.Sprint("task", k))
	}
	return list
}

// merged are models without files, from their mean.
func merged(t *testing.T, models []*onnx.Model) *routed.EMR {
	t.Helper()
	o := routed.Options{Tasks: names(models), Anyway: true}
	return gatetest.Must(routed.NewEMR(gatetest.Select(t, models), o))(t)
}

// TestGraphs are what a graph may do with its weights: a tensor that two layers read, one that a Transpose reads first,
// names that are taken, statistics; and more tasks than a byte has bits.
func TestGraphs(t *testing.T) {
	ort := runtest.StartRuntime(t)
	plain := func(b gatetest.Builder, weight func(string, ...int)) {
		b.In("x", -1, 4)
		weight("w", 4, 3)
		weight("b", 3)
		b.Node("MatMul", "h", []string{"x", "w"})
		b.Node("Add", "z", []string{"h", "b"})
		weight("head", 3, 2)
		b.Node("MatMul", "y", []string{"z", "head"})
		b.Out("y")
	}
	for _, c := range []struct {
		name  string
		tasks int
		build func(b gatetest.Builder, weight func(string, ...int))
	}{
		{"two tasks", 2, plain}, {"nine tasks", 9, plain}, {"seventeen tasks", 17, plain},
		{"a tensor of two layers", 3, func(b gatetest.Builder, weight func(string, ...int)) {
			b.In("x", -1, 4)
			weight("w", 4, 4)
			b.Node("MatMul", "h", []string{"x", "w"})
			b.Node("Relu", "r", []string{"h"})
			b.Node("MatMul", "z", []string{"r", "w"})
			b.Node("Add", "y", []string{"z", "x"})
			b.Out("y")
		}},
		{"a tensor that is turned", 3, func(b gatetest.Builder, weight func(string, ...int)) {
			b.In("x", -1, 4)
			weight("w", 4, 4)
			b.Node("Transpose", "wt", []string{"w"}, gatetest.Ints("perm", 1, 0))
			b.Node("MatMul", "h", []string{"x", "wt"})
			b.Node("Add", "y", []string{"h", "x"})
			b.Out("y")
		}},
		{"names that are taken", 2, func(b gatetest.Builder, weight func(string, ...int)) {
			b.In("x", -1, 4)
			weight("task_id", 4, 4)
			weight("task_id.weight.tau", 4)
			b.Node("MatMul", "emr.left", []string{"x", "task_id"})
			b.Node("Add", "emr.byte", []string{"emr.left", "task_id.weight.tau"})
			b.Node("Add", "emr.seven", []string{"emr.byte", "x"})
			b.Out("emr.seven")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			models := drawn(t, c.tasks, c.build)
			e := merged(t, models)
			if elected, _ := e.Count(); elected == 0 {
				t.Error("nothing is elected")
			}
			if c.name != "names that are taken" {
				checkTasks(t, ort, e, models[0])
				return
			}
			m := gatetest.Must(e.Described(gatetest.Must(e.Recipe(routed.Form{}, false))(t), "test"))(t)
			if got := routed.TasksOf(gatetest.Written(t, m)).Input; got != "task_id2" {
				t.Errorf("the input is %q, want task_id2", got)
			}
		})
	}
}

// TestDeadTensors: what no node reads any more is not in the file, and what others read is.
func TestDeadTensors(t *testing.T) {
	m, _ := all(t, emr(t, gatetest.Open(t, gatetest.FineTunes("cnn_bn", 3)...), nil))
	read := map[string]bool{}
	for _, n := range m.Proto().GetGraph().GetNode() {
		for _, name := range n.GetInput() {
			read[name] = true
		}
	}
	for _, init := range m.Proto().GetGraph().GetInitializer() {
		if !read[init.GetName()] {
			t.Errorf("nothing reads %q", init.GetName())
		}
	}
}

// TestHalfPrecision: start, vector and factor have the type of the base's tensors.
func TestHalfPrecision(t *testing.T) {
	ort := runtest.StartRuntime(t)
	var models []*onnx.Model
	for k := range 3 {
		b := gatetest.NewBuilder()
		b.In("x", -1, 4)
		b.Node("Cast", "half", []string{"x"}, gatetest.Int("to", int64(onnx.Float16)))
		v, own := gatetest.Random(1, 16), gatetest.Random(uint64(k+2), 16)
		for i := range v {
			v[i] += 0.2 * own[i]
		}
		b.Tensor(t, "w", onnx.Float16, v, 4, 4)
		b.Node("MatMul", "h", []string{"half", "w"})
		b.Node("Add", "z", []string{"h", "half"})
		b.Node("Cast", "y", []string{"z"}, gatetest.Int("to", int64(onnx.Float32)))
		b.Out("y")
		models = append(models, b.Model(t))
	}
	e := merged(t, models)
	m, input := all(t, e)
	for k := range models {
		inputs := runtest.Samples(t, models[0], 8)
		inputs[input] = number(k)
		want := runtest.Evaluate(t, gatetest.Must(e.Task(k))(t), inputs)
		if d := runtest.Apart(runtest.Evaluate(t, asked(t, m, input), inputs), want); !(d <= 1e-2*runtest.Largest(want)) {
			t.Errorf("task %d: %g apart", k, d)
		}
		if ort == nil {
			continue
		}
		for _, optimise := range []bool{false, true} {
			outs, problem := ort.Run(t, runtest.Requested(runtest.File(t, asked(t, m, input)), inputs, optimise))
			if d := runtest.Apart(want, outs["y"].Data); problem != "" || !(d <= 1e-2*runtest.Largest(want)) {
				t.Errorf("task %d, optimised %v: ONNX Runtime is %g off, %s", k, optimise, d, problem)
			}
		}
	}
}

// TestRefusedGraphs: old versions, and weights that no input reaches, are refused with what to do.
func TestRefusedGraphs(t *testing.T) {
	build := func(b gatetest.Builder, weight func(string, ...int)) {
		b.In("x", -1, 4)
		weight("w", 4, 3)
		b.Node("MatMul", "y", []string{"x", "w"})
		b.Out("y")
	}
	inFunction := func(p *onnxpb.ModelProto) {
		g := p.Graph
		constant := &onnxpb.NodeProto{OpType: proto.String("Constant"), Output: []string{"w"},
			Attribute: []*onnxpb.AttributeProto{{Name: proto.String("value"), Type: onnxpb.AttributeProto_TENSOR.Enum(),
				T: g.Initializer[0]}}}
		p.Functions = []*onnxpb.FunctionProto{{Name: proto.String("Linear"), Domain: proto.String("own"),
			Input: []string{"x"}, Output: []string{"y"}, Node: []*onnxpb.NodeProto{constant, g.Node[0]},
			OpsetImport: p.OpsetImport}}
		g.Node = []*onnxpb.NodeProto{{OpType: proto.String("Linear"), Domain: proto.String("own"), Input: []string{"x"},
			Output: []string{"y"}, Name: proto.String("call")}}
		g.Initializer = nil
		p.OpsetImport = append(p.OpsetImport, &onnxpb.OperatorSetIdProto{Domain: proto.String("own"), Version: proto.Int64(1)})
	}
	for _, c := range []struct {
		name, want string
		change     func(p *onnxpb.ModelProto)
	}{
		{"opset", "imports opset 8: one file of all tasks needs 9", func(p *onnxpb.ModelProto) { p.OpsetImport[0].Version = proto.Int64(8) }},
		{"function", `inside the function "Linear"`, inFunction},
		{"bfloat16", "has the type bfloat16", func(p *onnxpb.ModelProto) {
			w := p.Graph.Initializer[0]
			v := gatetest.Must(onnx.TensorOf(w).Doubles(nil))(t)
			p.Graph.Initializer[0] = gatetest.Must(onnx.NewFloatTensor("w", onnx.BFloat16, []int{4, 3}, v))(t)
		}},
	} {
		var models []*onnx.Model
		for _, m := range drawn(t, 2, build) {
			models = append(models, gatetest.Must(m.Rewrite(func(p *onnxpb.ModelProto) error { c.change(p); return nil }))(t))
		}
		e := merged(t, models)
		_, err := e.All()
		if !errors.Is(err, graphmatch.ErrAlign) || !strings.Contains(fmt.Sprint(err), c.want) || advice.Hint(err) == "" {
			t.Errorf("%s: got %v, want one that says %q", c.name, err, c.want)
		}
		if _, err := e.Task(1); err != nil {
			t.Errorf("%s: the plain file of a task: %v", c.name, err)
		}
	}
}

// TestRefusedModels: models without a common start, layers that differ in shape, wrong options.
func TestRefusedModels(t *testing.T) {
	open := func(names ...string) []*onnx.Model { return gatetest.Open(t, names...) }
	fts := open("mlp/ft0.onnx", "mlp/ft1.onnx")
	for _, c := range []struct {
		name, want string
		kind       error
		models     []*onnx.Model
		o          routed.Options
	}{
		{"trained from different starts", "do not look like fine-tunes of one start", graphmatch.ErrAlign,
			open("mlp/seed0.onnx", "mlp/seed1.onnx"), routed.Options{}},
		{"a start of another training", "do not look like fine-tunes of one start", graphmatch.ErrAlign, fts,
			routed.Options{Start: open("mlp/seed1.onnx")[0]}},
		{"a start of another shape", "none of the layers", graphmatch.ErrAlign, fts, routed.Options{Start: open("cnn/start.onnx")[0]}},
		{"the same model", "identical in every selected layer", graphmatch.ErrAlign, open("mlp/ft0.onnx", "mlp/ft0.onnx"), routed.Options{}},
		{"too few names", "1 tasks have names", gating.ErrOption, fts, routed.Options{Tasks: []string{"a"}}},
		{"a name with a comma", `"a,b" cannot be the name`, gating.ErrOption, fts, routed.Options{Tasks: []string{"a,b", "c"}}},
		{"a name twice", `"a" cannot be the name of task 1`, gating.ErrOption, fts, routed.Options{Tasks: []string{"a", "a"}}},
	} {
		_, err := routed.NewEMR(gatetest.Select(t, c.models), c.o)
		if !errors.Is(err, c.kind) || !strings.Contains(fmt.Sprint(err), c.want) || advice.Hint(err) == "" {
			t.Errorf("%s: got %v (hint %q), want one that says %q", c.name, err, advice.Hint(err), c.want)
		}
	}
	e := emr(t, fts, nil)
	for _, k := range []int{-1, 2} {
		if _, err := e.Task(k); !errors.Is(err, gating.ErrOption) || !strings.Contains(err.Error(), "0 ft0, 1 ft1") {
			t.Errorf("task %d: %v", k, err)
		}
	}
}

// TestHeadsOfTheirOwn: a layer that the start has not is kept whole for each task, and so are numbers that are not
// finite.
func TestHeadsOfTheirOwn(t *testing.T) {
	build := func(head string) func(b gatetest.Builder, weight func(string, ...int)) {
		return func(b gatetest.Builder, weight func(string, ...int)) {
			b.In("x", -1, 4)
			weight("trunk", 4, 6)
			b.Node("MatMul", "h", []string{"x", "trunk"})
			b.Node("Relu", "r", []string{"h"})
			if head != "" {
				weight(head, 6, 3)
				b.Node("MatMul", "y", []string{"r", head})
				b.Out("y")
			} else {
				b.Out("r")
			}
		}
	}
	models, start := drawn(t, 3, build("head")), drawn(t, 1, build(""))[0]
	o := routed.Options{Start: start, Tasks: names(models)}
	e := gatetest.Must(routed.NewEMR(gatetest.Select(t, models), o))(t)
	if elected, exact := e.Count(); elected != 24 || exact != 18 {
		t.Errorf("%d weights elected and %d kept, want 24 and 18", elected, exact)
	}
	if w := e.Warnings(); len(w) > 0 {
		t.Errorf("warnings %v", w)
	}
	bare := gatetest.NewBuilder()
	bare.In("x", -1, 4)
	bare.Weight(t, "head", onnx.Float32, 2, 4, 3)
	bare.Node("MatMul", "y", []string{"x", "head"})
	bare.Out("y")
	_, err := routed.NewEMR(gatetest.Select(t, models), routed.Options{Start: bare.Model(t), Tasks: names(models), Anyway: true})
	if !errors.Is(err, graphmatch.ErrAlign) || !strings.Contains(fmt.Sprint(err), "none of the layers") {
		t.Errorf("a start without the trunk: %v", err)
	}
	for k, m := range models {
		got := gatetest.Must(named(t, gatetest.Must(e.Task(k))(t), "head").Doubles(nil))(t)
		near(t, "the head", got, gatetest.Must(named(t, m, "head").Doubles(nil))(t))
	}
	checkTasks(t, runtest.StartRuntime(t), e, models[0])
	models[1] = gatetest.Must(models[1].Rewrite(func(p *onnxpb.ModelProto) error {
		v := gatetest.Must(onnx.TensorOf(p.Graph.Initializer[0]).Doubles(nil))(t)
		v[5] = math.NaN()
		p.Graph.Initializer[0] = gatetest.Must(onnx.NewFloatTensor("trunk", onnx.Float32, []int{4, 6}, v))(t)
		return nil
	}))(t)
	e = gatetest.Must(routed.NewEMR(gatetest.Select(t, models), o))(t)
	if elected, exact := e.Count(); elected != 0 || exact != 42 || !slices.Equal(e.Factors(), []float64{1, 1, 1}) {
		t.Errorf("with a NaN %d weights elected and %d kept, factors %v: want 0, 42 and 1", elected, exact, e.Factors())
	}
	if w := fmt.Sprint(e.Warnings()); !strings.Contains(w, "trunk.weight has a NaN or an infinity in task1") {
		t.Errorf("warnings %s", w)
	}
	checkTasks(t, nil, e, models[0])
}

// sizedModels are models with heads of three, five and two outputs, and what stands behind the heads.
func sizedModels(t *testing.T, gemm bool, behind func(b gatetest.Builder)) (models []*onnx.Model) {
	t.Helper()
	for k, n := range []int{3, 5, 2} {
		models = append(models, drawn(t, 3, func(b gatetest.Builder, weight func(string, ...int)) {
			b.In("x", -1, 4)
			weight("trunk", 4, 6)
			weight("bias", n)
			b.Node("MatMul", "h", []string{"x", "trunk"})
			b.Node("Relu", "r", []string{"h"})
			if gemm {
				weight("head", n, 6)
				b.Node("Gemm", "z", []string{"r", "head", "bias"}, gatetest.Int("transB", 1))
			} else {
				weight("head", 6, n)
				b.Node("MatMul", "zz", []string{"r", "head"})
				b.Node("Add", "z", []string{"zz", "bias"})
			}
			behind(b)
			b.Out("y")
		})[k])
	}
	return models
}

// TestHeadsOfDifferentSize: each task has as many outputs as its model, in one file and by itself, and those of its own
// head; declarations say so.
func TestHeadsOfDifferentSize(t *testing.T) {
	ort := runtest.StartRuntime(t)
	for _, gemm := range []bool{false, true} {
		models := sizedModels(t, gemm, func(b gatetest.Builder) { b.Node("Softmax", "y", []string{"z"}, gatetest.Int("axis", -1)) })
		for i, m := range models {
			models[i] = gatetest.Must(m.Rewrite(func(p *onnxpb.ModelProto) error {
				n := []int64{3, 5, 2}[i]
				p.Graph.Output[0].GetType().GetTensorType().Shape = &onnxpb.TensorShapeProto{
					Dim: []*onnxpb.TensorShapeProto_Dimension{
						{Value: &onnxpb.TensorShapeProto_Dimension_DimParam{DimParam: "batch"}},
						{Value: &onnxpb.TensorShapeProto_Dimension_DimValue{DimValue: n}}}}
				p.Graph.ValueInfo = []*onnxpb.ValueInfoProto{{Name: proto.String("z"), Type: p.Graph.Output[0].Type}}
				return nil
			}))(t)
		}
		for base := range models {
			a := gatetest.Must(graphmatch.Align(models, base))(t)
			s := gatetest.Must(a.Select(nil, nil))(t)
			e := gatetest.Must(routed.NewEMR(s, routed.Options{Tasks: names(models), Anyway: true}))(t)
			if elected, _ := e.Count(); elected != 24 {
				t.Errorf("%d weights elected, want 24", elected)
			}
			checkTasks(t, ort, e, models[base])
			for k, n := range []int{3, 5, 2} {
				plain := gatetest.Written(t, gatetest.Must(e.Task(k))(t))
				inputs := runtest.Samples(t, plain, 7)
				if got := len(runtest.Evaluate(t, plain, inputs)); got != 7*n {
					t.Errorf("task %d has %d outputs for seven samples, want %d", k, got, 7*n)
				}
				for _, v := range append(plain.Proto().GetGraph().GetOutput(), plain.Proto().GetGraph().GetValueInfo()...) {
					if got := v.GetType().GetTensorType().GetShape().GetDim()[1].GetDimValue(); got != int64(n) {
						t.Errorf("task %d declares %d outputs, want %d", k, got, n)
					}
				}
			}
			m, _ := all(t, e)
			if got := m.Proto().GetGraph().GetOutput()[0].GetType().GetTensorType().GetShape().GetDim()[1]; got.GetDimParam() != "task_classes" {
				t.Errorf("all tasks together declare %v outputs", got)
			}
			r := gatetest.Must(e.Recipe(routed.Form{}, false))(t)
			again := gatetest.Must(routed.Bake(r, gatetest.Must(graphmatch.Align(models, base))(t), "test"))(t)
			if !bytes.Equal(gatetest.Bytes(t, again), gatetest.Bytes(t, gatetest.Must(e.Described(r, "test"))(t))) {
				t.Error("the recipe gives other bytes")
			}
		}
	}
	one := gatetest.Select(t, sizedModels(t, true, func(b gatetest.Builder) { b.Node("Softmax", "y", []string{"z"}) }))
	if err := one.Strict(); !errors.Is(err, graphmatch.ErrAlign) {
		t.Errorf("models of heads of different size align: %v", err)
	}
}

// TestHeadsThatAreCounted: where something behind a head may count its outputs it must have one size.
func TestHeadsThatAreCounted(t *testing.T) {
	for what, behind := range map[string]func(b gatetest.Builder){
		"a shape": func(b gatetest.Builder) {
			b.Ints(t, "shape", -1, 1)
			b.Node("Reshape", "y", []string{"z", "shape"})
		},
		"a sum with more": func(b gatetest.Builder) {
			b.Tensor(t, "more", onnx.Float32, []float64{1}, 1)
			b.Node("Add", "y", []string{"z", "more"})
		},
	} {
		models := sizedModels(t, true, behind)
		_, err := routed.NewEMR(gatetest.Select(t, models), routed.Options{Tasks: names(models), Anyway: true})
		if !errors.Is(err, graphmatch.ErrAlign) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
