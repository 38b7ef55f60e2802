package dataset

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating/dataset/spill"
	"github.com/softmerge/softmerge/onnx"
)

// The graph of a tagger with two inputs, and one with a second sequence.
var (
	tokens = Field{Name: "ids", Type: onnx.Int64, Shape: []int{-1, -1}}
	mask   = Field{Name: "mask", Type: onnx.Float32, Shape: []int{-1, -1}}
	width  = Field{Name: "width", Type: onnx.Float32, Shape: []int{-1, 4}}
)

// padded are three samples of up to four positions.
func padded(extra ...entry) []entry {
	return append([]entry{
		{"ids", npyOf("<i4", "(3, 4)", []int32{1, 2, 0, 0, 3, 4, 5, 6, 7, 8, 0, 0})},
		{"mask", npyOf("<f4", "(3, 4)", []float32{1, 1, 0, 0, 1, 1, 1, 1, 1, 1, 0, 0})},
	}, extra...)
}

var (
	tags    = entry{"label", npyOf("<i8", "(3, 4)", []int64{1, 2, -1, -1, 3, 4, 5, 6, 7, 8, -1, -1})}
	classes = entry{"label", npyOf("<i8", "(3,)", []int64{0, 1, 2})}
	all     = entry{"lengths", npyOf("<i4", "(3,)", []int32{2, 4, 2})}
	graph   = Options{Inputs: []Field{tokens, mask}}
)

// partTexts writes all columns, part after part.
func partTexts(t *testing.T, d *Data) (list []string) {
	t.Helper()
	for _, p := range d.Parts() {
		mustWell(t, p)
		text := []string{}
		for _, c := range p.columns() {
			text = append(text, columnText(c))
		}
		list = append(list, strings.Join(text, "; "))
	}
	return list
}

// cutCases are arrays with lengths, and the parts that they are cut into.
var cutCases = map[string]struct {
	file []entry
	o    Options
	want []string
}{
	"for all": {padded(tags, all), graph, []string{
		"ids int64 [2] [1 2 7 8]; mask float32 [2] [1 1 1 1]; label int64 [2] [1 2 7 8]",
		"ids int64 [4] [3 4 5 6]; mask float32 [4] [1 1 1 1]; label int64 [4] [3 4 5 6]"}},
	"labels of samples stay": {padded(classes, all), graph, []string{
		"ids int64 [2] [1 2 7 8]; mask float32 [2] [1 1 1 1]; label int64 [] [0 2]",
		"ids int64 [4] [3 4 5 6]; mask float32 [4] [1 1 1 1]; label int64 [] [1]"}},
	"a column of lengths": {padded(classes, entry{"lengths", npyOf("|u1", "(3, 1)", []uint8{4, 4, 3})}), graph,
		[]string{
			"ids int64 [4] [1 2 0 0 3 4 5 6]; mask float32 [4] [1 1 0 0 1 1 1 1]; label int64 [] [0 1]",
			"ids int64 [3] [7 8 0]; mask float32 [3] [1 1 0]; label int64 [] [2]"}},
	"nothing to cut": {padded(tags, entry{"lengths", npyOf("<i8", "(3,)", []int64{4, 4, 4})}), graph, []string{
		"ids int64 [4] [1 2 0 0 3 4 5 6 7 8 0 0]; mask float32 [4] [1 1 0 0 1 1 1 1 1 1 0 0]; " +
			"label int64 [4] [1 2 -1 -1 3 4 5 6 7 8 -1 -1]"}},
	"all alike": {padded(classes, entry{"lengths", npyOf("<i8", "(3,)", []int64{1, 1, 1})}), graph, []string{
		"ids int64 [1] [1 3 7]; mask float32 [1] [1 1 1]; label int64 [] [0 1 2]"}},
	"one by one": {padded(tags, all, entry{"mask.lengths", npyOf("<i4", "(3,)", []int32{1, 2, 3})},
		entry{"label.lengths", npyOf("<i4", "(3,)", []int32{1, 1, 1})}), graph, []string{
		"ids int64 [2] [1 2]; mask float32 [1] [1]; label int64 [1] [1]",
		"ids int64 [4] [3 4 5 6]; mask float32 [2] [1 1]; label int64 [1] [3]",
		"ids int64 [2] [7 8]; mask float32 [3] [1 1 0]; label int64 [1] [7]"}},
	"a fixed input beside": {padded(classes, all, entry{"width", npyOf("<f4", "(3, 4)", make([]float32, 12))}),
		Options{Inputs: []Field{width, tokens}}, []string{
			"width float32 [4] [0 0 0 0 0 0 0 0]; ids int64 [2] [1 2 7 8]; label int64 [] [0 2]",
			"width float32 [4] [0 0 0 0]; ids int64 [4] [3 4 5 6]; label int64 [] [1]"}},
	"features behind the sequence": {[]entry{{"x", npyOf("<f4", "(2, 2, 2)", []float32{1, 2, 0, 0, 3, 4, 5, 6})},
		{"x.lengths", npyOf("<i4", "(2,)", []int32{1, 2})}},
		Options{Inputs: []Field{{Name: "input", Shape: []int{-1, -1, 2}}}}, []string{"input float32 [1 2] [1 2]",
			"input float32 [2 2] [3 4 5 6]"}},
	"sequence behind the features": {[]entry{{"x", npyOf("<f4", "(2, 2, 2)", []float32{1, 0, 2, 0, 3, 5, 4, 6})},
		{"input.lengths", npyOf("<i4", "(2,)", []int32{1, 2})}},
		Options{Inputs: []Field{{Name: "input", Shape: []int{-1, 2, -1}}}}, []string{"input float32 [2 1] [1 2]",
			"input float32 [2 2] [3 5 4 6]"}},
	"rank unknown": {[]entry{{"x", npyOf("<f4", "(2, 2)", []float32{1, 0, 3, 4})}, {"lengths", npyOf("<i4",
		"(2,)", []int32{1, 2})}},
		Options{Inputs: fields([]string{"x"})}, []string{"x float32 [1] [1]", "x float32 [2] [3 4]"}},
	"without a graph they are an input": {[]entry{{"x", npyOf("<f4", "(2,)", []float32{1, 0})},
		{"lengths", npyOf("<i4", "(2,)", []int32{1, 2})}},
		Options{}, []string{"x float32 [] [1 0]; lengths int32 [] [1 2]"}},
	"the graph's own input": {padded(classes, entry{"lengths", npyOf("<i4", "(3,)", []int32{9, 0, -1})}),
		Options{Inputs: []Field{tokens, {Name: "lengths"}}}, []string{
			"ids int64 [4] [1 2 0 0 3 4 5 6 7 8 0 0]; lengths int32 [] [9 0 -1]; label int64 [] [0 1 2]"}},
	"the label": {padded(all), Options{Inputs: []Field{tokens, mask}, Label: "lengths"}, []string{
		"ids int64 [4] [1 2 0 0 3 4 5 6 7 8 0 0]; mask float32 [4] [1 1 0 0 1 1 1 1 1 1 0 0]; " +
			"lengths int32 [] [2 4 2]"}},
}

