package safetensors_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating/dataset/safetensors"
	"github.com/softmerge/softmerge/onnx/advice"
)

func file(header string, values int) []byte {
	return append(append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...),
		make([]byte, values)...)
}

func read(content []byte) ([]safetensors.Tensor, error) {
	return safetensors.Read(bytes.NewReader(content), int64(len(content)))
}

func TestRead(t *testing.T) {
	const header = `{"__metadata__": {"a": "b"}, "y": {"dtype": "I64", "shape": [2], "data_offsets": [24, 40]},
		"x": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}} `
	list, err := read(file(header, 40))
	n := 8 + len(header)
	want := fmt.Sprintf("[{x F32 [2 3] %d %d} {y I64 [2] %d %d}]", n, n+24, n+24, n+40)
	if err != nil || fmt.Sprint(list) != want {
		t.Errorf("got %v, %v, want %s", list, err, want)
	}
}

func TestRefused(t *testing.T) {
	entry := func(text string) []byte { return file(`{"x": `+text+`}`, 8) }
	for says, content := range map[string][]byte{
		"no safetensors":                  nil,
		"declares":                        binary.LittleEndian.AppendUint64(nil, 1<<60),
		"header is":                       file(`{"x`, 8),
		"entry":                           entry(`3`),
		`type "F4"`:                       entry(`{"dtype": "F4", "shape": [1], "data_offsets": [0, 4]}`),
		"needs 4 bytes":                   entry(`{"dtype": "F32", "shape": [1], "data_offsets": [0, 8]}`),
		"needs 400 bytes":                 entry(`{"dtype": "F32", "shape": [100], "data_offsets": [0, 400]}`),
		"shape [-1]":                      entry(`{"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}`),
		"shape [4294967296 4294967296 4]": entry(`{"dtype": "F32", "shape": [4294967296, 4294967296, 4], "data_offsets": [0, 0]}`),
		"has -4 to 0":                     entry(`{"dtype": "F32", "shape": [1], "data_offsets": [-4, 0]}`),
		"over one another":                entry(`{"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}, "y": {"dtype": "F32", "shape": [1], "data_offsets": [2, 6]}`),
		"axes": entry(`{"dtype": "F32", "shape": [1` + strings.Repeat(",1",
			70) + `], "data_offsets": [0, 4]}`),
	} {
		_, err := read(content)
		if !errors.Is(err, safetensors.ErrFile) || advice.Hint(err) == "" || !strings.Contains(err.Error(), says) {
			t.Errorf("want %q: %v", says, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(file(`{"x": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}`, 8))
	f.Fuzz(func(t *testing.T, content []byte) {
		list, err := read(content)
		if err != nil && !errors.Is(err, safetensors.ErrFile) {
			t.Error(err)
		}
		for _, x := range list {
			if x.From < 8 || x.To < x.From || x.To > int64(len(content)) {
				t.Errorf("%v of %d bytes", x, len(content))
			}
		}
	})
}
