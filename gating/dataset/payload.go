package dataset

import "io"

// budget bounds what is kept in memory while a data set is read.
type budget struct {
	most, used int64
}

// take reserves memory for count numbers of the given size, or fails.
func (b *budget) take(count, size int) error {
	if int64(count) > (b.most-b.used)/int64(size) {
		return fail("use fewer samples, or allow more memory",
			"%d more values of %d bytes do not fit in the %d bytes allowed for data (%d used)", count, size, b.most,
			b.used)
	}
	b.used += int64(count) * int64(size)
	return nil
}

// giveBack returns memory that is no longer used.
func (b *budget) giveBack(count, size int) { b.used -= int64(count) * int64(size) }

// payload is a run of equal numbers in a stream.
type payload struct {
	io.Reader
	element
	count int
	// likely is how many bytes the stream probably has, judged by what is there and not by what it declares. Memory for
	// so many is taken at once; beyond them it grows as bytes arrive, so that a short stream that promises much costs
	// little.
	likely int64
}

func (p payload) readFloats() ([]float32, error) {
	return readNumbers(p, p.element.floats)
}

func (p payload) readInts() ([]int64, error) {
	return readNumbers(p, p.element.ints)
}

// readNumbers decodes the whole payload and makes sure that nothing follows it.
func readNumbers[T float32 | int64](p payload, decode func([]T, []byte) *badValue) ([]T, error) {
	const chunk = 1 << 17
	buf := make([]byte, min(p.count, chunk/p.size())*p.size())
	out := make([]T, 0, min(int64(p.count), max(chunk, p.likely/int64(p.size()))))
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

// rowMajor reorders column-major values (NumPy's Fortran order) of the given shape.
func rowMajor[T any](src []T, shape []int) []T {
	last := len(shape) - 1
	strides, stride := make([]int, len(shape)), 1
	for axis, n := range shape {
		strides[axis] = stride
		stride *= n
	}
	dst := make([]T, 0, len(src))
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
