package dataset

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/gating/dataset/spill"
	"github.com/softmerge/softmerge/onnx"
)

// TestONNXData reads two sets that Python's onnx wrote (testdata/make.py).
func TestONNXData(t *testing.T) {
	image, ids := Field{Name: "image", Type: onnx.Float32, Shape: []int{1, 2, 2}},
		Field{Name: "ids", Type: onnx.Int64, Shape: []int{-1}}
	for _, c := range []struct {
		inputs []Field
		label  string
		want   []string
	}{
		{[]Field{image, ids}, "", []string{"image float32 [2 2] [0 1 2 3 4 5 6 7 10 11 12 13]",
			"ids int64 [] [0 1 5]", "scores float32 [3] [0 1 2 3 4 5 -1 0 1]"}},
		{[]Field{ids, image}, "best", []string{"ids int64 [] [0 1 5]",
			"image float32 [2 2] [0 1 2 3 4 5 6 7 10 11 12 13]", "best int32 [] [1 1 2]"}},
		{[]Field{{Name: "other"}}, "output_1", []string{"other float32 [2 2] [0 1 2 3 4 5 6 7 10 11 12 13]",
			"best int32 [] [1 1 2]"}},
		{[]Field{{Name: "a", Type: onnx.Int64}, {Name: "b", Type: onnx.Float32}},
			"output_1", []string{"a int64 [2 2] [0 1 2 3 4 5 6 7 10 11 12 13]", "b float32 [] [0 1 5]",
				"best int32 [] [1 1 2]"}},
		{nil, "", []string{"image float32 [2 2] [0 1 2 3 4 5 6 7 10 11 12 13]", "ids int64 [] [0 1 5]",
			"scores float32 [3] [0 1 2 3 4 5 -1 0 1]"}},
	} {
		d := mustOpen(t, "testdata/sets", Options{Inputs: c.inputs, Label: c.label})
		mustWell(t, d)
		var got []string
		for _, x := range append(slices.Clone(d.Inputs), *d.Label) {
			got = append(got, columnText(x))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("got  %q\nwant %q", got, c.want)
		}
	}
	if d := mustOpen(t, "testdata/sets/test_data_set_1", Options{}); d.Len() != 1 {
		t.Errorf("one set alone has %d samples", d.Len())
	}
}

