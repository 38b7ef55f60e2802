// Package experts makes one ordinary ONNX file of several models in which every sample is computed by weights of its
// own: a mixture of the models' weights, by gates that the graph computes from the sample itself.
//
// The layers that the graph lists before the value which the gates are computed from are shared, as the models' mean.
// All selected layers behind it are computed by all models at once, J times the work of one, and mixed exactly: every
// operator here is linear in its parameters, so that
//
//	y_b = sum_j g_bj (W_j x_b + c_j) = (sum_j g_bj W_j) x_b + sum_j g_bj c_j
//
// Samples of a batch do not see each other. Prototypes is SE-Merging (arXiv 2506.18135) in a form of our own, in which
// nothing is learned.
package experts
