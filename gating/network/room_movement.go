// Package movement holds operators that move elements without changing them: reshaping, slicing, joining,
// gathering, scattering, padding, and tensors known from the start.
package network

import "slices"

// movementOperators is the operators of this package.
var movementOperators = slices.Concat(
	structureOps, constantOps, transposeOps, concatOps, sliceOps, splitOps,
	gatherOps, shapeOps, scatterOps, tensorScatterOps, padOps, expandOps,
	triluOps, reverseOps, selectOps, spaceOps,
)
