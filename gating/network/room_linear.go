// Package linear holds linear algebra: matrix products, einsum, determinants, inverses, Fourier transforms and
// their windows.
package network

import "slices"

// linearOperators is the operators of this package.
var linearOperators = slices.Concat(
	matrixOps, matmulOps, einsumOps, detOps, windowOps, dftOps,
)
