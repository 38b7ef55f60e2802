package dataset

import (
	"math"
	"testing"

	"github.com/softmerge/softmerge/onnx"
)

// pairs is data of two inputs: floats of two a sample and one integer.
func pairs(floats []float32, ints []int64) *Data {
	return &Data{Inputs: []Column{
		{Name: "x", Type: onnx.Float32, Shape: []int{2}, Floats: floats},
		{Name: "i", Type: onnx.Int64, Ints: ints},
	}}
}

// A sample is another one if any input differs in any bit; who forgets to hold samples out must be told which.
func TestOverlap(t *testing.T) {
	learn := pairs([]float32{1, 2, 3, 4, 0, 0, 1, 2}, []int64{7, 8, 9, 7})
	for _, c := range []struct {
		held  *Data
		count int
		first [2]int
	}{
		{pairs([]float32{5, 6, 3, 4}, []int64{8, 8}), 1, [2]int{1, 1}},
		{pairs([]float32{1, 2, 3, 4}, []int64{7, 8}), 2, [2]int{0, 0}},
		{pairs([]float32{1, 2, 3, 4}, []int64{8, 7}), 0, [2]int{-1, -1}},
		{pairs([]float32{0, float32(math.Copysign(0, -1))}, []int64{9}), 0, [2]int{-1, -1}},
		{pairs([]float32{2, 3}, []int64{7}), 0, [2]int{-1, -1}},
	} {
		count, first := Overlap(learn, c.held)
		if count != c.count || first != c.first {
			t.Errorf("%v: got %d, %v, want %d, %v", c.held.Inputs, count, first, c.count, c.first)
		}
		if err := CheckOverlap(learn, c.held); (err != nil) != (c.count > 0) {
			t.Errorf("%v: %v", c.held.Inputs, err)
		}
	}
	if count, first := learn.Duplicates(); count != 1 || first != [2]int{0, 3} {
		t.Errorf("got %d duplicates, first %v; want row 3, which is row 0", count, first)
	}
}

// Samples of other lengths are never equal, and rows are numbered through all parts.
func TestOverlapOfParts(t *testing.T) {
	part := func(n int, v ...float32) *Data {
		return &Data{Inputs: []Column{{Name: "x", Type: onnx.Float32, Shape: []int{n}, Floats: v}}}
	}
	a, _ := Join(part(2, 1, 2, 3, 4, 5, 6), part(3, 1, 2, 3))
	b, _ := Join(part(3, 1, 2, 3), part(1, 1))
	if count, first := Overlap(a, b); count != 1 || first != [2]int{3, 0} {
		t.Errorf("got %d, %v", count, first)
	}
	if count, _ := a.Duplicates(); count != 0 {
		t.Errorf("%d duplicates", count)
	}
}

// The message names both files and the rows in them.
func TestOverlapSays(t *testing.T) {
	learn := store(t, "learn.csv", []byte("x0,x1,label\n1,2,0\n3,4,1\n5,6,1\n"))
	held := store(t, "held.csv", []byte("x0,x1,label\n9,9,0\n5,6,1\n"))
	d := mustOpen(t, learn, Options{})
	wantRefusal(t, CheckOverlap(d, mustOpen(t, held, Options{})), "1 of 2 held-out samples", "row 1 of "+held,
		"row 2 of "+learn)
	wantRefusal(t, CheckOverlap(d, d), "all 3 held-out samples")
}
