package dataset

import (
	"github.com/softmerge/softmerge/gating/dataset/spill"
	"github.com/softmerge/softmerge/onnx"
)

// array is one block of numbers in a file. Its header is known without its values having been read.
type array interface {
	// header returns the type and the shape, batch axis first.
	header() (onnx.DataType, []int, error)
	// floats and ints read all values, row-major. A value that cannot be had in the type is a *badValue whose index is
	// row-major as well.
	floats(*spill.Store) ([]float32, error)
	ints(*spill.Store) ([]int64, error)
}

// named is an array under the name that its file gives it.
type named struct {
	name string
	array
}

func names(arrays []named) []string {
	out := make([]string, len(arrays))
	for i, a := range arrays {
		out[i] = a.name
	}
	return out
}
