package dataset

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating/dataset/spill"
	"github.com/softmerge/softmerge/onnx"
)

// tables are tables as they are found, and what is read from them.
var tables = map[string]struct {
	text   string
	fields []Field
	label  string
	want   []string // input columns as name, shape, values; then the label
}{
	"all columns in order": {"a,b,label\n1,2,0\n3,4.5,1\n",
		[]Field{{Name: "in", Type: onnx.Float32, Shape: []int{-1, 2}}}, "",
		[]string{"in float32 [2] [1 2 3 4.5]", "label int64 [] [0 1]"}},
	"numbered x among others": {"id,x1,x0,y\n7,2,1,0\n8,4,3,1\n",
		[]Field{{Name: "in", Type: onnx.Float32, Shape: []int{-1, 2}}}, "",
		[]string{"in float32 [2] [1 2 3 4]", "y int64 [] [0 1]"}},
	"by the input's name": {"skip,in_1,in_2,y\n7,1,2,0.5\n8,3,4,1\n", []Field{{Name: "in", Type: onnx.Float32}}, "",
		[]string{"in float32 [2] [1 2 3 4]", "y float64 [1] [0.5 1]"}},
	"numbers sort as numbers": {"p10,p9,p8,p7,p6,p5,p4,p3,p2,p1,p0\n10,9,8,7,6,5,4,3,2,1,0\n",
		[]Field{{Name: "p", Type: onnx.Int64}}, "",
		[]string{"p int64 [11] [0 1 2 3 4 5 6 7 8 9 10]"}},
	"two inputs": {"age,word[0],word[1],target\n.5,1,2,9\n.25,3,4,8\n",
		[]Field{{Name: "word", Type: onnx.Int64, Shape: []int{-1, 2}}, {Name: "age", Type: onnx.Float32,
			Shape: []int{-1}}}, "",
		[]string{"word int64 [2] [1 2 3 4]", "age float32 [] [0.5 0.25]", "target int64 [] [9 8]"}},
	"an input that ends in a digit": {"a,a1\n1,2\n", []Field{{Name: "a", Type: onnx.Float32},
		{Name: "a1", Type: onnx.Float32}}, "",
		[]string{"a float32 [1] [1]", "a1 float32 [1] [2]"}},
	"pixels of an image": {"label,x0,x1,x2,x3\n5,1,2,3,4\n",
		[]Field{{Name: "in", Type: onnx.Float32, Shape: []int{-1, 1, 2, 2}}}, "",
		[]string{"in float32 [1 2 2] [1 2 3 4]", "label int64 [] [5]"}},
	"label asked for": {"a,label,b\n1,2,3\n", []Field{{Name: "in", Type: onnx.Float32}}, "b",
		[]string{"in float32 [2] [1 2]", "b int64 [] [3]"}},
	"no graph": {"a,b\n1,2\n", nil, "", []string{"x int64 [2] [1 2]"}},
	"mark, spaces, blanks, CR LF": {"\ufeffa, y\r\n 1 ,\t2\r\n\r\n3,4\r\n", nil, "", []string{"x int64 [1] [1 3]",
		"y int64 [] [2 4]"}},
	"semicolons and decimal commas": {"a;b;y\n1,5;2;0\n-,25;3;1\n", nil, "", []string{"x float64 [2] [1.5 2 -0.25 3]",
		"y int64 [] [0 1]"}},
	"tabs in a file of commas": {"a\ty\n1\t2\n", nil, "", []string{"x int64 [1] [1]", "y int64 [] [2]"}},
	"a comma in a quoted name": {"\"a;b\";y\n1;2\n", nil, "", []string{"x int64 [1] [1]", "y int64 [] [2]"}},
	"the index of pandas":      {",a,y\n0,1,2\n1,3,4\n", nil, "", []string{"x int64 [1] [1 3]", "y int64 [] [2 4]"}},
	"true and false":           {"a,y\nTrue,1\nFalse,2\n", nil, "", []string{"x int64 [1] [1 0]", "y int64 [] [1 2]"}},
	"columns not used": {"id,in,note,y\n,1,\"a, b\",2\nx,3,,4\n", []Field{{Name: "in", Type: onnx.Float32}}, "",
		[]string{"in float32 [1] [1 3]", "y int64 [] [2 4]"}},
	"names of classes":        {"a,y\n1,dog\n2,cat\n3,dog\n", nil, "", []string{"x int64 [1] [1 2 3]", "y int64 [] [1 0 1]"}},
	"a number and then names": {"a,y\n1,7\n2,cat\n3,7\n", nil, "", []string{"x int64 [1] [1 2 3]", "y int64 [] [0 1 0]"}},
	"sets of classes":         {"a,y\n1,3;7\n2,\n3,[7]\n", nil, "", []string{"x int64 [1] [1 2 3]", "y int64 [2] [3 7 -1 -1 7 -1]"}},
	"quotes": {"\"a\",\"y\"\n\"1\",\"2\"\n", nil, "", []string{"x int64 [1] [1]",
		"y int64 [] [2]"}},
}

