package dataset

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/onnx"
)

var nan = math.NaN()

// badValues are arrays with a value that the graph cannot take.
var badValues = map[string]struct {
	array []byte
	want  onnx.DataType
	says  []string
}{
	"NaN": {npyOf("<f8", "(2, 3)", []float64{1, 2, 3, 4, nan, 6}), onnx.Float32,
		[]string{"row 1, column 1", "NaN"}},
	"infinity": {npyOf("<f4", "(2,)", []float32{1, float32(math.Inf(-1))}), onnx.Float32,
		[]string{"row 1:", "-Inf"}},
	"overflow of float32": {npyOf("<f8", "(2, 1)", []float64{1, 1e300}), onnx.Float32,
		[]string{"row 1, column 0", "not a finite float32"}},
	"NaN deep in a sample": {npyOf("<f8", "(1, 2, 2)", []float64{1, 2, nan, 4}), onnx.Float32,
		[]string{"row 0, element [1 0]"}},
	"NaN in column-major": {npyWith("{'descr': '<f8', 'fortran_order': True, 'shape': (2, 3), }",
		[]float64{1, 2, nan, 4, 5, 6}), onnx.Float32, []string{"row 0, column 1"}},
	"fraction column-major": {npyWith("{'descr': '<f8', 'fortran_order': True, 'shape': (2, 3), }",
		[]float64{1, 2, .5, 4, 5, 6}), onnx.Int64, []string{"row 0, column 1", "0.5 is not an integer"}},
	"fraction for an integer": {npyOf("<f8", "(2, 3)", []float64{1, 2, 3, 4, 5, 6.5}), onnx.Int64,
		[]string{"row 1, column 2", "6.5 is not an integer"}},
	"NaN for an integer": {npyOf("<f8", "(1,)", []float64{nan}), onnx.Int64, []string{"row 0",
		"NaN is not an integer"}},
	"float beyond int64": {npyOf("<f8", "(1,)", []float64{1 << 63}), onnx.Int64,
		[]string{"9.223372036854776e+18"}},
	"uint64 beyond int64": {npyOf("<u8", "(1,)", []uint64{1 << 63}), onnx.Int64,
		[]string{"9223372036854775808"}},
	"beyond int8": {npyOf("<i8", "(2,)", []int64{-128, 128}), onnx.Int8, []string{"row 1",
		"128 is no int8"}},
	"negative for uint8":  {npyOf("<i8", "(1,)", []int64{-1}), onnx.Uint8, []string{"-1 is no uint8"}},
	"negative for uint64": {npyOf("<i8", "(1,)", []int64{-1}), onnx.Uint64, []string{"-1 is no uint64"}},
	"two for bool":        {npyOf("|u1", "(1,)", []uint8{2}), onnx.Bool, []string{"2 is no bool"}},
	"text wanted":         {npyOf("|u1", "(1,)", []uint8{2}), onnx.String, []string{"wants string"}},
	"complex wanted":      {npyOf("|u1", "(1,)", []uint8{2}), onnx.Complex64, []string{"wants complex64"}},
}

func TestBadValuesAreNamed(t *testing.T) {
	for name, c := range badValues {
		t.Run(name, func(t *testing.T) {
			path := store(t, "x.npz", npzOf(t, entry{"pixels", c.array}))
			_, err := Open(path, Options{Inputs: []Field{{Name: "in", Type: c.want}}})
			wantRefusal(t, err, append(c.says, "x.npz", `input "in"`)...)
		})
	}
}

// TestLimitsAreKept: the outermost values of every integer type come through.
func TestLimitsAreKept(t *testing.T) {
	for typ, want := range map[onnx.DataType][]int64{
		onnx.Int8: {-128, 127}, onnx.Int16: {-32768, 32767}, onnx.Int32: {math.MinInt32, math.MaxInt32},
		onnx.Int64: {math.MinInt64, math.MaxInt64},
		onnx.Uint8: {0, 255}, onnx.Uint16: {0, 65535}, onnx.Uint32: {0, math.MaxUint32},
		onnx.Uint64: {0, math.MaxInt64}, onnx.Bool: {0, 1}, onnx.Int4: {-8, 7}, onnx.Uint4: {0, 15},
	} {
		d := mustOpen(t, store(t, "x.npy", npyOf("<i8", "(2,)", want)),
			Options{Inputs: []Field{{Name: "x", Type: typ}}})
		if c := d.Inputs[0]; c.Type != typ || !slices.Equal(c.Ints, want) {
			t.Errorf("%s: got %s %v, want %v", typ, c.Type, c.Ints, want)
		}
	}
}

