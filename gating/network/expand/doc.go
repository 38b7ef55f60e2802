// Package expand holds the operators that are lowered to other operators: control flow, sequences and optionals, the
// attentions, and fused forms of other runtimes.
//
// An [Expansion] is given a [Call], which is an op.Call with the values that the node reads and a hand in the lowering,
// [Lowering]: it emits operators, lowers bodies, and names the node's outputs. Most write what they emit through a
// builder, whose methods do nothing after an error.
//
// If and Loop are decided while the graph is lowered wherever that is possible. Where only the data can decide, they
// stay operators of the graph with their bodies inside.
package expand
