// Package reduction holds operators that gather what lies along axes: reductions, normalisations, softmax,
// losses, cumulative sums and the largest elements.
package reduction

import "slices"

// Operators is the operators of this package.
var Operators = slices.Concat(
	batchNormOps, softmaxOps, lossOps, reduceOps, normOps, skipNormOps,
	lrnOps, lpNormOps, topKOps, cumSumOps,
)
