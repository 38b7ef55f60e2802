package onnx

import (
	"errors"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/onnx/onnxpb"
)

func TestWalk(t *testing.T) {
	p := smallModel()
	withFunctions(function("F"))(p)
	p.Functions[0].Overload = proto.String("v2")
	m := parsed(t, p)
	var got []string
	visit := func(at Place, n *onnxpb.NodeProto) error {
		got = append(got, at.String()+": "+NodeLabel(n))
		return nil
	}
	if err := m.Walk(visit); err != nil {
		t.Fatal(err)
	}
	want := []string{"graph: MatMul_p", "graph: Add_s", "graph: Constant_c", "graph: Mul_h", "graph: If_y",
		"graph / If_y.then_branch: Add_branch_out", "graph / If_y.else_branch: Add_branch_out",
		"function local:F:v2: Relu_y"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestWalkStops(t *testing.T) {
	m := parsed(t, smallModel())
	stop, count := errors.New("stop"), 0
	err := m.Walk(func(at Place, n *onnxpb.NodeProto) error {
		if count++; at.Outer != nil {
			t.Error("a skipped subgraph is visited")
		}
		if n.GetOpType() == "If" {
			return ErrSkipSubgraphs
		}
		return nil
	})
	if err != nil || count != 5 {
		t.Errorf("got %v after %d nodes", err, count)
	}
	if err := m.Walk(func(Place, *onnxpb.NodeProto) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
}

func TestNodeLabel(t *testing.T) {
	for _, test := range []struct {
		node *onnxpb.NodeProto
		want string
	}{
		{&onnxpb.NodeProto{Name: proto.String("n"), OpType: proto.String("Relu")}, "n"},
		{&onnxpb.NodeProto{OpType: proto.String("Relu"), Output: []string{"", "y"}}, "Relu(y)"},
		{&onnxpb.NodeProto{OpType: proto.String("Relu")}, "Relu"},
	} {
		if got := NodeLabel(test.node); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

func TestOpset(t *testing.T) {
	p := smallModel()
	p.OpsetImport = append(p.OpsetImport, &onnxpb.OperatorSetIdProto{Domain: proto.String("com.microsoft"),
		Version: proto.Int64(1)})
	m := parsed(t, p)
	for domain, want := range map[string]int64{"": 17, "ai.onnx": 17, "com.microsoft": 1, "absent": 0} {
		if got := m.Opset(domain); got != want {
			t.Errorf("%q: got %d, want %d", domain, got, want)
		}
	}
}
