package op

import (
	"errors"
	"fmt"
)

// ErrUnsupported is the kind of every error about an operator, attribute or type
// that this package cannot compute, or cannot differentiate where it must.
var ErrUnsupported = errors.New("not supported")

// ErrShape is the kind of every error about inputs that do not fit an operator.
var ErrShape = errors.New("shapes do not fit")

// NodeError is an error at one node of the graph.
type NodeError struct {
	Node string // name of the node, or of its first output where it has none
	Op   string // operator type, with its domain where it is not ONNX's own
	Kind error  // ErrUnsupported or ErrShape
	Msg  string // what is wrong, got and want
	Help string // what the user can do; may be empty
}

// Error names the node and says what is wrong.
func (e *NodeError) Error() string { return fmt.Sprintf("node %q (%s): %s", e.Node, e.Op, e.Msg) }

// Unwrap returns the kind of the error, for errors.Is.
func (e *NodeError) Unwrap() error { return e.Kind }

// Hint says what the user can do about the error, or nothing.
func (e *NodeError) Hint() string { return e.Help }
