package network

import (
	"errors"
	"strings"
	"testing"
)

// TestRunnerTurnsPanicsIntoErrors names the node.
func TestRunnerTurnsPanicsIntoErrors(t *testing.T) {
	n := &node{name: "bad", op: "Explode", run: exploding{}}
	v := &value{spec: Spec{1, []int{2}}, param: -1, node: n}
	n.out = []*value{v}
	_, err := newRunner(&graphIR{nodes: []*node{n}, outputs: []Output{{Name: "y", Spec: v.spec, value: v}}}, nil).Run(nil, nil)
	if !errors.Is(err, ErrShape) || !strings.Contains(err.Error(), `"bad" (Explode)`) {
		t.Errorf("got %v", err)
	}
}

type exploding struct{}

func (exploding) Forward(*Context, []*Tensor, []*Tensor) error { panic("boom") }