func TestFloatTypesShareFloats(t *testing.T) {
	for _, typ := range []onnx.DataType{onnx.Float16, onnx.BFloat16, onnx.Float32, onnx.Float64} {
		d := mustOpen(t, store(t, "x.npy", npyOf("|u1", "(2, 1)", []uint8{0, 255})),
			Options{Inputs: []Field{{Name: "x", Type: typ}}})
		if c := d.Inputs[0]; c.Type != typ || !slices.Equal(c.Floats, []float32{0, 255}) {
			t.Errorf("%s: got %s %v", typ, c.Type, c.Floats)
		}
	}
}

func TestLabelShapes(t *testing.T) {
	x := entry{"x", npyOf("<f4", "(2, 1)", []float32{1, 2})}
	for _, c := range []struct {
		array []byte
		typ   onnx.DataType
		shape []int
	}{
		{npyOf("<i4", "(2,)", []int32{1, 2}), onnx.Int32, []int{}},
		{npyOf("<i4", "(2, 1)", []int32{1, 2}), onnx.Int32, []int{}},
		{npyOf("|b1", "(2, 1)", []uint8{0, 1}), onnx.Bool, []int{}},
		{npyOf("<i8", "(2, 3)", []int64{1, 2, 3, 4, 5, 6}), onnx.Int64, []int{3}},
		{npyOf("<f4", "(2,)", []float32{1, 2}), onnx.Float32, []int{}},
		{npyOf("<f8", "(2, 1)", []float64{1, 2}), onnx.Float64, []int{1}},
	} {
		d := mustOpen(t, store(t, "x.npz", npzOf(t, x, entry{"y", c.array})), Options{Inputs: fields([]string{"x"})})
		mustWell(t, d)
		if l := d.Label; l == nil || l.Name != "y" || l.Type != c.typ || !slices.Equal(l.Shape, c.shape) {
			t.Errorf("want %s %v, got %+v", c.typ, c.shape, l)
		}
	}
	_, err := Open(store(t,
		"x.npz", npzOf(t, x, entry{"y", npyOf("<f4", "(2,)", []float32{1, float32(math.NaN())})})), Options{})
	wantRefusal(t, err, `label "y"`, "row 1")
}

func TestLengthsMustAgree(t *testing.T) {
	x := entry{"x", npyOf("<f4", "(3,)", []float32{1, 2, 3})}
	_, err := Open(store(t, "x.npz", npzOf(t, x, entry{"y", npyOf("<i8", "(2,)", []int64{0, 1})})), Options{})
	wantRefusal(t, err, `"y" has 2 samples but "x" has 3`)
}

func TestOpenRefused(t *testing.T) {
	_, err := Open("testdata/none.npz", Options{})
	wantRefusal(t, err, "testdata/none.npz: no such file")
	_, err = Open("testdata/make.py", Options{})
	wantRefusal(t, err, "testdata/make.py", `".py"`)
	_, err = Open(store(t, "x.npy", npyOf("<f4", "(3,)", []float32{1, 2, 3})),
		Options{Inputs: fields([]string{"a", "b"})})
	wantRefusal(t, err, `input "a"`)
}

func TestCheckLabels(t *testing.T) {
	for _, c := range []struct {
		label *Column
		says  string
	}{
		{nil, "there is no label"},
		{&Column{Name: "y", Type: onnx.Float32, Floats: []float32{1}}, "holds float32"},
		{&Column{Name: "y", Type: onnx.Int64, Ints: []int64{0, 2, 3, 9}},
			`label "y", row 2: class 3 is outside of the graph's 3 classes`},
		{&Column{Name: "y", Type: onnx.Int64, Ints: []int64{0, -1}}, "row 1: class -1"},
		{&Column{Name: "y", Type: onnx.Int64, Shape: []int{2}, Ints: []int64{0, 1, 2, 7}}, "row 1: class 7"},
		{&Column{Name: "y", Type: onnx.Int64, Ints: []int64{0, 1, 2}}, ""},
	} {
		err := (&Data{Label: c.label}).CheckLabels(3)
		if c.says == "" && err != nil {
			t.Error(err)
		}
		if c.says != "" {
			wantRefusal(t, err, c.says)
		}
	}
}

