package search

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx/advice"
)

// Without data nothing judges an average, and the average of models that do not go together is worse than each of
// them: of weights that point in unlike directions, or where one parent's layer is out of scale or has its sign
// flipped, little is left. All of it shows in the weights.

// alignAlike brings the parents' hidden units into one order, where they are of other starts, and returns an error of
// kind graphmatch.ErrAlign that names the parents and layers that do not go together; a warning where the options say
// to go on anyway. Units of parents that are alike but for a layer or two stay where they are.
func (m *search) alignAlike(ctx context.Context) error {
	names := labelsOf(m.selection.Alignment)
	tensors := m.weights.Likeness()
	if m.Permute != PermuteAuto || len(pairsApart(tensors, len(names))) > 0 {
		if err := m.alignUnits(ctx); err != nil {
			return err
		}
		tensors = m.weights.Likeness()
	}
	if strangers := pairsApart(tensors, len(names)); len(strangers) > 0 {
		return m.refuse("nothing judges an average without data: the weights of %s have a cosine of %.2f: "+
			"they are not fine-tunes of one start", wordsOf(strangers, names), strangers[0].cosine)
	}
	if err := m.movedRows(ctx); err != nil {
		return err
	}
	odd := outliers(tensors, len(names))
	if len(odd) == 0 {
		return nil
	}
	var list []string
	for _, o := range odd[:min(len(odd), maxPairs)] {
		list = append(list, o.text(names))
	}
	if n := len(odd) - maxPairs; n > 0 {
		list = append(list, fmt.Sprintf("%d more", n))
	}
	return m.refuse("nothing judges an average without data: %s", strings.Join(list, "; "))
}

// refuse makes an error, or a warning where the options say to go on anyway.
func (m *search) refuse(format string, args ...any) error {
	const hint = "give --data, so that every layer takes what helps; leave the file out; " +
		"or choose layers with --only and --except"
	if m.Anyway {
		m.warnings.Addf(graphmatch.ErrAlign, hint, format, args...)
		return nil
	}
	return advice.Errorf(graphmatch.ErrAlign, hint+"; or go on with --anyway", format, args...)
}

// labelsOf are the parents' file names.
func labelsOf(a *graphmatch.Alignment) []string {
	names := make([]string, len(a.Models))
	for j, m := range a.Models {
		names[j] = filepath.Base(m.Path())
	}
	return names
}

// apart is a pair of parents and the cosine between most of their weights.
type apart struct {
	one, other int
	cosine     float64
}

// pairsApart lists the pairs of parents most of whose weights are unlike, the most unlike first.
func pairsApart(tensors []gating.Likeness, parents int) (list []apart) {
	for j := range parents {
		for k := range j {
			if c := usualCosine(tensors, j, k); c < graphmatch.Related {
				list = append(list, apart{k, j, c})
			}
		}
	}
	slices.SortStableFunc(list, func(x, y apart) int { return cmp.Compare(x.cosine, y.cosine) })
	return list
}

// usualCosine is the median over the matrices, or over all tensors where there is none: one layer that is broken makes
// no stranger. Signs do not count. NaN where nothing can be compared.
func usualCosine(tensors []gating.Likeness, j, k int) float64 {
	for _, matrices := range []bool{true, false} {
		var list []float64
		for _, t := range tensors {
			if c := t.Cosine[j][k]; !math.IsNaN(c) && (isMatrix(t) || !matrices) {
				list = append(list, math.Abs(c))
			}
		}
		if n := len(list); n > 0 {
			slices.Sort(list)
			return (list[(n-1)/2] + list[n/2]) / 2
		}
	}
	return math.NaN()
}

func isMatrix(t gating.Likeness) bool { return len(t.Layer.Params[0].Shape) > 1 && t.Role != "bias" }

// wordsOf names the parents of pairs: the one that all pairs have in common, if there is one, else all of them.
func wordsOf(pairs []apart, names []string) string {
	if len(pairs) == 0 {
		return ""
	}
	in := map[int]int{}
	for _, p := range pairs {
		in[p.one]++
		in[p.other]++
	}
	var list, others []string
	for j, name := range names {
		switch {
		case len(names) > 2 && len(pairs) > 1 && in[j] == len(pairs):
			others = append(others, name)
		case in[j] > 0:
			list = append(list, name)
		}
	}
	if len(others) == 1 {
		return others[0] + " and the others, " + strings.Join(list, ", ")
	}
	return strings.Join(append(list, others...), " and ")
}

// outlier is a tensor in which one parent is far from all others, or two are far from each other.
type outlier struct {
	layer, role string
	who         []int   // one where the others agree, else all that may be it
	cosine      float64 // with the others
	scale       float64 // norm relative to the others
}

// text says what is odd. Of two parents nobody can tell which of them it is.
func (o *outlier) text(names []string) string {
	tensor, to := fmt.Sprintf("the %s of %s", o.role, o.layer), "in the others"
	last := names[o.who[len(o.who)-1]]
	if len(o.who) > 1 {
		to = "in " + names[o.who[0]]
	}
	switch {
	case o.scale > oddScale || o.scale < 1/oddScale:
		return fmt.Sprintf("%s is %.3g times as large in %s as %s", tensor, o.scale, last, to)
	case o.cosine < -mixable:
		return fmt.Sprintf("%s has its sign flipped in %s against that %s (cosine %.2f)", tensor, last, to, o.cosine)
	}
	return fmt.Sprintf("%s in %s has a cosine of %.2f with that %s", tensor, last, o.cosine, to)
}

// outliers lists the tensors in which parents that are alike else are far apart.
func outliers(tensors []gating.Likeness, parents int) []outlier {
	var list []outlier
	for i := range tensors {
		if o := outlierOf(&tensors[i], parents); o != nil {
			list = append(list, *o)
		}
	}
	return list
}

// outlierOf says who is far from the others in one tensor, nil if nobody is.
func outlierOf(t *gating.Likeness, parents int) *outlier {
	far := make([]int, parents) // from how many others
	var worst apart
	found := false
	for j := range parents {
		for k := range j {
			if farApart(t, j, k) {
				far[j]++
				far[k]++
				if !found || t.Cosine[j][k] < worst.cosine {
					worst, found = apart{k, j, t.Cosine[j][k]}, true
				}
			}
		}
	}
	if !found {
		return nil
	}
	o := &outlier{layer: t.Layer.Name, role: t.Role, cosine: worst.cosine, who: []int{worst.one, worst.other}}
	o.scale = t.Norm[worst.other] / t.Norm[worst.one]
	for j, n := range far {
		if parents > 2 && n == parents-1 && n > slices.Max(slices.Delete(slices.Clone(far), j, j+1)) {
			o.who = []int{j}
			if j == worst.one {
				o.scale = 1 / o.scale
			}
		}
	}
	return o
}

// farApart says whether two parents' values of a tensor are too unlike to be averaged. A bias is free to differ, as it
// starts at zero: only one that dwarfs the layer's weights counts.
func farApart(t *gating.Likeness, j, k int) bool {
	c := t.Cosine[j][k]
	if math.IsNaN(c) || t.Elements < leastElements {
		return false
	}
	ratio := t.Norm[j] / t.Norm[k]
	if t.Role == "bias" {
		return max(ratio, 1/ratio) > oddBias && max(t.Norm[j], t.Norm[k]) > math.Sqrt(float64(t.Elements))
	}
	return c < mixable || max(ratio, 1/ratio) > oddScale
}
