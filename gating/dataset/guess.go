package dataset

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/softmerge/softmerge/onnx"
)

// labelLike are names that say of an array that it is a label, though not the one that is taken without asking.
var labelLike = regexp.MustCompile(`(?i)^(y|labels?|targets?|class|classes|category|categories)$` +
	`|[_.-](y|labels?|targets?|class)$|^(y|label|target|class)[_.-]`)

// spare are names of arrays that are neither samples nor labels: they number, weigh or name samples.
var spare = regexp.MustCompile(`(?i)^(__.*__|(.*[_.-])?(weights?|ids?|idx|index|indices|uid|uuid|groups?|domains?|` +
	`folds?|paths?|files?|filenames?|urls?|names?|mean|std|timestamps?))$`)

// guess takes arrays for inputs and label that no name decides.
type guess struct {
	arrays  []named
	options Options
	found   []int  // by input
	taken   []bool // by array
	label   int
	guessed []string // what was taken without being named, for the note
}

// inputs gives every input without an array the only one that can be meant: the only one left, else the only one that
// its type and shape fit. It fails with the first input that has none or several.
func (g *guess) inputs() error {
	rest := g.rest()
	if missing := slices.Index(g.found, -1); missing >= 0 && len(g.found) == 1 && len(rest) == 1 {
		g.take(missing, rest[0])
		return nil
	}
	var fits [][]int
	for i, at := range g.found {
		fits = append(fits, nil)
		if at >= 0 {
			continue
		}
		fits[i] = slices.DeleteFunc(slices.Clone(rest),
			func(j int) bool { return !suits(g.options.Inputs[i], g.arrays[j]) })
		if len(fits[i]) != 1 {
			return g.noInput(i, fits[i])
		}
		if other := slices.IndexFunc(fits[:i], func(f []int) bool { return slices.Equal(f, fits[i]) }); other >= 0 {
			return g.noInput(other, nil)
		}
	}
	for i, list := range fits {
		if list != nil {
			g.take(i, list[0])
		}
	}
	return nil
}

func (g *guess) take(input, at int) {
	g.found[input], g.taken[at] = at, true
	g.guessed = append(g.guessed, fmt.Sprintf("%q is taken for input %q", g.arrays[at].name,
		g.options.Inputs[input].Name))
}

// rest are the arrays that may be samples: not taken, and no name says that they are something else. If all are said
// to be, all are.
func (g *guess) rest() []int {
	all := untaken(g.taken)
	rest := slices.DeleteFunc(slices.Clone(all), func(i int) bool {
		name := g.arrays[i].name
		return spare.MatchString(name) || g.label < 0 && g.options.Label == "" && labelLike.MatchString(name)
	})
	if len(rest) == 0 && len(all) == 1 {
		return all
	}
	return rest
}

// suits says whether an array has a type and shape that an input takes.
func suits(f Field, a array) bool {
	typ, shape, err := a.header()
	if err != nil {
		return false
	}
	if _, err := fit(f, shape); err != nil {
		return false
	}
	return f.Type == onnx.Undefined || f.Type.IsFloat() || !typ.IsFloat()
}

// noInput refuses a file in which none or several arrays can be the input.
func (g *guess) noInput(input int, fits []int) error {
	name := g.options.Inputs[input].Name
	labelled := "no label"
	if g.label >= 0 {
		labelled = fmt.Sprintf("the label %q", g.arrays[g.label].name)
	}
	also := ""
	if len(fits) > 1 {
		also = fmt.Sprintf("; its type and shape fit %s", quoted(g.names(fits)))
	}
	return fail(didYouMean(name, names(g.arrays), fmt.Sprintf("save the array under the name %q", name)),
		"there is no array for input %q; the file has %s (%s)%s", name, quoted(names(g.arrays)), labelled, also)
}

func (g *guess) names(which []int) []string {
	var list []string
	for _, i := range which {
		list = append(list, g.arrays[i].name)
	}
	return list
}

// pickLabel finds the label where no key is one: the only array that a name calls so, else the only one that is left;
// it has as many rows as there are samples. Several that are called labels are an error.
func (g *guess) pickLabel() error {
	if g.label >= 0 || g.options.Label != "" {
		return nil
	}
	rest := slices.DeleteFunc(untaken(g.taken), func(i int) bool {
		return spare.MatchString(g.arrays[i].name) && !labelLike.MatchString(g.arrays[i].name) || !g.isRowed(i)
	})
	called := slices.DeleteFunc(slices.Clone(rest),
		func(i int) bool { return !labelLike.MatchString(g.arrays[i].name) })
	if len(called) > 1 {
		return fail("name the one to use: --label "+g.arrays[called[0]].name,
			"several arrays may be the label: %s", quoted(g.names(called)))
	}
	for _, list := range [][]int{called, rest} {
		if len(list) == 1 {
			g.label, g.taken[list[0]] = list[0], true
			g.guessed = append(g.guessed, fmt.Sprintf("%q for the label", g.arrays[list[0]].name))
			return nil
		}
	}
	return nil
}

// isRowed says whether an array has one row for each sample of the first input.
func (g *guess) isRowed(i int) bool {
	if len(g.found) == 0 {
		return true
	}
	_, of, err := g.arrays[g.found[0]].header()
	_, shape, bad := g.arrays[i].header()
	return err != nil || bad != nil || len(of) == 0 || len(shape) > 0 && shape[0] == of[0]
}

// notes tell what was taken without a name that says so, and what was left.
func (g *guess) notes() []string {
	var notes []string
	if len(g.guessed) > 0 {
		notes = append(notes, strings.Join(g.guessed, ", "))
	}
	if left := untaken(g.taken); len(left) > 0 {
		note := "not used: " + quoted(g.names(left))
		if g.label < 0 {
			note += "; no label was found (--label KEY names one)"
		}
		notes = append(notes, note)
	}
	return notes
}