// TestCheckLabelsNamesTheFile: the file is known as long as the data came from one, through Split and Head too.
func TestCheckLabelsNamesTheFile(t *testing.T) {
	path := store(t, "val.npz", npzOf(t, entry{"x", npyOf("<f4", "(4,)", make([]float32, 4))},
		entry{"y", npyOf("<i8", "(4,)", []int64{5, 5, 5, 5})}))
	d := mustOpen(t, path, Options{})
	train, held, err := d.Split(.5, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []*Data{d, train, held, d.Head(2)} {
		wantRefusal(t, part.CheckLabels(2), "val.npz: label", "row 0: class 5")
	}
}

func TestAsClasses(t *testing.T) {
	for name, c := range map[string]struct {
		label Column
		want  []int64 // nil where it must be refused
	}{
		"integers":     {Column{Ints: []int64{2, 0}, Type: onnx.Int32}, []int64{2, 0}},
		"whole floats": {Column{Floats: []float32{2, 0}, Type: onnx.Float64}, []int64{2, 0}},
		"a column":     {Column{Floats: []float32{2, 0}, Type: onnx.Float64, Shape: []int{1}}, []int64{2, 0}},
		"one-hot floats": {Column{Floats: []float32{0, 0, 1, 1, 0, 0}, Type: onnx.Float32, Shape: []int{3}},
			[]int64{2, 0}},
		"one-hot integers": {Column{Ints: []int64{0, 1, 0, 1, 0, 0}, Type: onnx.Uint8, Shape: []int{3}},
			[]int64{1, 0}},
		"dense integers": {Column{Ints: []int64{0, 2, 1, 2}, Type: onnx.Uint8, Shape: []int{2}},
			[]int64{0, 2, 1, 2}},
		"fractions":         {Column{Floats: []float32{2, 0.5}, Type: onnx.Float32}, nil},
		"probabilities":     {Column{Floats: []float32{.5, .5, 0, 1, 0, 0}, Type: onnx.Float32, Shape: []int{3}}, nil},
		"two ones in a row": {Column{Floats: []float32{1, 1, 0, 1, 0, 0}, Type: onnx.Float32, Shape: []int{3}}, nil},
		"out of range":      {Column{Floats: []float32{3, 0}, Type: onnx.Float32}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			before := fmt.Sprint(c.label)
			d, err := (&Data{Label: &c.label}).AsClasses(3)
			if c.want == nil {
				wantRefusal(t, err)
			} else if err != nil || !slices.Equal(d.Label.Ints, c.want) || d.Label.Floats != nil {
				t.Errorf("got %+v, %v; want %v", d.Label, err, c.want)
			}
			if fmt.Sprint(c.label) != before {
				t.Errorf("the original label changed: %v", c.label)
			}
		})
	}
}

// A number that looks something up must be in the table, counted from its end too, before anything is computed.
func TestBeyondTheVocabulary(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ids.jsonl")
	for line, want := range map[string]string{
		`{"ids": [0, 16], "label": 1}`:   "",
		`{"ids": [-17, 3], "label": 1}`:  "",
		`{"ids": [0, 17], "label": 1}`:   `input "ids": row 1, column 1: id 17 is beyond the 17 that the model has`,
		`{"ids": [-100, 3], "label": 1}`: `input "ids": row 1, column 0: id -100 is beyond the 17`,
	} {
		content := `{"ids": [1, 2], "label": 0}` + "\n" + line
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(path, Options{Inputs: []Field{{Name: "ids", Type: onnx.Int64, Shape: []int{-1, 2}, Below: 17}}})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", line, err, want)
		}
	}
}
