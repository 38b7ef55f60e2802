// Package element holds operators that work element by element: arithmetic, activations, comparisons,
// conversions and quantisation.
package network

import "slices"

// elementOperators is the operators of this package.
var elementOperators = slices.Concat(
	activationOps, castOps, bitCastOps, classicOps, quantizeOps, dropoutOps,
	variadicOps, whereOps, logicOps, compareOps, clipOps, binaryOps,
	unaryOps, legacyOps,
)
