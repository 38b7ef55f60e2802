package routed

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/advice"
)

// Names are the names of tasks, one for each model: those given, else those of the models' files. Names that a list
// between commas cannot hold are an error of kind gating.ErrOption.
func Names(given []string, models []*onnx.Model) ([]string, error) {
	if given == nil {
		given = namesOf(models)
	}
	return given, checkNames(given, len(models))
}

// namesOf names tasks after their files; files of one name are told apart by numbers.
func namesOf(models []*onnx.Model) []string {
	var names []string
	for _, m := range models {
		name := strings.TrimSuffix(filepath.Base(m.Path()), filepath.Ext(m.Path()))
		name = strings.ToValidUTF8(strings.ReplaceAll(name, ",", "_"), "_")
		unique := name
		for n := 2; slices.Contains(names, unique); n++ {
			unique = fmt.Sprintf("%s-%d", name, n)
		}
		names = append(names, unique)
	}
	return names
}

// checkNames refuses names that a list between commas cannot hold.
func checkNames(names []string, models int) error {
	if len(names) != models {
		return advice.Errorf(gating.ErrOption, "name one for each model",
			"%d tasks have names, and there are %d models", len(names), models)
	}
	for i, name := range names {
		if name == "" || strings.Contains(name, ",") || slices.Contains(names[:i], name) {
			return advice.Errorf(gating.ErrOption, "give every task a name of its own, without commas",
				"%q cannot be the name of task %d", name, i)
		}
	}
	return nil
}

// CheckRelated refuses models that were not trained from one start, as far as weights tell, by an error of kind
// graphmatch.ErrAlign; where it is to go on anyway it warns of them.
func CheckRelated(a *graphmatch.Alignment, anyway bool) (warnings advice.Warnings, err error) {
	_, cosines, err := graphmatch.Hidden(a)
	if err != nil {
		return nil, err
	}
	for j, c := range cosines {
		if j == a.Base || c == 0 || !(c < graphmatch.Related) { // 0 of models that have no hidden unit in common
			continue
		}
		const hint = "models that stay several in one file share what they learned from one start: give models that " +
			"have one, and that start"
		const text = "the weights of %s and %s have a cosine of %.2f: they do not look like fine-tunes of one start"
		of, and := filepath.Base(a.Models[a.Base].Path()), filepath.Base(a.Models[j].Path())
		if !anyway {
			return nil, advice.Errorf(graphmatch.ErrAlign, hint+"; or go on with --anyway", text, of, and, c)
		}
		warnings.Addf(graphmatch.ErrAlign, hint, text, of, and, c)
	}
	return warnings, nil
}
