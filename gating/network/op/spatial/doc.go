// Package spatial holds operators over images and other grids: convolution, pooling, regions of interest,
// resizing and sampling.
package spatial

import "slices"

// Operators is the operators of this package.
var Operators = slices.Concat(
	convOps, convTransposeOps, deformOps, poolOps, lpPoolOps, roiOps,
	nmsOps, resizeOps, gridSampleOps, affineGridOps,
)
