// Package fused holds products of other rooms with more done to the result: activations, residuals and
// quantisation.
package network

import "slices"

// fusedOperators is the operators of this package.
var fusedOperators = slices.Concat(
	fusedOps, quantProductOps,
)
