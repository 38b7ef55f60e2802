// Package ir is the lowered graph, the intermediate representation between an ONNX file and whatever runs it: values of
// known type and shape, nodes with the operator that computes them, mixtures of weights, and blocks, the bodies that
// run inside an operator as often as the data ask for.
package ir
