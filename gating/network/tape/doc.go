// Package tape runs programs of differentiable functions over vectors forward
// and backward. A [Program] is put together from parameters and functions;
// [Program.Compile] makes a [Machine] of it, whose every run gives a cost and its
// gradient with respect to the parameters; [Adam] moves parameters along gradients.
//
// It is the only package that knows Gorgonia and onnx-go, which are archived: a
// program's functions go through onnx-go's decoder to a backend that makes a
// Gorgonia expression graph of them, Gorgonia derives the gradient as a graph and
// its tape machine runs both. Nothing of either is seen from outside, so another
// tape could take their place behind the same names.
//
// Gorgonia sees vectors only, and every function is an operation of our own with
// memory of our own: its kernels and many of its gradients are slow or wrong.
package tape
