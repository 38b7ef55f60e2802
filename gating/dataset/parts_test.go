package dataset

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/onnx"
)

// rowsIn lists the row numbers that the samples of ragged data hold, part by part, and checks that inputs and
// labels agree.
func rowsIn(t *testing.T, d *Data) (rows [][]int) {
	t.Helper()
	for _, p := range d.Parts() {
		if len(p.others) > 0 {
			t.Fatal("a part has parts")
		}
		var list []int
		for i, y := range p.Label.Ints {
			list = append(list, int(y))
			for _, x := range p.Inputs[0].Ints[i*p.Inputs[0].Size() : (i+1)*p.Inputs[0].Size()] {
				if x != y {
					t.Fatalf("sample %d holds %d", y, x)
				}
			}
		}
		rows = append(rows, list)
	}
	return rows
}

func TestGatherSelectHead(t *testing.T) {
	d := numbered([]int64{10, 11, 12, 13})
	floats, ints := make([]float32, 6), make([]int64, 3)
	d.Inputs[0].Gather([]int{2, 0, 2}, floats, nil)
	d.Label.Gather([]int{2, 0, 2}, nil, ints)
	if !slices.Equal(floats, []float32{2, -2, 0, 0, 2, -2}) || !slices.Equal(ints, []int64{12, 10, 12}) {
		t.Errorf("gathered %v and %v", floats, ints)
	}
	s := d.Select([]int{3, 1})
	s.Inputs[0].Floats[0] = 99
	if d.Inputs[0].Floats[6] != 3 || !slices.Equal(s.Label.Ints, []int64{13, 11}) || s.Len() != 2 {
		t.Errorf("selected %+v of %+v", s, d)
	}
	for n, want := range map[int]int{-1: 0, 0: 0, 3: 3, 4: 4, 9: 4} {
		if got := d.Head(n); got.Len() != want || got.Label.Len() != want {
			t.Errorf("head %d has %d samples", n, got.Len())
		}
	}
	if d.Head(2).Select(nil).Len() != 0 || (&Data{}).Len() != 0 || (&Data{Label: d.Label}).Len() != 4 {
		t.Error("the lengths of small data are wrong")
	}
}

// TestSelectAndHeadOfParts: rows are numbered through all shapes; what has no samples left is no part.
func TestSelectAndHeadOfParts(t *testing.T) {
	d := ragged(3, 1, 2)
	for want, got := range map[string]*Data{
		"[[0 1 2] [3] [4 5]]": d,
		"[[2 0] [5 4 5]]":     d.Select([]int{5, 2, 4, 0, 5}),
		"[[3]]":               d.Select([]int{3}),
		"[[]]":                d.Select(nil),
		"[[0 1 2] [3]]":       d.Head(4),
		"[[0 1]]":             d.Head(2),
	} {
		if rows := rowsIn(t, got); fmt.Sprint(rows) != want {
			t.Errorf("got %v, want %s", rows, want)
		}
	}
	if part, local := d.Locate([]int{5, 4}); part != 2 || !slices.Equal(local, []int{1, 0}) {
		t.Errorf("rows 5 and 4 are %v of part %d", local, part)
	}
}

// TestSplitOfParts draws ragged data at random: all rows are in one of the two parts, once, and where there is no class
// every shape keeps its share.
func TestSplitOfParts(t *testing.T) {
	random := rand.New(rand.NewPCG(6, 2))
	for range 200 {
		d := drawn(random)
		byClass := random.IntN(2) == 0
		if !byClass { // labels for each position, as taggers have them
			for _, p := range append([]*Data{d}, d.others...) {
				p.Label = &Column{Name: "y", Shape: []int{2}, Ints: append(slices.Clone(p.Label.Ints), p.Label.Ints...)}
			}
		}
		seed := random.Uint64()
		train, held, err := d.Split(.25, seed)
		if d.Len() == 1 {
			wantRefusal(t, err, "one part would be empty")
			continue
		}
		if err != nil || train.Len()+held.Len() != d.Len() {
			t.Fatalf("%d and %d samples of %d: %v", train.Len(), held.Len(), d.Len(), err)
		}
		again, _, _ := d.Split(.25, seed)
		if fmt.Sprint(again.Inputs) != fmt.Sprint(train.Inputs) {
			t.Fatal("the same seed gives another split")
		}
		checkRowsOnce(t, d, train, held)
		if !byClass {
			checkShapesHeld(t, d, held)
		}
	}
}

// checkRowsOnce checks that every row of d, known by its first value, is in one of two parts and in one only.
func checkRowsOnce(t *testing.T, d, train, held *Data) {
	t.Helper()
	var rows []int64
	for _, part := range append(train.Parts(), held.Parts()...) {
		for i := 0; i < len(part.Inputs[0].Ints); i += part.Inputs[0].Size() {
			rows = append(rows, part.Inputs[0].Ints[i])
		}
	}
	slices.Sort(rows)
	if len(slices.Compact(rows)) != d.Len() {
		t.Fatalf("rows %v: some are lost or twice", rows)
	}
}

// checkShapesHeld checks that of each shape with several samples some, and about a quarter, are held out.
func checkShapesHeld(t *testing.T, d, held *Data) {
	t.Helper()
	counts := map[int]int{}
	for _, part := range held.Parts() {
		counts[part.Inputs[0].Size()] += part.own()
	}
	for _, p := range d.Parts() {
		if n, held := p.own(), counts[p.Inputs[0].Size()]; n > 1 && (held == 0 || held > n/4+1) {
			t.Fatalf("%d of %d samples of one shape are held out", held, n)
		}
	}
}

// TestAsClassesOfParts converts the labels of all shapes, and names the first row that is no class.
func TestAsClassesOfParts(t *testing.T) {
	d := ragged(2, 1)
	for _, p := range []*Data{d, d.others[0]} {
		p.Label = &Column{Name: "y", Type: onnx.Float32, Floats: make([]float32, p.own())}
	}
	d.others[0].origins = []origin{{"long.npz", 7}}
	got, err := d.AsClasses(2)
	if err != nil || got.Len() != 3 || got.Parts()[1].Label.Ints == nil || d.Parts()[1].Label.Ints != nil {
		t.Errorf("%v: %+v", err, got)
	}
	d.others[0].Label.Floats[0] = 2
	_, err = d.AsClasses(2)
	wantRefusal(t, err, "long.npz: label", "row 7: class 2")
}

// TestCommonShapesComeFirst, and a thousand shapes is the most.
func TestCommonShapesComeFirst(t *testing.T) {
	d, err := sorted(ragged(1, 3, 2, 3).Parts())
	if rows := rowsIn(t, d); err != nil || fmt.Sprint(rows) != "[[1 2 3] [6 7 8] [4 5] [0]]" {
		t.Errorf("%v: %v", err, rows)
	}
	many := ragged(slices.Repeat([]int{1}, MaxShapes+1)...)
	if _, err := sorted(many.Parts()[1:]); err != nil {
		t.Error(err)
	}
	_, err = sorted(many.Parts())
	wantRefusal(t, err, "1001 different shapes", "multiples of 16")
}
