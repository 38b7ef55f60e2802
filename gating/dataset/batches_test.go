package dataset

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// ragged is data with parts of the given numbers of samples, of lengths 1, 2, 3, ...; every sample holds its
// row number, and so does its label.
func ragged(counts ...int) *Data {
	var parts []*Data
	row := int64(0)
	for i, n := range counts {
		x := Column{Name: "x", Shape: []int{i + 1}, Ints: []int64{}}
		y := Column{Name: "y", Ints: []int64{}}
		for range n {
			x.Ints = append(x.Ints, slices.Repeat([]int64{row}, i+1)...)
			y.Ints = append(y.Ints, row)
			row++
		}
		parts = append(parts, &Data{Inputs: []Column{x}, Label: &y})
	}
	return united(parts)
}

// drawn is data of random sizes in one to five shapes.
func drawn(random *rand.Rand) *Data {
	counts := make([]int, 1+random.IntN(5))
	for i := range counts {
		counts[i] = 1 + random.IntN(40)
	}
	return ragged(counts...)
}

// TestBatchesProperties draws data and sizes at random: batches are full and of one shape, and every row comes equally
// often, give or take once, at any time.
func TestBatchesProperties(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 2))
	for range 200 {
		d := drawn(random)
		parts := d.Parts()
		sizes := make([]int, len(parts))
		for i := range sizes {
			sizes[i] = 1 + random.IntN(50)
		}
		seen, batches := make([]int, d.Len()), 0
		for rows := range d.Batches(random.Uint64(), sizes...) {
			part, local := d.Locate(rows)
			if len(rows) != sizes[part] {
				t.Fatalf("a batch of %d rows of part %d: want %d", len(rows), part, sizes[part])
			}
			for i, row := range rows {
				seen[row]++
				if got := parts[part].Label.Ints[local[i]]; got != int64(row) {
					t.Fatalf("row %d is sample %d of part %d, which is %d", row, local[i], part, got)
				}
			}
			for before, p := 0, 0; p < len(parts); p++ {
				of := seen[before : before+parts[p].own()]
				if slices.Max(of)-slices.Min(of) > 1 {
					t.Fatalf("part %d: rows were seen %v times", p, of)
				}
				before += len(of)
			}
			if batches++; batches == 100 {
				break
			}
		}
	}
	for range (&Data{}).Batches(1, 3) {
		t.Fatal("a batch of nothing")
	}
}

// TestShapesAreSeenEquallyOften: over many passes no shape is seen more often than another.
func TestShapesAreSeenEquallyOften(t *testing.T) {
	d := ragged(50, 7, 1)
	counts, rows := make([]int, 3), 0
	for batch := range d.Batches(3, 16, 7, 1) {
		part, _ := d.Locate(batch)
		counts[part] += len(batch)
		if rows += len(batch); rows >= 58*20 {
			break
		}
	}
	for i, want := range []int{1000, 140, 20} {
		if diff := counts[i] - want; diff < -32 || diff > 32 {
			t.Errorf("part %d: %d rows of 20 passes, want about %d", i, counts[i], want)
		}
	}
}

// TestBatchesArePinned: order depends on the seed and on nothing else; what is left of a pass begins the next.
func TestBatchesArePinned(t *testing.T) {
	take := func(d *Data, n int, seed uint64, sizes ...int) (got [][]int) {
		for rows := range d.Batches(seed, sizes...) {
			if got = append(got, rows); len(got) == n {
				break
			}
		}
		return got
	}
	seven := numbered(make([]int64, 7))
	for _, c := range []struct {
		got  [][]int
		want string
	}{
		{take(seven, 2, 1, 7), "[[2 1 5 3 4 0 6] [1 2 0 4 6 3 5]]"},
		{take(seven, 1, 2, 7), "[[3 4 5 1 2 6 0]]"},
		{take(seven, 4, 1, 4), "[[2 1 5 3] [4 0 6 1] [2 0 4 6] [3 5 2 0]]"},
		{take(ragged(3, 2), 4, 1, 2), "[[1 0] [3 4] [2 0] [1 2]]"},
	} {
		if fmt.Sprint(c.got) != c.want {
			t.Errorf("orders are %v, want %s", c.got, c.want)
		}
	}
}

// TestInOrder yields all rows in order, in batches of one shape.
func TestInOrder(t *testing.T) {
	d := ragged(5, 1, 4)
	for want, sizes := range map[string][]int{
		"[[0 1] [2 3] [4] [5] [6 7] [8 9]]":         {2},
		"[[0 1 2 3 4] [5] [6 7 8] [9]]":             {99, 99, 3},
		"[[0] [1] [2] [3] [4] [5] [6] [7] [8] [9]]": {},
		"[[0 1 2] [3 4] [5] [6] [7] [8] [9]]":       {3, -1},
	} {
		var got [][]int
		for rows := range d.InOrder(sizes...) {
			got = append(got, rows)
		}
		if fmt.Sprint(got) != want {
			t.Errorf("sizes %v: %v, want %s", sizes, got, want)
		}
	}
	for rows := range d.InOrder(4) {
		if len(rows) != 4 {
			t.Errorf("the first batch has %d rows", len(rows))
		}
		break
	}
}
