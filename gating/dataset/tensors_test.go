package dataset

import (
	"encoding/binary"
	"math"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/onnx"
)

// Arrays of safetensors are found by key as those of .npz are, in every type; bfloat16 is the upper half of float32.
func TestSafetensors(t *testing.T) {
	const header = `{"input.1": {"dtype": "BF16", "shape": [2, 2], "data_offsets": [0, 8]},
		"y": {"dtype": "I32", "shape": [2], "data_offsets": [8, 16]}, "w": {"dtype": "F16", "shape": [2], "data_offsets": [16, 20]}}`
	content := append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...)
	for _, v := range []float32{1.5, -2, 0.25, 3} {
		content = binary.LittleEndian.AppendUint16(content, uint16(math.Float32bits(v)>>16))
	}
	for _, v := range []uint32{1, 0} {
		content = binary.LittleEndian.AppendUint32(content, v)
	}
	path := store(t, "x.safetensors", append(content, 0, 0, 0, 0x3c))
	d := mustOpen(t, path, Options{Inputs: []Field{{Name: "input.1", Type: onnx.Float32, Shape: []int{-1, 2}}}})
	mustWell(t, d)
	if !slices.Equal(d.Inputs[0].Floats, []float32{1.5, -2, 0.25, 3}) || !slices.Equal(d.Label.Ints, []int64{1, 0}) {
		t.Errorf("got %v, %v", d.Inputs[0].Floats, d.Label.Ints)
	}
	d = mustOpen(t, path, Options{Inputs: []Field{{Name: "w", Type: onnx.Float32, Shape: []int{-1}}}})
	if !slices.Equal(d.Inputs[0].Floats, []float32{0, 1}) {
		t.Errorf("got %v", d.Inputs[0].Floats)
	}
	_, err := Open(store(t, "x.safetensors", content[:40]), Options{})
	wantRefusal(t, err, "declares")
}
