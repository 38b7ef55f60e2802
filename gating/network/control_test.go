package network

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
	"google.golang.org/protobuf/proto"
)

// TestControlKnown checks that inputs known before give what inputs known only at run time give.
func TestControlKnown(t *testing.T) {
	for name, c := range controlCases(t) {
		t.Run(name, func(t *testing.T) {
			m, _ := c.model(t)
			got, err := runOnce(m, c.inputs)
			if err != nil {
				t.Fatal(err)
			}
			want, err := Evaluate(m, c.inputs, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := optest.Compare(got[0], want[0], 1e-6, 1e-6); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestControlAgainstORT compares with ONNX Runtime.
func TestControlAgainstORT(t *testing.T) {
	server := startORT(t)
	if server == nil {
		t.Skip("ORT_NODE_MODULES names no folder with onnxruntime-node")
	}
	for name, c := range controlCases(t) {
		t.Run(name, func(t *testing.T) {
			m, data := c.model(t)
			path := filepath.Join(t.TempDir(), "model.onnx")
			if err := os.WriteFile(path, data, 0o644); err != nil {
				t.Fatal(err)
			}
			got, err := runOnce(m, c.inputs)
			if err != nil {
				t.Fatal(err)
			}
			want, err := server.run(path, c.inputs)
			if err != nil {
				t.Fatal(err)
			}
			if d, err := scaledDifference(got[0], want["y"]); err != nil || d > 1e-6 {
				t.Errorf("differs by %g: %v", d, err)
			}
		})
	}
}

// TestControlGradients checks gradients through unrolled bodies and chosen branches.
func TestControlGradients(t *testing.T) {
	for name, c := range controlCases(t) {
		t.Run(name, func(t *testing.T) {
			m, _ := c.model(t)
			var names []string
			var inputs []*op.Tensor
			var wrt []int
			for _, name := range slices.Sorted(keysOf(c.inputs)) {
				if c.wrt == nil || slices.Contains(c.wrt, name) {
					wrt = append(wrt, len(names))
				}
				names, inputs = append(names, name), append(inputs, c.inputs[name])
			}
			checkModelGradient(t, m, inputs, names, wrt, 0)
		})
	}
}

// TestLoopCounts checks iteration numbers, stacked outputs and the empty stack.
func TestLoopCounts(t *testing.T) {
	for _, trips := range []int64{0, 1, 4} {
		body := bodyOf(intInfo("i"), boolInfo("on"))
		addNode(body, "Identity", "on", "still")
		addNode(body, "Mul", "i i", "square")
		g := &onnxpb.GraphProto{Name: proto.String("g"),
			Initializer: []*onnxpb.TensorProto{initializer(t, "trips", []int{}, trips)}}
		addNode(g, "Loop", "trips", "y", subgraph("body", body, boolInfo("still"), intInfo("square")))
		g.Node[0].Input = []string{"trips", ""}
		outs, err := Evaluate(modelOf(t, g, nil, "y"), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		want := &op.Tensor{Type: onnx.Int64, Shape: []int{int(trips)}}
		for i := range trips {
			want.I = append(want.I, i*i)
		}
		if err := optest.Compare(outs[0], want, 0, 0); err != nil {
			t.Errorf("%d iterations: %v", trips, err)
		}
	}
}

// TestControlRefuses checks the kinds of errors.
func TestControlRefuses(t *testing.T) {
	endless := loopCase(t, 1<<40)
	unknown := loopCase(t, 1)
	unknown.g.Initializer = unknown.g.Initializer[1:]
	unknown.inputs["trips"] = scalarInt(2)
	shapes := ifCase(t)
	addNode(shapes.g.Node[2].Attribute[1].G, "Concat", "b b", "c", optest.IntAttr("axis", 0))
	shapes.g.Node[2].Attribute[1].G.Output[0].Name = proto.String("c")
	position := sequenceCase(t)
	position.g.Initializer[1] = initializer(t, "last", []int{}, 9)
	vague := dataConditionCase(t)
	vague.g.Node[0].Attribute[0].G.Output[0].Name = proto.String("size")
	many := dataConditionCase(t)
	many.g.Initializer[1] = initializer(t, "most", []int{2}, 1, 2)
	bare := loopCase(t, 1)
	bare.g.Node[0].Attribute = nil
	for name, c := range map[string]struct {
		controlCase
		kind error
	}{
		"endless": {endless, op.ErrUnsupported}, "unknown trips": {unknown, op.ErrUnsupported},
		"branch shapes":        {shapes, op.ErrUnsupported},
		"condition of a float": {vague, op.ErrShape}, "two counts": {many, op.ErrShape},
		"position": {position, op.ErrShape}, "no body": {bare, onnx.ErrInvalid},
	} {
		m, _ := c.model(t)
		if _, err := runOnce(m, c.inputs); !errors.Is(err, c.kind) || strings.Contains(err.Error(), "internal check") {
			t.Errorf("%s: got %v, want an error of kind %v that a check foresees", name, err, c.kind)
		}
	}
}

// TestRefusals checks that operators that are refused say why.
func TestRefusals(t *testing.T) {
	for operator, want := range map[[2]string]string{
		{"", "RandomNormal"}:                     op.RefusedRandom.Reason,
		{"", "StringNormalizer"}:                 op.RefusedText.Reason,
		{"ai.onnx.ml", "TreeEnsembleClassifier"}: op.RefusedClassic.Reason,
		{"ai.onnx.preview.training", "Adam"}:     op.RefusedTraining.Reason,
		{"com.microsoft", "MatMulNBits"}:         op.RefusedQuantised.Reason,
		{"com.example", "Thing"}:                 "operators of this domain are not known here",
		{"", "Thing"}:                            "there is no such operator here for opset 18",
	} {
		g := graphOf("x")
		addNode(g, operator[1], "x", "y").Domain = proto.String(operator[0])
		_, err := Lower(modelOf(t, g, nil, "y"), Config{Shapes: map[string][]int{"x": {1}}})
		var e *op.NodeError
		if !errors.Is(err, op.ErrUnsupported) || !errors.As(err, &e) || e.Msg != want {
			t.Errorf("%s: got %v, want %q", fmt.Sprint(operator), err, want)
		}
	}
}

// TestLoopMemory checks that a short file cannot fill the memory with what a loop computes before the graph runs.
func TestLoopMemory(t *testing.T) {
	body := bodyOf(intInfo("i"), boolInfo("on"))
	addNode(body, "Identity", "on", "still")
	addNode(body, "ConstantOfShape", "wide", "zeros")
	g := &onnxpb.GraphProto{Name: proto.String("g"), Initializer: []*onnxpb.TensorProto{
		initializer(t, "trips", []int{}, 60000), initializer(t, "wide", []int{1}, 1<<16),
	}}
	addNode(g, "Loop", "trips -", "y", subgraph("body", body, boolInfo("still"), floatInfo("zeros", 1<<16)))
	if _, err := Lower(modelOf(t, g, nil, "y"), Config{MaxBytes: 64 << 20}); !errors.Is(err, op.ErrShape) {
		t.Errorf("got %v, want an error of kind ErrShape", err)
	}
}
