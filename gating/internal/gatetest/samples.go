package gatetest

import (
	"math/rand/v2"
	"testing"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/onnx"
)

// Random draws n numbers from the standard normal distribution.
func Random(seed uint64, n int) []float64 {
	r := rand.New(rand.NewPCG(seed, 5))
	out := make([]float64, n)
	for i := range out {
		out[i] = r.NormFloat64()
	}
	return out
}

// Size is how many elements a shape has.
func Size(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// Floats32 converts numbers.
func Floats32(v []float64) []float32 {
	out := make([]float32, len(v))
	for i := range v {
		out[i] = float32(v[i])
	}
	return out
}

// Samples is n random samples of a shape for input "x", without label.
func Samples(seed uint64, n int, shape ...int) *dataset.Data {
	values := Floats32(Random(seed, n*Size(shape)))
	return &dataset.Data{Inputs: []dataset.Column{{Name: "x", Type: onnx.Float32, Shape: shape, Floats: values}}}
}

// Labelled adds class labels, one a sample, that count up.
func Labelled(d *dataset.Data, classes int) *dataset.Data {
	label := &dataset.Column{Name: "label", Type: onnx.Int64, Ints: make([]int64, d.Len())}
	for i := range label.Ints {
		label.Ints[i] = int64(i % classes)
	}
	return &dataset.Data{Inputs: d.Inputs, Label: label}
}

// Sequences are samples [T,4] of several lengths T with a class of three for every
// position, as many of length i+1 as counts[i] says.
func Sequences(t testing.TB, counts ...int) *dataset.Data {
	t.Helper()
	var list []*dataset.Data
	for i, n := range counts {
		d := Samples(uint64(i+7), n, i+1, 4)
		label := &dataset.Column{Name: "label", Type: onnx.Int64, Shape: []int{i + 1}, Ints: make([]int64, n*(i+1))}
		for k := range label.Ints {
			label.Ints[k] = int64(k+i) % 3
		}
		list = append(list, &dataset.Data{Inputs: d.Inputs, Label: label})
	}
	return Must(dataset.Join(list...))(t)
}

// ChannelsFirst turns samples [T,4] into [4,T] of other numbers.
func ChannelsFirst(t testing.TB, d *dataset.Data) *dataset.Data {
	t.Helper()
	var list []*dataset.Data
	for _, p := range d.Parts() {
		in := p.Inputs[0]
		in.Shape = []int{in.Shape[1], in.Shape[0]}
		list = append(list, &dataset.Data{Inputs: []dataset.Column{in}, Label: p.Label})
	}
	return Must(dataset.Join(list...))(t)
}
