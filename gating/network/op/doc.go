// Package op says what an operator is: the contract between whoever lowers a graph and the operators in the rooms
// below.
//
// An operator enters the table as an [Entry] of its room's Operators: a name with its domain, the first opset that its
// [Builder] understands, and what is known of its gradient. The builder is given a [Call]: the node's attributes, the
// opset, and of every input its [Spec], and its elements where they are known before the graph runs. It answers with
// the operator and the specs of its outputs, or with an error that names the node: c.ShapeError where inputs do not
// fit, c.Unsupported where something is beyond us, c.Invalid where the file is wrong. A builder never sees the lowerer;
// what it needs of the file and of the limits of memory it asks the call's [Environment].
//
// An [Operator] computes outputs from inputs, a [Differentiable] one also gradients. [View] and [Constant] are the
// operators of nodes at which nothing is left to compute. One that says in [GradientReader] what its gradient reads
// lets the memory of the rest be used again.
package op
