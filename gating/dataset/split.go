package dataset

import (
	"maps"
	"math"
	"slices"

	"github.com/softmerge/softmerge/graphmatch/random"
)

// Split divides the samples into a part to learn on and a part to judge on, with about holdout of all samples
// (0 < holdout < 1) in the second. With one integer label a sample the split is stratified: every class keeps its share
// in both parts, and a class with two samples or more is in both; classes of one sample are divided as if they were one
// class. With other labels, or none, the shapes of samples are divided as classes are. The same seed always gives the
// same split. Both parts keep the order of the rows and own their memory.
//
// It fails with ErrData when a part would be empty, or there is no room on disk for it where there is none in memory.
func (d *Data) Split(holdout float64, seed uint64) (train, held *Data, err error) {
	if !(holdout > 0 && holdout < 1) {
		return nil, nil, fail("choose a share such as 0.2",
			"cannot hold out %v of the samples: want more than 0 and less than 1", holdout)
	}
	n := d.Len()
	isHeld := make([]bool, n)
	order := random.New(seed, 0)
	for _, group := range d.strata() {
		shuffle(group.rows, order)
		for _, row := range group.rows[:group.held(holdout)] {
			isHeld[row] = true
		}
	}
	var parts [2][]int
	for row, h := range isHeld {
		if h {
			parts[1] = append(parts[1], row)
		} else {
			parts[0] = append(parts[0], row)
		}
	}
	if len(parts[0]) == 0 || len(parts[1]) == 0 {
		return nil, nil, fail("give more samples, or held-out data of its own",
			"cannot hold out %v of %d samples: one part would be empty", holdout, n)
	}
	return d.divided(parts)
}

// divided returns two sets of rows as data of their own.
func (d *Data) divided(rows [2][]int) (train, held *Data, err error) {
	if train, err = d.selected(rows[0]); err != nil {
		return nil, nil, err
	}
	held, err = d.selected(rows[1])
	return train, held, err
}

// stratum is a set of rows that the split divides in proportion.
type stratum struct {
	rows   []int
	before int // rows in the strata before this one
}

// held returns how many rows of the stratum are held out. Rounding the running totals, not each stratum for itself,
// keeps the sum right when there are many small classes.
func (s stratum) held(holdout float64) int {
	if len(s.rows) < 2 {
		return 0
	}
	upTo := func(rows int) int { return int(math.Round(float64(rows) * holdout)) }
	held := upTo(s.before+len(s.rows)) - upTo(s.before)
	return max(1, min(held, len(s.rows)-1))
}

// strata groups the rows by class, in the order of class numbers, and after them the rows that are alone in their class
// as one group.
func (d *Data) strata() []stratum {
	classes := map[int64][]int{}
	for row, class := range d.classes() {
		classes[class] = append(classes[class], row)
	}
	var out []stratum
	var alone []int
	before := 0
	for _, class := range slices.Sorted(maps.Keys(classes)) {
		rows := classes[class]
		if len(rows) == 1 {
			alone = append(alone, rows...)
			continue
		}
		out = append(out, stratum{rows: rows, before: before})
		before += len(rows)
	}
	return append(out, stratum{rows: alone, before: before})
}

// classes returns the class of every row, the number of its part where rows have no class.
func (d *Data) classes() []int64 {
	var byLabel, byPart []int64
	for i, p := range d.Parts() {
		byPart = append(byPart, slices.Repeat([]int64{int64(i)}, p.own())...)
		if p.Label != nil && p.Label.Size() == 1 {
			byLabel = append(byLabel, p.Label.Ints...)
		}
	}
	if len(byLabel) == len(byPart) {
		return byLabel
	}
	return byPart
}