// TestSetsOfSeveralLengths: sets whose sequences differ in length are one data set; those of one length follow
// one another.
func TestSetsOfSeveralLengths(t *testing.T) {
	files := map[string][]byte{}
	for n, shape := range [][]int{{1, 3}, {2, 2}, {1, 4}, {1, 2}, {1, 3}} {
		x, y := make([]float32, product(shape)), make([]int64, product(shape))
		for i := range x {
			x[i], y[i] = float32(10*n+i), int64(n)
		}
		files[fmt.Sprintf("test_data_set_%d/input_0.pb", n)] = tensorFile(t, shape, x)
		files[fmt.Sprintf("test_data_set_%d/output_0.pb", n)] = tensorFile(t, shape, y)
	}
	d := mustOpen(t, storeAll(t, files),
		Options{Inputs: []Field{{Name: "x", Type: onnx.Float32, Shape: []int{-1, -1}}}})
	var got []string
	for _, p := range d.Parts() {
		mustWell(t, p)
		got = append(got, columnText(p.Inputs[0]), columnText(*p.Label))
	}
	want := []string{
		"x float32 [2] [10 11 12 13 30 31]", "t int64 [2] [1 1 1 1 3 3]",
		"x float32 [3] [0 1 2 40 41 42]", "t int64 [3] [0 0 0 4 4 4]", "x float32 [4] [20 21 22 23]",
		"t int64 [4] [2 2 2 2]",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	wantRefusal(t, d.CheckLabels(4), "test_data_set_4: label", "row 0: class 4")
}

// tensorFile is a file that holds one tensor.
func tensorFile[T onnx.Element](t testing.TB, shape []int, values []T) []byte {
	t.Helper()
	p, err := onnx.NewTensor("t", shape, values)
	if err != nil {
		t.Fatal(err)
	}
	data, err := proto.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// The files of ONNX test data.
const (
	set0, set1 = "test_data_set_0/", "test_data_set_1/"
	in0, out0  = "input_0.pb", "output_0.pb"
)

// Sets that do not have the same files, or whose samples differ.
func TestONNXDataRefused(t *testing.T) {
	good := tensorFile(t, []int{2, 2}, []float32{1, 2, 3, 4})
	narrow, ints := tensorFile(t, []int{1, 3}, []float32{1, 2, 3}), tensorFile(t, []int{1, 2}, []int64{1, 2})
	two := []Field{{Name: "x", Shape: []int{-1, 2}}}
	type files = map[string][]byte
	for name, c := range map[string]struct {
		files files
		o     Options
		says  []string
	}{
		"no inputs": {files{set0 + out0: good}, Options{Inputs: fields([]string{"x"})},
			[]string{"0 input files for 1 inputs"}},
		"too few inputs": {files{set0 + in0: good}, Options{Inputs: fields([]string{"x", "z"})},
			[]string{"1 input files for 2 inputs"}},
		"a set without file": {files{set0 + in0: good, set1 + "input_1.pb": good}, Options{},
			[]string{"test_data_set_1/input_0.pb", "missing"}},
		"another shape": {files{set0 + in0: good, set1 + in0: narrow}, Options{Inputs: two},
			[]string{"test_data_set_1", "[1 3]", "[N 2]"}},
		"labels in one set": {files{set0 + in0: good, set0 + out0: good, set1 + in0: good}, Options{},
			[]string{"test_data_set_1/output_0.pb", "missing"}},
		"another type": {files{set0 + in0: good, set1 + in0: ints}, Options{}, []string{"int64", "float32"}},
		"no such label": {files{set0 + in0: good, set0 + out0: good}, Options{Label: "y"},
			[]string{`no label "y"`}},
		"too large": {files{set0 + in0: good}, Options{MaxBytes: 20, MaxDisk: -1}, []string{"20 bytes allowed"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Open(storeAll(t, c.files), c.o)
			wantRefusal(t, err, c.says...)
		})
	}
}

// Files that hold no tensor of samples.
func TestONNXTensorsRefused(t *testing.T) {
	good := tensorFile(t, []int{2, 2}, []float32{1, 2, 3, 4})
	x := fields([]string{"x"})
	for name, c := range map[string]struct {
		file   []byte
		inputs []Field
		says   []string
	}{
		"cut short":         {good[:len(good)-3], nil, []string{"not a readable tensor"}},
		"payload too small": {[]byte{0x08, 0x40, 0x10, 0x01, 0x4a, 0x04, 1, 2, 3, 4}, nil, []string{"tensor"}},
		"dims from nowhere": {[]byte{0x08, 0xff, 0xff, 0xff, 0xff, 0x7f, 0x10, 0x01}, nil, []string{"not a readable tensor"}},
		"negative dims": {[]byte{0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0x10, 0x01}, nil,
			[]string{"not a readable tensor"}},
		"text":       {tensorFile(t, []int{1}, []string{"cat"}), nil, []string{"holds string"}},
		"a scalar":   {tensorFile(t, nil, []float32{1}), nil, []string{"scalar"}},
		"no samples": {tensorFile(t, []int{0, 2}, []float32{}), x, []string{"empty"}},
		"fraction": {tensorFile(t, []int{2}, []float32{1, 2.5}), []Field{{Name: "x", Type: onnx.Int64}},
			[]string{"row 1", "2.5"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Open(storeAll(t, map[string][]byte{set0 + in0: c.file}), Options{Inputs: c.inputs})
			wantRefusal(t, err, c.says...)
		})
	}
	dir := storeAll(t, map[string][]byte{set0 + "x": nil})
	if err := os.Mkdir(filepath.Join(dir, set0+in0), 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := Open(dir, Options{})
	wantRefusal(t, err, "no regular file")
}

func FuzzTestTensor(f *testing.F) {
	f.Add(tensorFile(f, []int{2, 2}, []float32{1, 2, 3, 4}))
	f.Add(tensorFile(f, []int{2}, []bool{true, false}))
	f.Add([]byte{0x08, 0x40, 0x10, 0x0b, 0x4a, 0x04, 1, 2, 3, 4})
	f.Fuzz(func(t *testing.T, data []byte) {
		tensor, err := parseTestTensor(data)
		if err == nil {
			l := &loader{store: spill.New(1<<20, 0)}
			var d *Data
			if d, err = l.assemble([]named{{"x", testTensor{Tensor: tensor}}}); err == nil {
				mustWell(t, d)
			}
		}
		if err != nil {
			wantRefusal(t, err)
		}
	})
}
