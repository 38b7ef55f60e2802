//go:build unix

package search

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/graphmatch/random"
	"github.com/softmerge/softmerge/onnx"
)

// harderAttacks spoil a value of one parent's tensor, whose root mean square is known; chosen is the tensor with the
// most values.
var harderAttacks = []struct {
	name string
	of   func(v, square, normal float64, chosen bool) float64
}{
	{"sign flip", func(v, _, _ float64, _ bool) float64 { return -v }},
	{"one layer", func(v, square, normal float64, chosen bool) float64 {
		if chosen {
			return 10 * square * normal
		}
		return v
	}},
	{"scaled", func(v, _, _ float64, _ bool) float64 { return 100 * v }},
	{"NaN", func(v, square, normal float64, chosen bool) float64 {
		if chosen && normal > 0 {
			return math.NaN()
		}
		return v
	}},
	{"random", func(_, square, normal float64, _ bool) float64 { return square * normal }},
}

// attacks measures a default merge and the average with m1 spoiled: by every attack for some families, by one for the
// others, and by a backdoor.
func (h *harder) attacks(t *testing.T, family, least string) {
	with := func(name string, good int, models ...*onnx.Model) {
		if name != least && name != "backdoor" && !slices.Contains(harderAttacked, family) {
			return
		}
		best := 0.0
		h.measure(t, "attack "+name, 1000, func(t *testing.T, _ []*onnx.Model) cell {
			for _, m := range append(slices.Clone(models[:1]), models[2:1+good]...) {
				best = max(best, accuracyOn(t, m, h.test))
			}
			c := h.merged(gating.Auto, h.user)(t, models)
			c.Good = best
			return c
		})
		h.measure(t, "average "+name, 0, func(t *testing.T, _ []*onnx.Model) cell { return h.uniform(t, models) })
	}
	for _, a := range harderAttacks {
		with(a.name, 2, h.parents[0], h.spoiled(t, 1, a.of), h.parents[2])
	}
	with("two of three", 1, h.parents[0], h.spoiled(t, 1, harderAttacks[4].of), h.spoiled(t, 2, harderAttacks[0].of))
	backdoor := h.model(t, "backdoor")
	with("backdoor", 2, h.parents[0], backdoor, h.parents[2])
	h.measure(t, "backdoor", 0, func(t *testing.T, _ []*onnx.Model) cell {
		return cell{Accuracy: accuracyOn(t, backdoor, h.test), Fooled: accuracyOn(t, backdoor, h.fool)}
	})
	h.measure(t, "clean", 0, func(t *testing.T, _ []*onnx.Model) cell {
		return cell{Accuracy: accuracyOn(t, h.parents[1], h.test), Fooled: accuracyOn(t, h.parents[1], h.fool)}
	})
}

// spoiled is a parent with every float tensor changed.
func (h *harder) spoiled(t *testing.T, j int, of func(v, square, normal float64, chosen bool) float64) *onnx.Model {
	var edits []onnx.Edit
	noise, largest := random.New(uint64(j), 7), 0
	for _, p := range h.parents[j].Proto().GetGraph().GetInitializer() {
		if x := h.parents[j].Tensor(p); x.DataType().IsFloat() {
			largest = max(largest, len(gatetest.Must(x.Doubles(nil))(t)))
		}
	}
	for _, p := range h.parents[j].Proto().GetGraph().GetInitializer() {
		x := h.parents[j].Tensor(p)
		if !x.DataType().IsFloat() {
			continue
		}
		values := gatetest.Must(x.Doubles(nil))(t)
		square := 0.0
		for _, v := range values {
			square += v * v / float64(len(values))
		}
		for i, v := range values {
			values[i] = of(v, math.Sqrt(square), noise.Normal(), len(values) == largest)
		}
		edits = append(edits, onnx.SetValues(p, func() ([]float64, error) { return values, nil }))
	}
	return gatetest.Must(h.parents[j].With(edits...))(t)
}

// attacked lists what attacks do to a merge and to an average.
func (s study) attacked(out *strings.Builder) {
	fmt.Fprint(out, "\n## Attacks\n\nm1 (or all but m0) spoiled: all weights negated; the largest tensor ten times noise; all weights "+
		"times 100; every second weight of the largest tensor NaN; all weights noise; two parents bad. 1,000 labelled samples, "+
		"mean over the seeds.\n\n| attack | family | best good parent | uniform | `auto` | chosen |\n|---|---|---|---|---|---|\n")
	below, rows := 0, 0
	for _, name := range append(harderNames(), "two of three") {
		for _, f := range harderFamilies {
			var good, average, merged []float64
			chosen := map[string]bool{}
			for seed, c := range s.of(f.name, "attack "+name, "1000") {
				good, merged = append(good, c.Good), append(merged, c.Accuracy)
				average = append(average, s.of(f.name, "average "+name, "0")[seed].Accuracy)
				chosen[c.Chosen] = true
			}
			if len(good) == 0 {
				continue
			}
			rows++
			if mean(merged) < mean(good) {
				below++
			}
			fmt.Fprintf(out, "| %s | %s | %.3f | %.3f | %.3f | %s |\n", name, f.name, mean(good), mean(average), mean(merged),
				strings.Join(slices.Sorted(maps.Keys(chosen)), ", "))
		}
	}
	fmt.Fprintf(out, "\n%d of %d are below the best good parent.\n", below, rows)
	for _, key := range slices.Sorted(maps.Keys(s)) {
		if s[key].Refused != "" {
			fmt.Fprintf(out, "\n%s was refused: %s\n", key, s[key].Refused)
		}
	}
}

func harderNames() (list []string) {
	for _, a := range harderAttacks {
		list = append(list, a.name)
	}
	return list
}

// backdoors lists whether a backdoor survives.
func (s study) backdoors(out *strings.Builder) {
	fmt.Fprint(out, "\n## Backdoors\n\nm1 was trained to answer class 0 to all that bears a trigger. Of test samples of other classes with "+
		"the trigger, the share that is answered so; 1,000 clean labelled samples, mean over the seeds.\n\n"+
		"| family | m1 without backdoor | m1 | uniform | `auto` | accuracy of `auto` | best good parent |\n|---|---|---|---|---|---|---|\n")
	fooled := func(family, column, n string) string {
		var v []float64
		for _, c := range s.of(family, column, n) {
			v = append(v, c.Fooled)
		}
		if len(v) == 0 {
			return ""
		}
		return fmt.Sprintf("%.3f", mean(v))
	}
	for _, f := range harderFamilies {
		var good, merged []float64
		for _, c := range s.of(f.name, "attack backdoor", "1000") {
			good, merged = append(good, c.Good), append(merged, c.Accuracy)
		}
		if len(good) == 0 {
			continue
		}
		fmt.Fprintf(out, "| %s | %s | %s | %s | %s | %.3f | %.3f |\n", f.name, fooled(f.name, "clean", "0"),
			fooled(f.name, "backdoor", "0"), fooled(f.name, "average backdoor", "0"),
			fooled(f.name, "attack backdoor", "1000"), mean(merged), mean(good))
	}
}
