package graphmatch

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/softmerge/softmerge/graphmatch/internal/flow"
	"github.com/softmerge/softmerge/graphmatch/internal/symmetry"
)

// foldRows looks for layers that some models have with a BatchNormalization behind them and others without,
// as exporters leave it that fold constants. There the layer is matched with the normalisation folded in,
// and the normalisation's own row goes away. It returns the rows of layers that remain, and says in notes
// which were folded.
func (a *Alignment) foldRows() (rows []row, notes map[*flow.Unit]string) {
	at := map[*flow.Unit]row{}
	for _, r := range a.table {
		for _, u := range r {
			if u != nil {
				at[u] = r
			}
		}
	}
	a.folds = map[*flow.Unit]*flow.Fold{}
	gone, notes := map[*flow.Unit]bool{}, map[*flow.Unit]string{}
	for _, r := range a.table {
		if folded := a.foldRow(r, at); folded != nil {
			for _, u := range folded {
				if u.Fold != nil {
					gone[u.Fold.Norm], a.folds[u.Source] = true, u.Fold
				}
			}
			notes[folded.first(a.Base)] = a.foldNote(folded)
			r = folded
		}
		rows = append(rows, r)
	}
	rows = slices.DeleteFunc(rows, func(r row) bool {
		return slices.ContainsFunc(r, func(u *flow.Unit) bool { return u != nil && gone[u] })
	})
	return rows, notes
}

// foldRow is a row with the normalisations of some models folded in, nil where that is not called for or
// not possible.
func (a *Alignment) foldRow(r row, at map[*flow.Unit]row) row {
	if slices.Contains(r, nil) {
		return nil
	}
	var norms row // the one row that all normalisations behind the layer belong to
	out := slices.Clone(r)
	for j, u := range r {
		norm := u.NormBehind()
		if norm == nil {
			continue
		}
		if norms != nil && norms[j] != norm || a.obstacle(j, u, norm) != "" {
			return nil
		}
		norms = at[norm]
		out[j] = u.Folded(norm)
	}
	if norms == nil {
		return nil
	}
	plain, kinds := 0, map[string]bool{}
	for j, u := range out {
		if u.Fold == nil && (norms[j] != nil || u.Param("bias") == nil) {
			return nil
		}
		if u.Fold == nil {
			plain++
		} else {
			kinds[u.Fold.Norm.Kind] = true
		}
	}
	if plain == 0 && len(kinds) == 1 { // alike: mixed as they are
		return nil
	}
	return out
}

// foldNote says in which models the normalisation was folded by their exporter and in which it is folded to
// match, and names the nodes of the first of each.
func (a *Alignment) foldNote(r row) string {
	var without, with []string
	var plain, folded *flow.Unit
	for j, u := range r {
		if u.Fold == nil {
			without, plain = append(without, a.labels[j]), cmp.Or(plain, u)
		} else {
			with, folded = append(with, a.labels[j]), cmp.Or(folded, u)
		}
	}
	if plain == nil {
		return foldNoteOfForms(r)
	}
	nodes := fmt.Sprintf("node %q (%s) against node %q (%s) + node %q (%s)", plain.NodeName(), plain.Op,
		folded.NodeName(), folded.Op, folded.Fold.Norm.NodeName(), folded.Fold.Norm.Op)
	return fmt.Sprintf("batchnorm folded in %s; %s folded to match: %s",
		strings.Join(without, ", "), strings.Join(with, ", "), nodes)
}

// foldNoteOfForms says that a normalisation is written in several forms, and names the node of each.
func foldNoteOfForms(r row) string {
	var forms []string
	seen := map[string]bool{}
	for _, u := range r {
		if norm := u.Fold.Norm; !seen[norm.Kind] {
			seen[norm.Kind] = true
			forms = append(forms, fmt.Sprintf("node %q (%s)", norm.NodeName(), norm.Op))
		}
	}
	return "batchnorm written in several forms, folded in all to match: " + strings.Join(forms, " against ")
}

// noteFold says how a layer was made to match, and lets patterns find it by its normalisation's names.
func (l *Layer) noteFold(r row, note string) {
	if l.Status == Matched {
		l.Reason = note
	}
	for _, u := range r {
		if u.Fold != nil {
			l.tags = append(append(l.tags, u.Fold.Norm.Name), u.Fold.Norm.Tags...)
		}
	}
}

// explainFolds says so where a BatchNormalization is missing because one exporter folded it into the layer
// before it and it cannot be folded in the other models: the files' weights then mean different things,
// though their shapes agree.
func (a *Alignment) explainFolds() {
	layers := map[*flow.Unit]*Layer{}
	for i := range a.Layers {
		for _, u := range a.Layers[i].row {
			if u != nil {
				layers[u] = &a.Layers[i]
			}
		}
	}
	for i := range a.Layers {
		for j, u := range a.Layers[i].row {
			norm := u.NormBehind()
			if norm == nil || layers[norm] == nil {
				continue
			}
			for k, w := range a.Layers[i].row {
				if w == nil || w.NormBehind() != nil || layers[norm].row[k] != nil {
					continue
				}
				text := fmt.Sprintf("%s has BatchNormalization %q folded into %s %q, %s keeps it as a node after %q, "+
					"where it cannot be folded: %s", a.labels[k], norm.NodeName(), w.Op, w.NodeName(), a.labels[j],
					u.NodeName(), a.refusal(j, u, norm, w))
				a.Layers[i].explain(Mismatch, text)
				layers[norm].explain(Missing, text)
			}
		}
	}
}

// refusal says why the normalisation norm of model j cannot be folded into u to match w.
func (a *Alignment) refusal(j int, u, norm, w *flow.Unit) string {
	if why := a.obstacle(j, u, norm); why != "" {
		return why
	}
	if w.Param("bias") == nil {
		return fmt.Sprintf("%q has no bias", w.NodeName())
	}
	return "another model differs"
}

// obstacle says why model j's normalisation norm cannot be folded into u, "" when it can.
func (a *Alignment) obstacle(j int, u, norm *flow.Unit) string {
	if a.ranks[j] == nil {
		a.ranks[j] = symmetry.Ranks(a.views[j])
	}
	return a.views[j].Obstacle(u, norm, a.ranks[j])
}

// explain sets a reason that says more than those found before.
func (l *Layer) explain(s Status, reason string) { l.Status, l.Reason = s, reason }
