// Package element holds operators that work element by element: arithmetic, activations, comparisons,
// conversions and quantisation.
package element

import "slices"

// Operators is the operators of this package.
var Operators = slices.Concat(
	activationOps, castOps, bitCastOps, mlOps, quantizeOps, dropoutOps,
	variadicOps, whereOps, logicOps, compareOps, clipOps, binaryOps,
	unaryOps, onnx1Ops,
)
