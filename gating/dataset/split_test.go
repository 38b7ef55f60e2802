package dataset

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/graphmatch/random"
	"github.com/softmerge/softmerge/onnx"
)

// numbered is data whose samples hold their own row number, with the given classes.
func numbered(classes []int64) *Data {
	x := Column{Name: "x", Type: onnx.Float32, Shape: []int{2}}
	for row := range classes {
		x.Floats = append(x.Floats, float32(row), -float32(row))
	}
	return &Data{Inputs: []Column{x}, Label: &Column{Name: "y", Type: onnx.Int64, Ints: classes}}
}

func rowsOf(d *Data) []int {
	var rows []int
	for i := 0; i < len(d.Inputs[0].Floats); i += 2 {
		rows = append(rows, int(d.Inputs[0].Floats[i]))
	}
	return rows
}

// TestSplitProperties draws labels and shares at random and checks all that Split promises.
func TestSplitProperties(t *testing.T) {
	random := random.New(1, 2)
	for range 300 {
		labels := make([]int64, 2+random.IntN(200))
		classes := 1 + random.IntN(len(labels))
		for i := range labels {
			labels[i] = int64(random.IntN(classes)) - 3
		}
		holdout := .02 + .96*random.Float64()
		d := numbered(labels)
		train, held, err := d.Split(holdout, random.Uint64())
		if len(labels) == 2 && labels[0] != labels[1] && err != nil {
			continue
		}
		if err != nil {
			t.Fatalf("labels %v, holdout %v: %v", labels, holdout, err)
		}
		checkSplit(t, d, train, held, holdout)
	}
}

func checkSplit(t *testing.T, d, train, held *Data, holdout float64) {
	t.Helper()
	a, b := rowsOf(train), rowsOf(held)
	if !slices.IsSorted(a) || !slices.IsSorted(b) {
		t.Fatal("a part is not in the order of the file")
	}
	all := append(slices.Clone(a), b...)
	slices.Sort(all)
	if !slices.Equal(all, d.rows(0)) {
		t.Fatalf("the parts %v and %v are not all rows once", a, b)
	}
	count, inHeld := map[int64]int{}, map[int64]int{}
	for row, class := range d.Label.Ints {
		count[class]++
		if slices.Contains(b, row) {
			inHeld[class]++
		}
	}
	for i, row := range b {
		if held.Label.Ints[i] != d.Label.Ints[row] || held.Inputs[0].Floats[2*i+1] != -float32(row) {
			t.Fatalf("row %d lost its label or its values", row)
		}
	}
	for class, n := range count {
		if n >= 2 && (inHeld[class] == 0 || inHeld[class] == n) {
			t.Fatalf("class %d has %d samples of which %d are held out", class, n, inHeld[class])
		}
		if share := float64(n) * holdout; n >= 2 && math.Abs(float64(inHeld[class])-share) > 1.5 {
			t.Fatalf("class %d: %d of %d held out, far from %v", class, inHeld[class], n, share)
		}
	}
}

func TestSplitSizes(t *testing.T) {
	labels := make([]int64, 1000)
	for i := range labels {
		labels[i] = int64(i % 7)
	}
	for _, d := range []*Data{numbered(labels), {Inputs: numbered(labels).Inputs}} {
		train, held, err := d.Split(.2, 1)
		if err != nil || train.Len() != 800 || held.Len() != 200 {
			t.Errorf("%d and %d samples, %v; want 800 and 200", train.Len(), held.Len(), err)
		}
	}
	// An integer target of a regression: nearly every sample is a class of its own.
	for i := range labels {
		labels[i] = int64(i)
	}
	if _, held, err := numbered(labels).Split(.2, 1); err != nil || held.Len() != 200 {
		t.Errorf("%d samples, %v; want 200", held.Len(), err)
	}
}

// TestSplitIsPinned: a recipe made today must hold out the same samples tomorrow.
func TestSplitIsPinned(t *testing.T) {
	labels := []int64{0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1}
	var got [][]int
	for _, seed := range []uint64{0, 1, 1, math.MaxUint64} {
		_, held, err := numbered(labels).Split(.35, seed)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, rowsOf(held))
	}
	const want = "[[0 4 9 11] [2 3 10 11] [2 3 10 11] [1 4 6 11]]"
	if fmt.Sprint(got) != want {
		t.Errorf("held out rows are %v, want %s", got, want)
	}
}

func TestSplitRefused(t *testing.T) {
	d := numbered([]int64{0, 0, 1, 1})
	for _, holdout := range []float64{0, 1, -1, 2, math.NaN(), math.Inf(1)} {
		_, _, err := d.Split(holdout, 1)
		wantRefusal(t, err, "cannot hold out")
	}
	_, _, err := numbered([]int64{4}).Split(.5, 1)
	wantRefusal(t, err, "one part would be empty")
}

// TestShuffleIsEven counts where row 0 of 5 goes: every place as often, within four standard deviations.
func TestShuffleIsEven(t *testing.T) {
	const rounds, n = 20000, 5
	var counts [n]int
	order := random.New(3, 4)
	for range rounds {
		rows := []int{0, 1, 2, 3, 4}
		shuffle(rows, order)
		counts[slices.Index(rows, 0)]++
	}
	deviation := math.Sqrt(rounds * (1.0 / n) * (1 - 1.0/n))
	for place, c := range counts {
		if math.Abs(float64(c)-rounds/n) > 4*deviation {
			t.Errorf("place %d: %d times of %d", place, c, rounds)
		}
	}
}
