package network

import (
	"errors"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating/network/ir"
	"github.com/softmerge/softmerge/gating/network/op"
)

// TestRunnerTurnsPanicsIntoErrors names the node.
func TestRunnerTurnsPanicsIntoErrors(t *testing.T) {
	n := &ir.Node{Name: "bad", Op: "Explode", Run: exploding{}}
	v := &ir.Value{Spec: op.Spec{Type: 1, Shape: []int{2}}, Param: -1, Node: n}
	n.Out = []*ir.Value{v}
	_, err := newRunner(&ir.Graph{Nodes: []*ir.Node{n}, Outputs: []ir.Output{{Name: "y", Spec: v.Spec, Value: v}}},
		nil).Run(nil, nil)
	if !errors.Is(err, op.ErrShape) || !strings.Contains(err.Error(), `"bad" (Explode)`) {
		t.Errorf("got %v", err)
	}
}

type exploding struct{}

func (exploding) Forward(*op.Context, []*op.Tensor, []*op.Tensor) error { panic("boom") }
