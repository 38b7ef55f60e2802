//go:build unix

package search

import (
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// harderColumns are what a merge is held against, with whether each uses the user's labels.
var harderColumns = []struct {
	key, title string
	labels     bool
}{
	{"peer best", "best parent", false}, {"uniform", "uniform", false}, {"greedy", "greedy", true},
	{"peer ensemble", "ensemble", false}, {"peer confident", "confident ensemble", false},
	{"peer weighted", "weighted ensemble", true},
	{"peer finetune", "fine-tuned best", true}, {"peer finetune:avg", "fine-tuned average", true},
	{"peer softmerge", "soft, PyTorch", true}, {"soft", "`soft`", true}, {"auto", "`auto`", true},
}

// harderSamples are the numbers of labelled samples, in the order of the tables.
var harderSamples = []string{"1000", "500", "100", "0"}

// tables writes all that was measured.
func (s study) tables() string {
	var out strings.Builder
	seeds, plural := len(s.seeds()), "s"
	if seeds == 1 {
		plural = ""
	}
	fmt.Fprintf(&out, harderText, seeds, plural)
	for _, n := range harderSamples {
		if n == "0" {
			fmt.Fprintf(&out, "\n## Without labels\n\n")
		} else {
			fmt.Fprintf(&out, "\n## %s labelled samples\n\n", n)
		}
		s.accuracies(&out, n)
	}
	s.shortfalls(&out)
	s.chosen(&out)
	s.times(&out)
	s.attacked(&out)
	s.backdoors(&out)
	out.WriteString(harderTried)
	return out.String()
}

const harderText = `# Harder families

Written by gating/search/harder_study_test.go for what fixtures/harder.py trains and fixtures/harder_peers.py measures:

    for seed in 0 1 2 3 4; do
        python3 fixtures/harder.py FOLDER/seed$seed $seed && python3 fixtures/harder_peers.py FOLDER/seed$seed
    done
    SOFTMERGE_HARDER=FOLDER go test ./gating/search -run TestHarder -timeout 12h -args -harder "$PWD/fixtures/harder.md"

Accuracy on 2,001 samples that nothing has seen, of three parents for a domain each on a mixture of their domains; the
mean over %d seed%s, and after ± its standard error (of one seed: that of an accuracy on so many samples). Each seed has
data, a start and fine-tunes of its own. *best parent* is chosen by the test data itself. *confident
ensemble*: each parent weighs exp(-3 (entropy - its mean entropy)) for a sample. *weighted ensemble*: the mixture of the
parents' probabilities that is likeliest on the samples. *fine-tuned*: the parent that is best on the
samples, or the average, trained on them, with the rate and the number of steps that a fifth of them chose. *soft,
PyTorch*: soft merging as in the paper, a gate a layer. ` + "`soft` and `auto`" + `: what that --method writes, or the parent that it
keeps. Ensembles are three networks, all else is one. An empty cell was not measured.
`

const harderTried = `
## Tried, and left out

No better on average, in single runs of the families that learn quickly: half of what is trained on from mixtures of two
samples that the parents label (better for the CNNs, worse for the MLPs and digits); training on from gates of the transplant
in place of the transplant itself (as good, for more time); parents weighted alike where there are no labels; without
labels, mixtures of two samples that the ensemble answers anew. Merges that are better by their loss alone as well (with 100
labels half a point better, with 500 more that are worse in fixtures/choice.md).
`

// seeds are the folders that something was measured of.
func (s study) seeds() []string {
	found := map[string]bool{}
	for key := range s {
		found[strings.Split(key, "/")[0]] = true
	}
	return slices.Sorted(maps.Keys(found))
}

// of are the cells of a family's column, by seed.
func (s study) of(family, column, n string) map[string]cell {
	cells := map[string]cell{}
	for _, seed := range s.seeds() {
		if c, ok := s[filepath.Join(seed, family, column, n)]; ok && c.Refused == "" {
			cells[seed] = c
		}
	}
	return cells
}

// figures are the accuracies of a column with so many samples; columns that use none have the same for any number.
func (s study) figures(family string, column int, n string) map[string]float64 {
	c := harderColumns[column]
	if !c.labels {
		n = "0"
	}
	v := map[string]float64{}
	for seed, of := range s.of(family, c.key, n) {
		v[seed] = of.Accuracy
	}
	return v
}

// accuracies writes the table for a number of samples.
func (s study) accuracies(out *strings.Builder, n string) {
	head, rule := "| family |", "|---|"
	var used []int
	for i, c := range harderColumns {
		if n == "0" && c.labels && c.key != "auto" {
			continue
		}
		used = append(used, i)
		head, rule = head+" "+c.title+" |", rule+"---|"
	}
	fmt.Fprintf(out, "%s\n%s\n", head, rule)
	means := make([][]float64, len(harderColumns))
	for _, f := range harderFamilies {
		fmt.Fprintf(out, "| %s |", f.name)
		for _, i := range used {
			v := slices.Collect(maps.Values(s.figures(f.name, i, n)))
			if len(v) > 0 {
				means[i] = append(means[i], mean(v))
			}
			fmt.Fprintf(out, " %s |", meanAndError(v))
		}
		fmt.Fprintln(out)
	}
	fmt.Fprint(out, "| **mean** |")
	for _, i := range used {
		if len(means[i]) < len(harderFamilies) {
			fmt.Fprint(out, " |")
			continue
		}
		fmt.Fprintf(out, " **%.3f** |", mean(means[i]))
	}
	fmt.Fprintln(out)
}

// shortfalls lists where auto is below another column by more than a standard error of the difference.
func (s study) shortfalls(out *strings.Builder) {
	fmt.Fprint(out, "\n## Where `auto` falls short\n\nBy more than one standard error of the difference over the seeds:\n\n")
	fmt.Fprint(out, "| samples | family | column | `auto` is less by |\n|---|---|---|---|\n")
	last, rows, short := len(harderColumns)-1, 0, 0
	for _, n := range harderSamples {
		for _, f := range harderFamilies {
			auto := s.figures(f.name, last, n)
			for i, c := range harderColumns[:last] {
				if n == "0" && c.labels {
					continue
				}
				var differences, accuracies []float64
				for seed, v := range s.figures(f.name, i, n) {
					if a, ok := auto[seed]; ok {
						differences, accuracies = append(differences, v-a), append(accuracies, a)
					}
				}
				if len(differences) == 0 {
					continue
				}
				e := errorOfMean(differences)
				if len(differences) == 1 {
					e = math.Sqrt2 * errorOfMean(accuracies)
				}
				rows++
				if m := mean(differences); m > e {
					short++
					fmt.Fprintf(out, "| %s | %s | %s | %.3f ± %.3f |\n", n, f.name, c.title, m, e)
				}
			}
		}
	}
	fmt.Fprintf(out, "\n%d of %d comparisons.\n", short, rows)
}

// chosen lists which candidates auto chose.
func (s study) chosen(out *strings.Builder) {
	fmt.Fprint(out, "\n## What `auto` chose\n\n| family | 1000 | 500 | 100 | none |\n|---|---|---|---|---|\n")
	for _, f := range harderFamilies {
		fmt.Fprintf(out, "| %s |", f.name)
		for _, n := range harderSamples {
			counts := map[string]int{}
			for _, c := range s.of(f.name, "auto", n) {
				counts[c.Chosen]++
			}
			var list []string
			for _, name := range slices.Sorted(maps.Keys(counts)) {
				list = append(list, strings.TrimPrefix(fmt.Sprintf("%d × %s", counts[name], name), "1 × "))
			}
			fmt.Fprintf(out, " %s |", strings.Join(list, ", "))
		}
		fmt.Fprintln(out)
	}
}

// times lists how long what learns takes.
func (s study) times(out *strings.Builder) {
	fmt.Fprint(out, "\n## Time\n\nSeconds of one processor with 1,000 samples, mean over the seeds; fine-tuning with its search for "+
		"rate and steps.\n\n| family | fine-tuned best | soft, PyTorch | `soft` | `auto` |\n|---|---|---|---|---|\n")
	for _, f := range harderFamilies {
		fmt.Fprintf(out, "| %s |", f.name)
		for _, column := range []string{"peer finetune", "peer softmerge", "soft", "auto"} {
			var v []float64
			for _, c := range s.of(f.name, column, "1000") {
				v = append(v, c.Seconds)
			}
			if len(v) == 0 {
				fmt.Fprint(out, " |")
				continue
			}
			fmt.Fprintf(out, " %.0f |", mean(v))
		}
		fmt.Fprintln(out)
	}
}

// mean is that of some numbers.
func mean(v []float64) float64 {
	sum := 0.0
	for _, x := range slices.Sorted(slices.Values(v)) { // maps have no order, and sums depend on it
		sum += x
	}
	return sum / float64(len(v))
}

// errorOfMean is that of a mean; of one accuracy that of a share of the test samples.
func errorOfMean(v []float64) float64 {
	if len(v) == 1 {
		return math.Sqrt(max(v[0]*(1-v[0]), 0) / 2001)
	}
	m, squares := mean(v), 0.0
	for _, x := range v {
		squares += (x - m) * (x - m)
	}
	return math.Sqrt(squares / float64(len(v)-1) / float64(len(v)))
}

// meanAndError writes both, and nothing for no numbers.
func meanAndError(v []float64) string {
	if len(v) == 0 {
		return ""
	}
	return fmt.Sprintf("%.3f ± %.3f", mean(v), errorOfMean(v))
}

// TestHarderTables: of two seeds, a difference is told with its standard error, and only one that is greater than that is
// a shortfall.
func TestHarderTables(t *testing.T) {
	s := study{}
	for seed, of := range map[string][3]float64{"seed0": {0.6, 0.7, 0.5}, "seed1": {0.7, 0.8, 0.9}} {
		for i, key := range []string{"auto/500", "peer ensemble/0", "uniform/0"} {
			s[seed+"/cnn/"+key] = cell{Accuracy: of[i], Chosen: "soft:layer"}
		}
	}
	s["seed1/cnn/soft/500"] = cell{Refused: "the data is another's"}
	text := s.tables()
	for _, want := range []string{"mean over 2 seeds", "| 0.650 ± 0.050 |", "| 500 | cnn | ensemble | 0.100 ± 0.000 |",
		"1 of 2 comparisons", "2 × soft:layer", "seed1/cnn/soft/500 was refused: the data is another's"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}
