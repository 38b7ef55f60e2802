// Package fused holds products of other rooms with more done to the result: activations, residuals and
// quantisation.
package fused

import "slices"

// Operators is the operators of this package.
var Operators = slices.Concat(
	fusedOps, quantProductOps,
)
