// Package routed makes one ordinary ONNX file of several task models, in which an input says which of them answers.
//
// EMR-Merging (arXiv 2405.17461) keeps of all models one common start, one task vector elected from theirs, a mask of a
// bit a weight for each task, and a factor for each. The graph makes the weights of the task asked for from these, by
// operators that every runtime has; whatever is no matrix is kept for each task as it is.
package routed
