// Package objective finds what is learned and judged: the output that labels belong to, what its numbers are, and the
// loss and the metric that go with both.
//
// Fit tries the outputs of a model; Objective is what it finds; Prepare makes labels what its loss reads; Read makes
// outputs of models that end in another operator what its loss reads. Whoever runs networks is behind the interface
// Network: nothing here runs one by itself.
package objective
