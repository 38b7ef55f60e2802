// Package flow reads an ONNX model as a data flow: what computes what from what, and which stored tensors are the
// parameters of which layer.
//
// A [Graph] has operators ([Node]) and arrays ([Value]). Subgraphs and local functions are expanded, nodes that only
// rename are gone, and a stored tensor seen through a Transpose, a Reshape or a conversion is one [Constant] whose axes
// are known to be the tensor's. A [Network] groups the constants into layers ([Unit]) as the framework knew them:
// a MatMul with the Add behind it is one linear layer, the operators of a decomposed normalisation are that
// normalisation. [Canonical] is the same network as signatures see it, in an order that depends neither on names nor on
// the order of the file; [Fold] is the arithmetic of a BatchNormalization multiplied into the layer before it.
//
// Nothing here compares models or changes one.
package flow
