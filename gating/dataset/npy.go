package dataset

import (
	"errors"
	"io"
	"math"
	"os"

	"github.com/softmerge/softmerge/gating/dataset/spill"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/untrusted"
)

// npyArray is one array in NumPy's format.
type npyArray struct {
	open   func() (io.ReadCloser, error)
	size   int64 // bytes of header and values together, as far as declared
	likely int64 // bytes that are probably there, judged by the bytes at hand
}

// npyFile is the single array of a .npy file. It keeps no file open.
func npyFile(path string, size int64) npyArray {
	open := func() (io.ReadCloser, error) {
		f, _, err := untrusted.Open(path)
		return f, err
	}
	return npyArray{open: open, size: size, likely: size}
}

// begin opens the array and reads its header, which must ask for exactly the bytes there are.
func (a npyArray) begin() (io.ReadCloser, npyHeader, error) {
	r, err := a.open()
	if err != nil {
		return nil, npyHeader{}, unreadable(err)
	}
	h, err := readNPYHeader(r)
	if err == nil {
		err = h.refusal
	}
	if err == nil {
		err = checkLength(h, a.size)
	}
	if err != nil {
		r.Close()
		return nil, npyHeader{}, err
	}
	return r, h, nil
}

func checkLength(h npyHeader, size int64) error {
	want := int64(math.MaxInt64)
	if bytes := int64(h.count) * int64(h.element.size()); bytes <= want-h.length {
		want = h.length + bytes
	}
	switch {
	case size < want:
		return fail("write or download the file again",
			"the array is truncated: shape %v of %s needs %d bytes, there are %d", h.shape,
			elementTypes[h.element.code], want, size)
	case size > want:
		return fail("save one array a file with numpy.save, or several with numpy.savez",
			"shape %v of %s needs %d bytes, but there are %d", h.shape, elementTypes[h.element.code], want, size)
	}
	return nil
}

func (a npyArray) header() (onnx.DataType, []int, error) {
	r, h, err := a.begin()
	if err != nil {
		return 0, nil, err
	}
	// Nothing was read that closing could invalidate.
	r.Close()
	return elementTypes[h.element.code], h.shape, nil
}

func (a npyArray) floats(b *spill.Store) ([]float32, error) {
	return readNPY(a, b, payload.readFloats)
}

func (a npyArray) ints(b *spill.Store) ([]int64, error) {
	return readNPY(a, b, payload.readInts)
}

// readNPY reads all values in row-major order.
func readNPY[T spill.Number](a npyArray, b *spill.Store, read func(payload, *spill.Store) ([]T, error)) ([]T, error) {
	r, h, err := a.begin()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	p := payload{Reader: r, element: h.element, count: h.count, likely: a.likely}
	if f, plain := r.(*os.File); plain {
		p.file, p.offset = f, h.length
	}
	values, err := read(p, b)
	transpose := h.columnMajor && len(h.shape) > 1
	if bad := (*badValue)(nil); transpose && errors.As(err, &bad) {
		bad.index = rowMajorIndex(place(bad.index, h.shape, true), h.shape)
	}
	if err != nil || !transpose || h.count == 0 {
		return values, err
	}
	defer spill.Free(b, values)
	out, err := spill.Array[T](b, h.count)
	if err != nil {
		return nil, storeError(err)
	}
	return rowMajor(out[:0], values, h.shape), nil
}

// rowMajorIndex turns one index per axis into an index into row-major values.
func rowMajorIndex(at, shape []int) int {
	index := 0
	for axis, i := range at {
		index = index*shape[axis] + i
	}
	return index
}
