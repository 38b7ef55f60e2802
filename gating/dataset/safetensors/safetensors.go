// Package safetensors reads the headers of safetensors files: eight bytes of length, a JSON object of names with type,
// shape and place, the values.
package safetensors

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"math"
	"slices"

	"github.com/softmerge/softmerge/onnx/advice"
)

// ErrFile is the kind of every error of this package. Each has a hint.
var ErrFile = errors.New("bad safetensors file")

func fail(text string, args ...any) error {
	return advice.Errorf(ErrFile, "write the file again with safetensors.numpy.save_file", text, args...)
}

// Tensor is one array of a file: its values are row-major and little endian, in bytes From to To of the file.
type Tensor struct {
	Name     string
	Type     string // F64, F32, F16, BF16, I64, I32, I16, I8, U64, U32, U16, U8 or BOOL
	Shape    []int
	From, To int64
}

// sizes are the bytes of one value.
var sizes = map[string]int64{"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1,
	"U64": 8, "U32": 4, "U16": 2, "U8": 1, "BOOL": 1}

const (
	// mostHeader is the format's own bound.
	mostHeader = 100 << 20
	mostAxes   = 64
)

// Read lists the arrays of a file of so many bytes, by name. Their places are in the file and do not overlap.
func Read(f io.ReaderAt, size int64) ([]Tensor, error) {
	var head [8]byte
	if _, err := f.ReadAt(head[:], 0); err != nil {
		return nil, fail("this is no safetensors file: %w", err)
	}
	n := binary.LittleEndian.Uint64(head[:])
	if n > mostHeader || int64(n) > size-8 {
		return nil, fail("the header declares %d bytes, the file has %d", n, size)
	}
	text := make([]byte, n)
	if _, err := f.ReadAt(text, 8); err != nil {
		return nil, fail("the header cannot be read: %w", err)
	}
	var entries map[string]json.RawMessage
	if err := json.Unmarshal(text, &entries); err != nil {
		return nil, fail("the header is damaged: %v", err)
	}
	delete(entries, "__metadata__")
	var list []Tensor
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		t, err := tensor(name, entries[name], 8+int64(n), size)
		if err != nil {
			return nil, err
		}
		list = append(list, t)
	}
	return list, apart(list)
}

// tensor reads one entry, whose places count from base.
func tensor(name string, raw json.RawMessage, base, size int64) (Tensor, error) {
	var e struct {
		Type    string   `json:"dtype"`
		Shape   []int    `json:"shape"`
		Offsets [2]int64 `json:"data_offsets"`
	}
	if err := json.Unmarshal(raw, &e); err != nil {
		return Tensor{}, fail("the entry %.80q is damaged: %v", name, err)
	}
	want, ok := sizes[e.Type]
	if !ok {
		return Tensor{}, fail("%.80q is of type %.20q", name, e.Type)
	}
	if len(e.Shape) > mostAxes {
		return Tensor{}, fail("%.80q has %d axes", name, len(e.Shape))
	}
	for _, n := range e.Shape {
		if n < 0 || n > 0 && want > math.MaxInt64/16/int64(n) {
			return Tensor{}, fail("%.80q has the shape %v", name, e.Shape)
		}
		want *= int64(n)
	}
	from, to := e.Offsets[0], e.Offsets[1]
	if from < 0 || to < from || to > size-base || to-from != want {
		return Tensor{}, fail("%.80q of %s%v needs %d bytes, but has %d to %d of %d", name, e.Type, e.Shape, want,
			from, to,
			size-base)
	}
	return Tensor{name, e.Type, e.Shape, base + from, base + to}, nil
}

// apart makes sure that no byte belongs to two arrays.
func apart(list []Tensor) error {
	byPlace := slices.Clone(list)
	slices.SortFunc(byPlace, func(a, b Tensor) int {
		if a.From != b.From {
			return int(max(-1, min(1, a.From-b.From)))
		}
		return int(max(-1, min(1, a.To-b.To)))
	})
	for i := 1; i < len(byPlace); i++ {
		if byPlace[i].From < byPlace[i-1].To {
			return fail("%.80q and %.80q lie over one another", byPlace[i-1].Name, byPlace[i].Name)
		}
	}
	return nil
}
