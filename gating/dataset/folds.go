package dataset

import (
	"slices"

	"github.com/softmerge/softmerge/graphmatch/random"
)

// Fold divides the samples for cross-validation: of k parts of nearly equal size the one numbered i, from 0 on, is to
// judge on, all others are to learn on, so that over all i every sample judges once. The parts are stratified as those
// of Split are: a class with k samples or more is in every part. Samples with the same inputs are in one part, so that
// none judges what was learned by heart, unless all are in that one. The same seed always gives the same parts. Both
// results keep the order of the rows and own their memory.
//
// It fails with ErrData when there are fewer samples than parts.
func (d *Data) Fold(i, k int, seed uint64) (train, held *Data, err error) {
	if k < 2 || i < 0 || i >= k {
		return nil, nil, fail("choose at least 2 folds", "there is no fold %d of %d", i+1, k)
	}
	if d.Len() < k {
		return nil, nil, fail("give more samples, or held-out data of its own",
			"cannot divide %d samples into %d folds", d.Len(), k)
	}
	in := d.folds(k, seed)
	var parts [2][]int
	for row, fold := range in {
		if fold == i {
			parts[1] = append(parts[1], row)
		} else {
			parts[0] = append(parts[0], row)
		}
	}
	return d.divided(parts)
}

// folds returns the part that each row is in, equal rows in that of the first of them.
func (d *Data) folds(k int, seed uint64) []int {
	in := d.dealt(k, seed)
	together, index, row := slices.Clone(in), newRowIndex(d), 0
	used := make([]bool, k)
	for _, p := range d.Parts() {
		for local := range p.own() {
			if first := index.find(p, local); first >= 0 {
				together[row] = in[first]
			}
			used[together[row]] = true
			row++
		}
	}
	if slices.Contains(used, false) {
		return in
	}
	return together
}

// dealt returns a part for each row. The rows of a stratum are dealt out in turn, and those of the next one
// from where the last has stopped.
func (d *Data) dealt(k int, seed uint64) []int {
	in := make([]int, d.Len())
	order := random.New(seed, 0)
	next := 0
	for _, group := range d.strata() {
		shuffle(group.rows, order)
		for _, row := range group.rows {
			in[row] = next % k
			next++
		}
	}
	return in
}
