package onnx

import "strings"

// Violation is one thing wrong with a model. It is an error of kind ErrInvalid.
type Violation struct {
	File   string // path of the model, "" if from memory
	Node   string // label of the node, "" if it is not about one
	Tensor string // name of the tensor or value, "" if it is not about one
	Msg    string
}

// Error returns the violation in one line.
func (v Violation) Error() string {
	var parts []string
	for _, p := range []string{v.File, v.Node, v.Tensor} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	return strings.Join(append(parts, v.Msg), ": ")
}

// Unwrap returns ErrInvalid.
func (v Violation) Unwrap() error { return ErrInvalid }

// Check returns everything that is wrong with a model, nil if nothing is.
func Check(m *Model) []Violation { return nil }
