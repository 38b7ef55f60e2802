// Package kernel holds the float32 CPU kernels under the differentiable network: matrix product,
// convolution, pooling, permutation and the vector sums that mixing weights needs.
//
// Kernels work on plain slices in row-major order and know nothing of graphs or files. Every kernel takes
// the [Workers] that may share its loop first; nil means the caller's goroutine alone. Slices that are too
// short for the stated shape are a programming error and panic; sizes of zero are not.
//
// # Reproducibility
//
// No result depends on the number of workers: loops are cut over outputs, and where a sum must be shared it is
// cut into chunks whose bounds follow from the shape alone. On amd64 results do not depend on whether AVX2 or
// AVX-512 is in use either: every element of a product is one chain of fused multiply-adds along k inside
// blocks of a fixed length, and blocks are added in order. The pure Go kernels of other processors
// follow the same order but round each product on its own where the processor has no fused instruction,
// so their last bits differ.
package kernel
