// Package network turns an ONNX graph into a differentiable program.
//
// The way of a model through the package:
//
//	Lower    an onnx.Model and concrete input shapes become a Graph: functions
//	         are inlined, everything that is known without data is folded, and
//	         some weights may be replaced by mixtures whose coefficients stay free
//	Run      the forward pass of a Graph, for evaluation: no gradient, buffers reused
//	Program  the part of a Graph that depends on the coefficients, put on a tape
//	         that runs it forward and backward
//
// The rooms below, each of which knows only those further down:
//
//	expand   operators that are other operators: control flow, sequences, attention, fused forms
//	op/table the operators by name, and how many inputs each has
//	op/...   the operators: an operator's shape rule, its call of a kernel and its gradient stand in one file
//	ir       the lowered graph: values, nodes, and bodies that run inside an operator
//	op       the contract: what an operator is and what its builder sees
//	tape     programs of vector functions, forward and backward; the door to Gorgonia and onnx-go
//
// The same operator value serves folding, evaluation and the tape. An If or Loop that only the data can decide
// is an operator with its bodies inside.
//
// Numbers: every float type is computed in float32, every integer type and bool
// in int64 wrapped to the declared width. The tape sees vectors only; shapes are
// static and belong to the lowered graph.
//
// There are two reverse passes on purpose. The tape's is Gorgonia's, over a graph that is fixed when it is compiled.
// A body whose number of runs the data decide has no such graph: ir.Block goes back through its nodes itself, and the
// whole operator is one function of the tape. Gorgonia could only do it with a second machine for every body and
// number of iterations.
package network
