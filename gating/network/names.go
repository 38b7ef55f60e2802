package network

import (
	"github.com/softmerge/softmerge/gating/network/ir"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/gating/network/op/reduction"
)

// What users of this package hold in their hands comes from the rooms below under the same names.
type (
	Tensor     = op.Tensor            // a dense array
	Spec       = op.Spec              // the type and shape of one
	NodeError  = op.NodeError         // an error at one node
	Param      = ir.Param             // a weight that is a mixture
	Fixed      = ir.Fixed             // a weight that is one number
	Output     = ir.Output            // an output of a graph
	Statistics = reduction.Statistics // what a normalisation collects
)

// Kinds of errors.
var (
	ErrUnsupported = op.ErrUnsupported // an operator, attribute or type that is not supported, or has no gradient
	ErrShape       = op.ErrShape       // inputs that do not fit
)

// NewTensor returns a zeroed tensor of the type and shape of s.
func NewTensor(s Spec) *Tensor { return op.NewTensor(s) }
