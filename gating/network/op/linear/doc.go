// Package linear holds linear algebra: matrix products, einsum, determinants, inverses, Fourier transforms and
// their windows.
package linear

import "slices"

// Operators is the operators of this package.
var Operators = slices.Concat(
	matrixOps, matmulOps, einsumOps, detOps, windowOps, dftOps,
)