func TestCSV(t *testing.T) {
	for name, c := range tables {
		t.Run(name, func(t *testing.T) {
			d := mustOpen(t, store(t, "x.csv", []byte(c.text)), Options{Inputs: c.fields, Label: c.label})
			mustWell(t, d)
			var got []string
			for _, x := range d.Inputs {
				got = append(got, columnText(x))
			}
			if d.Label != nil {
				got = append(got, columnText(*d.Label))
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
	d := mustOpen(t, store(t, "x.tsv", []byte("a\ty\n1\t2\n")), Options{})
	if d.Label == nil || d.Label.Ints[0] != 2 {
		t.Errorf("tabs: %+v", d)
	}
}

func columnText(c Column) string {
	if c.Floats != nil {
		return fmt.Sprint(c.Name, " ", c.Type, " ", c.Shape, " ", c.Floats)
	}
	return fmt.Sprint(c.Name, " ", c.Type, " ", c.Shape, " ", c.Ints)
}

// badTables are tables that cannot be read, and what must be said of each.
var badTables = map[string]struct {
	text string
	o    Options
	says []string
}{
	"empty":          {"", Options{}, []string{"empty"}},
	"only names":     {"a,b\n", Options{}, []string{"empty"}},
	"text in a cell": {"a,b\n1,2\n\n3,cat\n", Options{}, []string{`line 4, column 3 ("b"): "cat"`}},
	"a gap":          {"a,b\n1,\n", Options{}, []string{`line 2, column 3 ("b"): ""`, "there is no value"}},
	"NaN":            {"a,b\n1,nan\n", Options{}, []string{`line 2`, `"nan"`, "there is no value"}},
	"infinity":       {"a,b\n1,1e999\n", Options{}, []string{`line 2`, `"1e999"`}},
	"too large for float32": {"a,b\n1,1e99\n", Options{Inputs: []Field{{Name: "in", Type: onnx.Float32}}},
		[]string{`row 0, column 1`}},
	"a short row":   {"a,b\n1,2\n3\n", Options{}, []string{"line 3", "wrong number of fields"}},
	"an open quote": {"a,b\n\"1,2\n3,4\n", Options{}, []string{"line 3"}},
	"a name twice":  {"a,a\n1,2\n", Options{}, []string{`named "a"`}},
	"no name":       {"a,,b\n0,1,2\n", Options{}, []string{"column 2 has no name"}},
	"UTF-16":        {"\xff\xfea\x00,\x00b\x00\n\x001\x00,\x002\x00\n\x00", Options{}, []string{"UTF-16", "UTF-8"}},
	"Latin-1":       {"a,y\nM\xfcll,1\n", Options{Label: "a"}, []string{"line 2", "not UTF-8"}},
	"a gap after a number of a column not used": {"id,a,y\n,1,2\n7,,3\n",
		Options{Inputs: []Field{{Name: "a", Type: onnx.Float32}}}, []string{"line 3"}},
	"a label that is missing": {"a,y\n1,cat\n2,\n", Options{}, []string{"line 3", "there is no label"}},
	"text after numbers":      {"a,y\n1,2\n2,2\n3,x\n", Options{Label: "a"}, []string{`line 4, column 3 ("y"): "x"`}},
	"no names":                {"1,2\n3,4\n", Options{}, []string{"only numbers"}},
	"no such label": {"a,lable\n1,2\n", Options{Label: "label"},
		[]string{`no label "label"`, `did you mean "lable"`}},
	"missing input": {"a,y\n1,2\n", Options{Inputs: fields([]string{"a", "bb"})}, []string{`input "bb"`,
		"bb0, bb1"}},
	"only a label": {"y\n1\n", Options{Inputs: []Field{{Name: "in", Type: onnx.Float32}}}, []string{`input "in"`}},
	"a missing number": {"in0,in1,in3\n1,2,3\n", Options{Inputs: []Field{{Name: "in", Type: onnx.Float32}}},
		[]string{`"in3" stands at place 2`}},
	"numbers from two": {"in2,in3\n1,2\n", Options{Inputs: []Field{{Name: "in", Type: onnx.Float32}}},
		[]string{"do not count up"}},
	"a number twice": {"in0,in_0\n1,2\n", Options{Inputs: []Field{{Name: "in", Type: onnx.Float32}}},
		[]string{"do not count up"}},
	"fractions for ints": {"in0,in1\n1,2\n3,4.5\n", Options{Inputs: []Field{{Name: "in", Type: onnx.Int64}}},
		[]string{`line 3, column "in1": 4.5`}},
	"beyond float64": {"in0\n9007199254740993\n9007199254740995\n",
		Options{Inputs: []Field{{Name: "in", Type: onnx.Int64}}}, []string{`line 3`}},
	"wrong width": {"a,b,c,y\n1,2,3,0\n", Options{Inputs: []Field{{Name: "in", Shape: []int{-1, 2}}}},
		[]string{"[1 3] does not fit the graph's [N 2]"}},
	"too much": {"a\n1\n2\n3\n", Options{MaxBytes: 40, MaxDisk: -1}, []string{"40 bytes allowed"}},
}

func TestCSVRefused(t *testing.T) {
	for name, c := range badTables {
		t.Run(name, func(t *testing.T) {
			_, err := Open(store(t, "x.csv", []byte(c.text)), c.o)
			wantRefusal(t, err, append(c.says, "x.csv")...)
		})
	}
}

func FuzzCSV(f *testing.F) {
	f.Add("x0,x1,label\n1,2,0\n3,4.5,1\n")
	f.Add("\ufeffa,\"b\"\r\n1e5, -2\r\n")
	f.Add("a_1,a[2],b.0\n0x1p-2,1_0,Inf\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, inputs := range [][]Field{nil, {{Name: "a", Type: onnx.Float32}}, {{Name: "a", Type: onnx.Int32},
			{Name: "b", Type: onnx.Float32}}} {
			l := &loader{Options: Options{Inputs: inputs}, store: spill.New(1<<20, 0)}
			d, err := l.openCSV(func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }, ',')
			if err != nil {
				wantRefusal(t, err)
				continue
			}
			mustWell(t, d)
		}
	})
}
