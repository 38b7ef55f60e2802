package dataset

import (
	"fmt"

	"github.com/softmerge/softmerge/onnx"
)

// classArray is a label made by the reader itself: one class index a sample.
type classArray []int64

func (c classArray) header() (onnx.DataType, []int, error) { return onnx.Int64, []int{len(c)}, nil }

func (c classArray) floats(b *budget) ([]float32, error) {
	return floatsOf(c), b.take(len(c), 4)
}

func (c classArray) ints(b *budget) ([]int64, error) { return c, b.take(len(c), 8) }

// floatsOf rounds integers to float32.
func floatsOf(ints []int64) []float32 {
	out := make([]float32, len(ints))
	for i, v := range ints {
		out[i] = float32(v)
	}
	return out
}

// intsOf converts numbers that must be whole.
func intsOf(reals []float64) ([]int64, error) {
	out := make([]int64, len(reals))
	for i, v := range reals {
		whole, ok := wholeNumber(v)
		if !ok {
			return nil, &badValue{index: i, what: fmt.Sprintf("%v is not an integer of 64 bits", v)}
		}
		out[i] = whole
	}
	return out, nil
}