// TestLengths cuts inputs and labels for each position to the lengths beside them.
func TestLengths(t *testing.T) {
	for name, c := range cutCases {
		t.Run(name, func(t *testing.T) {
			d := mustOpen(t, store(t, "x.npz", npzOf(t, c.file...)), c.o)
			if got := partTexts(t, d); !slices.Equal(got, c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

// lengthsOf is an array of lengths.
func lengthsOf(name string, values ...int64) entry {
	return entry{name, npyOf("<i8", fmt.Sprintf("(%d,)", len(values)), values)}
}

// badLengths are arrays of lengths that fit no input, and what must be said of each.
var badLengths = map[string]struct {
	with   entry
	inputs []Field
	says   []string
}{
	"too long": {lengthsOf("lengths", 2, 5, 2), []Field{tokens, mask},
		[]string{`"lengths", row 1: length 5: want 1 to 4`, `"ids" is padded to`}},
	"zero": {lengthsOf("lengths", 2, 4, 0), []Field{tokens, mask}, []string{`row 2: length 0: want 1 to 4`}},
	"negative": {lengthsOf("mask.lengths", -1, 4, 1), []Field{tokens, mask},
		[]string{`"mask.lengths", row 0: length -1: want 1 to 4`, `"mask"`}},
	"too few": {lengthsOf("lengths", 2, 4), []Field{tokens, mask},
		[]string{`"lengths" has 2 lengths, but "ids" has 3 samples`}},
	"floats": {entry{"lengths", npyOf("<f4", "(3,)", []float32{2, 4, 2})}, []Field{tokens},
		[]string{`"lengths" holds float32: want integers`, "astype('int64')"}},
	"bools": {entry{"lengths", npyOf("|b1", "(3,)", []uint8{1, 1, 1})}, []Field{tokens},
		[]string{"holds bool"}},
	"a matrix": {entry{"lengths", npyOf("<i8", "(3, 2)", make([]int64, 6))}, []Field{tokens},
		[]string{`"lengths" has shape [3 2]: want [3]`}},
	"a scalar": {entry{"lengths", npyOf("<i8", "()", []int64{1})}, []Field{tokens}, []string{`"lengths"`,
		"scalar"}},
	"beyond int64": {entry{"lengths", npyOf("<u8", "(3,)", []uint64{1, 1 << 63, 1})}, []Field{tokens},
		[]string{`"lengths"`, "row 1"}},
	"nothing symbolic": {lengthsOf("lengths", 2, 4, 2), []Field{{Name: "ids", Shape: []int{-1, 4}}},
		[]string{"samples cannot be cut", "ids [N 4]", "dynamic_axes"}},
	"this not": {lengthsOf("width.lengths", 2, 4, 2), []Field{tokens, width}, []string{`"width.lengths"`,
		"width [N 4]"}},
	"nothing so named": {lengthsOf("idz.lengths", 2, 4, 2), []Field{tokens, mask}, []string{`no input or label "idz"`,
		`did you mean "ids"?`}},
	"label of samples": {lengthsOf("label.lengths", 2, 4, 2), []Field{tokens, mask}, []string{`"label.lengths"`,
		"one number a sample"}},
}

func TestLengthsRefused(t *testing.T) {
	for name, c := range badLengths {
		t.Run(name, func(t *testing.T) {
			file := padded(classes, c.with, entry{"width", npyOf("<f4", "(3, 4)", make([]float32, 12))})
			_, err := Open(store(t, "x.npz", npzOf(t, file...)), Options{Inputs: c.inputs})
			wantRefusal(t, err, append(c.says, "x.npz: ")...)
		})
	}
	file := store(t, "x.npz", npzOf(t, padded(classes, lengthsOf("lengths", 2, 4, 2))...))
	_, err := Open(file, Options{Inputs: []Field{tokens, mask}, MaxBytes: 12*8 + 12*4 + 3*8 + 3*8 + 100, MaxDisk: -1})
	wantRefusal(t, err, "x.npz: ", "bytes allowed")
}

// TestLengthsProperties cuts random data and finds every value again, under the row number of the file.
func TestLengthsProperties(t *testing.T) {
	random := rand.New(rand.NewPCG(8, 2))
	for range 100 {
		n, most, inner := 1+random.IntN(30), 1+random.IntN(9), 1+random.IntN(3)
		values, lengths := make([]float32, n*most*inner), make([]int64, n)
		for i := range values {
			values[i] = float32(i)
		}
		for i := range lengths {
			lengths[i] = 1 + random.Int64N(int64(most))
		}
		path := store(t,
			"x.npz", npzOf(t, entry{"x", npyOf("<f4", fmt.Sprintf("(%d, %d, %d)", n, most, inner), values)},
				entry{"lengths", npyOf("<i8", fmt.Sprintf("(%d,)", n), lengths)}))
		d := mustOpen(t, path, Options{Inputs: []Field{{Name: "x", Shape: []int{-1, -1, inner}}}})
		seen := 0
		for _, p := range d.Parts() {
			x := p.Inputs[0]
			for i := range p.own() {
				row := p.origin(i).row
				from := row * most * inner
				if !slices.Equal(x.Floats[i*x.Size():(i+1)*x.Size()], values[from:from+int(lengths[row])*inner]) {
					t.Fatalf("row %d of length %d is %v", row, lengths[row], x.Floats)
				}
				seen++
			}
		}
		if seen != n || d.Len() != n {
			t.Fatalf("%d samples of %d", seen, n)
		}
	}
}

// TestManyLengths: fifteen hundred different lengths are refused before a network is prepared for any.
func TestManyLengths(t *testing.T) {
	const n = 1500
	lengths := make([]int64, n)
	for i := range lengths {
		lengths[i] = int64(i + 1)
	}
	cuts := []cut{{0, 0, lengths}}
	d := &Data{Inputs: []Column{{Name: "x", Type: onnx.Int64, Shape: []int{n}, Ints: make([]int64, n*n)}}}
	_, err := d.cut(cuts)
	wantRefusal(t, err, "1500 different shapes", "at most 1000")
}

func FuzzLengths(f *testing.F) {
	f.Add([]byte{2, 0, 4, 0, 2, 0}, uint8(4), "lengths")
	f.Add([]byte{0, 0, 255, 255}, uint8(1), "ids.lengths")
	f.Add([]byte{1, 0}, uint8(9), "x.lengths")
	f.Add([]byte{}, uint8(0), ".lengths")
	f.Fuzz(func(t *testing.T, raw []byte, most uint8, name string) {
		n := len(raw) / 2
		lengths := make([]int16, n)
		for i := range lengths {
			lengths[i] = int16(binary.LittleEndian.Uint16(raw[2*i:]))
		}
		shape := fmt.Sprintf("(%d, %d)", n, most)
		l := &loader{Options: Options{Inputs: []Field{tokens}}, store: spill.New(1<<20, 0)}
		d, err := l.assembleCut([]named{
			{"ids", inMemory(npyOf("<i4", shape, make([]int32, n*int(most))))},
			{"label", inMemory(npyOf("<i4", shape, make([]int32, n*int(most))))},
			{name, inMemory(npyOf("<i2", fmt.Sprintf("(%d,)", n), lengths))},
		})
		if err != nil {
			wantRefusal(t, err)
			return
		}
		if d.Len() != n {
			t.Fatalf("%d samples of %d", d.Len(), n)
		}
		for _, p := range d.Parts() {
			mustWell(t, p)
		}
	})
}
