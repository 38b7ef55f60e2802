package dataset

import (
	"fmt"

	"github.com/softmerge/softmerge/gating/dataset/spill"

	"github.com/softmerge/softmerge/onnx"
)

// classArray is a label made by the reader itself: one class index a sample.
type classArray []int64

func (c classArray) header() (onnx.DataType, []int, error) { return onnx.Int64, []int{len(c)}, nil }

func (c classArray) floats(b *spill.Store) ([]float32, error) {
	return floatsOf(c, b)
}

func (c classArray) ints(b *spill.Store) ([]int64, error) {
	return c, storeError(b.Take(8 * int64(len(c))))
}

// floatsOf rounds integers to float32.
func floatsOf(ints []int64, b *spill.Store) ([]float32, error) {
	out, err := spill.Array[float32](b, len(ints))
	if err != nil {
		return nil, storeError(err)
	}
	for i, v := range ints {
		out[i] = float32(v)
	}
	return out, nil
}

// intsOf converts numbers that must be whole.
func intsOf(reals []float64, b *spill.Store) ([]int64, error) {
	out, err := spill.Array[int64](b, len(reals))
	if err != nil {
		return nil, storeError(err)
	}
	for i, v := range reals {
		whole, ok := wholeNumber(v)
		if !ok {
			return nil, &badValue{index: i, what: fmt.Sprintf("%v is not an integer of 64 bits", v)}
		}
		out[i] = whole
	}
	return out, nil
}
