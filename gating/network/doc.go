// Package network turns an ONNX graph into a differentiable Gorgonia program.
//
// The way of a model through the package:
//
//	Lower    an onnx.Model and concrete input shapes become a Graph: functions
//	         are inlined, everything that is known without data is folded, and
//	         some weights may be replaced by mixtures whose coefficients stay free
//	Run      the forward pass of a Graph, for evaluation: no gradient, buffers reused
//	Program  the part of a Graph that depends on the coefficients, handed through
//	         onnx-go's decoder to a backend that builds a Gorgonia expression graph
//
// Every operator is one entry of a family table: its shape rule (the builder),
// its forward kernel and its gradient stand together in one file, op_*.go. The
// same operator value serves folding, evaluation and the Gorgonia program.
// Operators whose work is other operators (If, Loop, Scan, sequences, attention)
// are lowered to those: see expand.go. An If or Loop that only the data can decide
// is an operator with its bodies inside: see nest.go and block.go. Why the rest is
// refused is in refused.go.
//
// Numbers: every float type is computed in float32, every integer type and bool
// in int64 wrapped to the declared width. Gorgonia sees vectors only; shapes are
// static and belong to the lowered graph.
package network
