// Package reduction holds operators that gather what lies along axes: reductions, normalisations, softmax,
// losses, cumulative sums and the largest elements.
package network

import "slices"

// reductionOperators is the operators of this package.
var reductionOperators = slices.Concat(
	batchNormOps, softmaxOps, lossOps, reduceOps, normOps, skipNormOps,
	lrnOps, axisNormOps, orderOps, cumSumOps,
)
