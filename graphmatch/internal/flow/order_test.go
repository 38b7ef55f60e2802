package flow

import (
	"fmt"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/graphmatch/random"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// randomNodes draws nodes that read outputs of earlier ones, some from inside a branch.
func randomNodes(g *random.Generator, count int) []*onnxpb.NodeProto {
	var nodes []*onnxpb.NodeProto
	for i := range count {
		n := &onnxpb.NodeProto{OpType: proto.String("Op"), Output: []string{fmt.Sprint("v", i)}}
		for range g.IntN(3) {
			if i == 0 {
				continue
			}
			from := fmt.Sprint("v", g.IntN(i))
			if g.IntN(4) > 0 {
				n.Input = append(n.Input, from)
				continue
			}
			body := &onnxpb.GraphProto{Node: []*onnxpb.NodeProto{{OpType: proto.String("Op"), Input: []string{from},
				Output: []string{"inner"}}}}
			n.Attribute = append(n.Attribute, &onnxpb.AttributeProto{Name: proto.String("body"), G: body})
		}
		nodes = append(nodes, n)
	}
	return nodes
}

// sorted tells whether every node comes after those that it reads.
func sorted(nodes []*onnxpb.NodeProto) bool {
	made := map[string]bool{}
	for _, n := range nodes {
		for _, name := range reads(n, nil, 0) {
			if !made[name] && name != "inner" {
				return false
			}
		}
		made[n.Output[0]] = true
	}
	return true
}

func TestInOrder(t *testing.T) {
	g := random.New(1, 0)
	for range 500 {
		nodes := randomNodes(g, 1+g.IntN(20))
		if got := inOrder(nodes); !slices.Equal(got, nodes) {
			t.Fatal("nodes in order were moved")
		}
		mixed := slices.Clone(nodes)
		g.Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
		got := inOrder(mixed)
		if !sorted(got) {
			t.Fatal("a node comes before one that it reads")
		}
		for _, n := range nodes {
			if !slices.Contains(got, n) {
				t.Fatal("a node is lost")
			}
		}
		if len(got) != len(nodes) {
			t.Fatalf("%d of %d nodes", len(got), len(nodes))
		}
	}
}

// Nodes on a cycle and those that need them are left out; all others stay.
func TestInOrderWithCycle(t *testing.T) {
	node := func(out string, in ...string) *onnxpb.NodeProto {
		return &onnxpb.NodeProto{OpType: proto.String("Op"), Input: in, Output: []string{out}}
	}
	var names []string
	for _, n := range inOrder([]*onnxpb.NodeProto{node("d", "c"), node("b", "c"), node("c", "b"), node("a", "x"),
		node("e", "a")}) {
		names = append(names, n.Output[0])
	}
	if !slices.Equal(names, []string{"a", "e"}) {
		t.Errorf("got %v, want [a e]", names)
	}
}
