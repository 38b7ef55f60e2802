package dataset

import (
	"errors"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/graphmatch/random"
)

// TestFoldProperties draws labels at random: over all folds every sample judges once and
// learns in all others, sizes differ by one at most, and a class with a sample for each fold is in all of them.
func TestFoldProperties(t *testing.T) {
	random := random.New(3, 4)
	for range 200 {
		labels := make([]int64, 2+random.IntN(100))
		classes := 1 + random.IntN(len(labels))
		for i := range labels {
			labels[i] = int64(random.IntN(classes))
		}
		d, k, seed := numbered(labels), 2+random.IntN(min(5, len(labels)-1)), random.Uint64()
		judged := make([]int, d.Len())
		inFolds := map[int64]map[int]bool{}
		for i := range k {
			train, held, err := d.Fold(i, k, seed)
			if err != nil {
				t.Fatal(err)
			}
			rows := rowsOf(held)
			all := append(rowsOf(train), rows...)
			slices.Sort(all)
			if !slices.Equal(all, d.rows(0)) || !slices.IsSorted(rows) {
				t.Fatalf("fold %d of %d: the parts are not the data in its order", i, k)
			}
			if n := len(rows); n != d.Len()/k && n != d.Len()/k+1 {
				t.Errorf("fold %d of %d has %d of %d samples", i, k, n, d.Len())
			}
			for _, row := range rows {
				judged[row]++
				if inFolds[labels[row]] == nil {
					inFolds[labels[row]] = map[int]bool{}
				}
				inFolds[labels[row]][i] = true
			}
		}
		if slices.Min(judged) != 1 || slices.Max(judged) != 1 {
			t.Fatalf("samples judge %v times", judged)
		}
		for class, folds := range inFolds {
			if of := count(labels, class); len(folds) != min(k, of) {
				t.Errorf("class %d with %d samples is in %d of %d folds", class, of, len(folds), k)
			}
		}
	}
}

// TestFoldsKeepEqualSamplesTogether: a sample that is there several times judges nothing that learned from it.
func TestFoldsKeepEqualSamplesTogether(t *testing.T) {
	d := numbered(make([]int64, 40))
	for row := 20; row < 40; row++ { // each of the first twenty again
		copy(d.Inputs[0].Floats[2*row:2*row+2], d.Inputs[0].Floats[2*(row-20):])
	}
	for i := range 3 {
		train, held, err := d.Fold(i, 3, 5)
		if err != nil {
			t.Fatal(err)
		}
		if n, _ := Overlap(train, held); n > 0 || held.Len() < 10 {
			t.Errorf("fold %d: %d of %d samples judge what learned from them", i, n, held.Len())
		}
	}
	same := numbered(make([]int64, 9))
	clear(same.Inputs[0].Floats)
	if _, held, err := same.Fold(0, 3, 5); err != nil || held.Len() != 3 {
		t.Errorf("all samples equal: %v", err)
	}
}

func count(list []int64, v int64) (n int) {
	for _, w := range list {
		if w == v {
			n++
		}
	}
	return n
}

// TestFoldsThatCannotBe are errors.
func TestFoldsThatCannotBe(t *testing.T) {
	d := numbered([]int64{1, 2, 3})
	for _, c := range [][2]int{{0, 4}, {0, 1}, {2, 2}, {-1, 2}} {
		if _, _, err := d.Fold(c[0], c[1], 0); !errors.Is(err, ErrData) {
			t.Errorf("fold %d of %d: %v", c[0], c[1], err)
		}
	}
}
