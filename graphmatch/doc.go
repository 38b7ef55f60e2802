// Package graphmatch says which weight of one ONNX model stands for which
// weight of another, and which of them a user's patterns select.
//
// Two exports of one network rarely carry the same names, node order or node
// count. [Align] therefore reads each model as a data flow (values behind
// Identity, Constant, Dropout and transparent Cast nodes are one value; shape
// arithmetic and dead nodes are left out), groups the tensors into layers as
// the framework knew them, and pairs the layers of every model with those of
// the base. Structure decides where it can: canonical signatures of all nodes
// are refined until stable. Names break ties between equal structures, and lead
// where the structures differ; file order is the last resort.
//
// # Layers
//
// A layer is a convolution, a linear map (Gemm, or MatMul followed by Add of a
// vector), a normalisation (its four tensors for BatchNormalization; also
// LayerNormalization, RMS and group normalisation decomposed by an exporter,
// which then go by the operator they were made from), an embedding table
// (Gather), a recurrent cell, a PRelu slope, or any other float tensor that a
// node combines with data ("bare" parameters, such as position tables).
//
// A bare tensor of one element is a layer only if it is an initializer with a
// name that no exporter makes up: epsilons, square roots of two and the like
// are constants. Neither are the scales of Resize, bounds of Clip, padding
// values and quantisation parameters layers. A constant that an exporter wrote
// as a node, the same in all models and filled with one number (the unit scale
// inside a group normalisation, a zero initial state) is not a layer either.
//
// # Tied weights
//
// Layers that read one tensor in all models are one layer with several sites;
// it has the first one's name, and patterns find it by any of their names. The
// layers must agree on all tensors they have in common: a weight that two layers
// share is tied with them, while equal biases or normalisation parameters that
// only an exporter's search for duplicates brought together stay apart. Tensors
// tied in some models only are apart too: each use then names the same tensor.
//
// # Folded normalisations
//
// Some exporters multiply a BatchNormalization into the convolution or linear layer before it, others keep
// it as a node. Where models differ in that, the layer is matched with the normalisation folded in: values
// are read as folded, and the normalisation is no layer of its own. If the base is a model that keeps the
// node, its bias takes the folded bias, and the rest is reset ([Reset]) so that the node adds that bias and
// nothing else, exactly. The Mul and Add by channel that some converters write for a BatchNormalization are folded
// likewise where another model has the node, or neither. What cannot be folded (a result that others read too,
// statistics of each batch, tensors that do not fit) is a mismatch whose reason names both nodes.
//
// # Ends
//
// Preprocessing before the first layer (Sub, Div, Mul, Cast, Transpose and the like) and a softmax or argmax behind the
// last are in the graph of one exporter and around it for another. Layers are paired without; tensors that only such
// nodes read are [Layer.Aside], and [Alignment.EndDifferences] says what differs.
//
// # Hidden units
//
// Networks trained from different seeds number their hidden units differently. [Permute] reorders those of
// every other model to fit the base before anything is mixed (weight matching, arXiv 2209.04836). What may
// be reordered is derived from each model's graph: an order is followed from the layer that makes it through
// activations, normalisations, sums, concatenations, slices, flattening, groups, shuffled channels, attention
// heads (queries, keys and values made by one layer or three, the batch folded into the heads or not), recurrent
// gates and the states that feed another cell, and fixed wherever an operator's rule is not known to respect it.
// Lengths that the graph computes from shapes are followed as far as they are certain. A reordered model
// computes what it did before, up to the order of summation.
package graphmatch
