package dataset

import (
	"io"
	"os"

	"github.com/softmerge/softmerge/gating/dataset/spill"
)

// payload is a run of equal numbers in a stream.
type payload struct {
	io.Reader
	element
	count int
	// likely is how many bytes the stream probably has, judged by what is there and not by what it declares. Memory for
	// so many is taken at once; beyond them it grows as bytes arrive, so that a short stream that promises much costs
	// little.
	likely int64
	// file is where the numbers begin at offset, if they are there as they are; nil where they are packed.
	file   *os.File
	offset int64
}

func (p payload) readFloats(b *spill.Store) ([]float32, error) {
	return readNumbers(p, b, f4, p.element.floats)
}

func (p payload) readInts(b *spill.Store) ([]int64, error) {
	return readNumbers(p, b, i8, p.element.ints)
}

// readNumbers decodes the whole payload and makes sure that nothing follows it. What does not fit in memory and lies
// in the file as it is wanted is not read at all, but mapped.
func readNumbers[T float32 | int64](p payload, b *spill.Store, as elementCode, decode func([]T, []byte) *badValue) ([]T,
	error) {
	if p.file != nil && p.code == as && !p.big && !b.Fits(p.count, p.size()) {
		if out, ok := spill.Map[T](b, p.file, p.offset, p.count); ok {
			return out, nil
		}
	}
	const chunk = 1 << 17
	out, err := spill.Begin[T](b, p.count, int(min(int64(p.count), max(chunk, p.likely/int64(p.size())))))
	if err != nil {
		return nil, storeError(err)
	}
	buf := make([]byte, min(p.count, chunk/p.size())*p.size())
	for done := 0; done < p.count; {
		n := min(p.count-done, len(buf)/p.size())
		if _, err := io.ReadFull(p, buf[:n*p.size()]); err != nil {
			return nil, cutShort(err)
		}
		out = extend(out, n, p.count)
		if bad := decode(out[done:], buf); bad != nil {
			bad.index += done
			return nil, bad
		}
		done += n
	}
	spill.Finish(b, out)
	return out, p.atEnd()
}

// atEnd reads on to the end of the stream, which also makes archives compare their checksum.
func (p payload) atEnd() error {
	var one [1]byte
	switch _, err := io.ReadFull(p, one[:]); err {
	case io.EOF:
		return nil
	case nil:
		return fail("write the file again", "there are more bytes than the shape needs")
	default:
		return cutShort(err)
	}
}

// extend makes s longer by n, doubling its memory when needed but never past most.
func extend[T any](s []T, n, most int) []T {
	if len(s)+n > cap(s) {
		grown := make([]T, len(s), min(most, max(2*cap(s), len(s)+n)))
		copy(grown, s)
		s = grown
	}
	return s[:len(s)+n]
}

// rowMajor reorders column-major values (NumPy's Fortran order) of the given shape into dst, which is empty.
func rowMajor[T any](dst, src []T, shape []int) []T {
	last := len(shape) - 1
	strides, stride := make([]int, len(shape)), 1
	for axis, n := range shape {
		strides[axis] = stride
		stride *= n
	}
	at := make([]int, last)
	for from := 0; len(dst) < len(src); {
		for j := range shape[last] {
			dst = append(dst, src[from+j*strides[last]])
		}
		for axis := last - 1; axis >= 0; axis-- {
			at[axis]++
			from += strides[axis]
			if at[axis] < shape[axis] {
				break
			}
			from -= at[axis] * strides[axis]
			at[axis] = 0
		}
	}
	return dst
}

// place turns an index into the values of an array into one index per axis.
func place(index int, shape []int, columnMajor bool) []int {
	at := make([]int, len(shape))
	for i := range shape {
		axis := len(shape) - 1 - i
		if columnMajor {
			axis = i
		}
		at[axis] = index % shape[axis]
		index /= shape[axis]
	}
	return at
}
