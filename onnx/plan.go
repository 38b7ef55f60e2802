package onnx

import (
	"io"
	"slices"

	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// way is how new values of a tensor get into the file.
type way uint8

const (
	wayNone      way = iota // no elements
	wayOverwrite            // same place, same size
	wayRaw                  // the old payload goes, raw_data comes
	wayExternal             // the payload is in another file
)

// plan decides how new values of the tensor at element i are written. It is an
// error if they could not be: the type is not a float type or the payload
// there is broken.
func (s *source) plan(i int32) (way, error) {
	st := s.stored(i)
	t := describe(st.proto, st)
	if t.err != nil {
		return wayNone, t.wrap(t.err)
	}
	if !t.dtype.IsFloat() {
		return wayNone, t.wrongType("cannot take float values")
	}
	if err := st.check(&t); err != nil {
		return wayNone, t.wrap(err)
	}
	switch {
	case st.external():
		return wayExternal, nil
	case t.n == 0:
		return wayNone, nil
	case st.runs[0].field == fieldInt32Data:
		return wayRaw, nil
	default:
		return wayOverwrite, nil
	}
}

// stored returns the payload of the tensor at element i as the file has it.
func (s *source) stored(i int32) *stored {
	el := s.elements[i]
	return &stored{src: s, proto: s.messages[i].(*onnxpb.TensorProto), runs: s.payloads[el.payload]}
}

// encodeChunk is how many values are encoded at a time: enough to make writing
// cheap, little enough to stay in cache.
const encodeChunk = 4096

// writeValues writes the raw form of a source's values for tensor t.
func writeValues(w io.Writer, t *Tensor, src Source) error {
	values, err := sourced(src).values(t)
	if err != nil {
		return t.wrap(err)
	}
	buf := make([]byte, 0, encodeChunk*t.dtype.Size()/8)
	for len(values) > 0 {
		n := min(len(values), encodeChunk)
		if _, err := w.Write(appendValues(buf[:0], t.dtype, values[:n])); err != nil {
			return err
		}
		values = values[n:]
	}
	return nil
}

// overwrite returns the patches that put new values where the old ones are.
func (s *source) overwrite(i int32, src Source) []patch {
	st := s.stored(i)
	t := describe(st.proto, st)
	count, content := 0, 0
	st.records(s.file.data, func(start, _ int) { count, content = count+1, start })
	if count == 1 { // as in nearly every file
		return []patch{{start: content, end: content + t.size, element: i, size: int64(t.size),
			write: func(w io.Writer) error { return writeValues(w, &t, src) }}}
	}
	var patches []patch
	offset := 0
	for _, r := range st.runs {
		one, from := &stored{src: s, proto: st.proto, runs: []run{r}}, offset
		one.records(s.file.data, func(start, end int) { offset += end - start })
		patches = append(patches, patch{start: r.start, end: r.end, element: i, size: int64(r.end - r.start),
			write: func(w io.Writer) error { return one.refill(w, &t, src, from) }})
	}
	return patches
}

// refill writes the only run of s again with the content of its records
// replaced by the raw form of the new values from an offset on.
func (s *stored) refill(w io.Writer, t *Tensor, src Source, offset int) error {
	raw, err := sourced(src).raw(t)
	if err != nil {
		return t.wrap(err)
	}
	data, r := s.src.file.data, s.runs[0]
	out := slices.Clone(data[r.start:r.end])
	s.records(data, func(start, end int) {
		offset += copy(out[start-r.start:end-r.start], raw[offset:])
	})
	_, err = w.Write(out)
	return err
}
