// Package spatial holds operators over images and other grids: convolution, pooling, regions of interest,
// resizing and sampling.
package network

import "slices"

// spatialOperators is the operators of this package.
var spatialOperators = slices.Concat(
	convOps, convTransposeOps, deformOps, poolOps, poolTailOps, roiOps,
	nmsOps, resizeOps, gridOps, affineGridOps,
)
