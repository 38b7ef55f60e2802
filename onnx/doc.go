// Package onnx reads, checks, walks, changes and writes ONNX files. It knows
// nothing of merging.
//
// Open maps a file and decodes its structure only; weights stay on disk until
// a Tensor is asked for them. With makes a new view of a model with some
// tensors replaced, some initializers, inputs and nodes added, some inputs redirected,
// some metadata set; WriteFile writes a view. What no edit touches is copied
// byte for byte, so a file written without edits equals the file read.
//
// Files are not trusted: lengths, shapes, offsets and nesting are checked
// against the bytes at hand before anything is allocated, and external data is
// read from inside the model's folder only.
package onnx
