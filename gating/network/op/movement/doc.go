// Package movement holds operators that move elements without changing them: reshaping, slicing, joining,
// gathering, scattering, padding, and tensors known from the start.
package movement

import "slices"

// Operators is the operators of this package.
var Operators = slices.Concat(
	reshapeOps, constantOps, transposeOps, concatOps, sliceOps, splitOps,
	gatherOps, shapeOps, scatterOps, tensorScatterOps, padOps, expandOps,
	triluOps, reverseOps, oneHotOps, depthToSpaceOps,
)
