package graphmatch

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// foldable operators are linear in weight and bias, so that the affine map of a BatchNormalization behind
// them can go into both.
var foldable = map[string]bool{"Conv": true, "ConvTranspose": true, "Gemm": true, "MatMul": true}

// maxEpsilon bounds the epsilon of a folded BatchNormalization: the variance 1-epsilon is written for it.
const maxEpsilon = 0.5

// foldRows looks for layers that some models have with a BatchNormalization behind them and others without,
// as exporters leave it that fold constants. There the layer is matched with the normalisation folded in,
// and the normalisation's own row goes away. It returns the rows of layers that remain, and says in notes
// which were folded.
func (a *Alignment) foldRows() (rows []row, notes map[*unit]string) {
	at := map[*unit]row{}
	for _, r := range a.table {
		for _, u := range r {
			if u != nil {
				at[u] = r
			}
		}
	}
	a.folds = map[*unit]*fold{}
	gone, notes := map[*unit]bool{}, map[*unit]string{}
	for _, r := range a.table {
		if folded := a.foldRow(r, at); folded != nil {
			for _, u := range folded {
				if u.fold != nil {
					gone[u.fold.norm], a.folds[u.source] = true, u.fold
				}
			}
			notes[folded.first(a.Base)] = a.foldNote(folded)
			r = folded
		}
		rows = append(rows, r)
	}
	rows = slices.DeleteFunc(rows, func(r row) bool {
		return slices.ContainsFunc(r, func(u *unit) bool { return u != nil && gone[u] })
	})
	return rows, notes
}

// foldRow is a row with the normalisations of some models folded in, nil where that is not called for or
// not possible.
func (a *Alignment) foldRow(r row, at map[*unit]row) row {
	if slices.Contains(r, nil) {
		return nil
	}
	var norms row // the one row that all normalisations behind the layer belong to
	out := slices.Clone(r)
	for j, u := range r {
		norm := u.normBehind()
		if norm == nil {
			continue
		}
		if norms != nil && norms[j] != norm || a.views[j].obstacle(u, norm) != "" {
			return nil
		}
		norms = at[norm]
		out[j] = u.folded(norm)
	}
	if norms == nil {
		return nil
	}
	plain := 0
	for j, u := range out {
		if u.fold == nil && (norms[j] != nil || u.param("bias") == nil) {
			return nil
		}
		if u.fold == nil {
			plain++
		}
	}
	if plain == 0 {
		return nil
	}
	return out
}

// foldNote says in which models the normalisation was folded by their exporter and in which it is folded to
// match, and names the nodes of the first of each.
func (a *Alignment) foldNote(r row) string {
	var without, with []string
	var plain, folded *unit
	for j, u := range r {
		if u.fold == nil {
			without, plain = append(without, a.labels[j]), cmp.Or(plain, u)
		} else {
			with, folded = append(with, a.labels[j]), cmp.Or(folded, u)
		}
	}
	return fmt.Sprintf("batchnorm folded in %s; %s folded to match: node %q (%s) against node %q (%s) + node %q (BatchNormalization)",
		strings.Join(without, ", "), strings.Join(with, ", "), plain.nodeName(), plain.op, folded.nodeName(), folded.op, folded.fold.norm.nodeName())
}

// noteFold says how a layer was made to match, and lets patterns find it by its normalisation's names.
func (l *Layer) noteFold(r row, note string) {
	if l.Status == Matched {
		l.Reason = note
	}
	for _, u := range r {
		if u.fold != nil {
			l.tags = append(append(l.tags, u.fold.norm.name), u.fold.norm.tags...)
		}
	}
}

// explainFolds says so where a BatchNormalization is missing because one exporter folded it into the layer
// before it and it cannot be folded in the other models: the files' weights then mean different things,
// though their shapes agree.
func (a *Alignment) explainFolds() {
	layers := map[*unit]*Layer{}
	for i := range a.Layers {
		for _, u := range a.Layers[i].row {
			if u != nil {
				layers[u] = &a.Layers[i]
			}
		}
	}
	for i := range a.Layers {
		for j, u := range a.Layers[i].row {
			norm := u.normBehind()
			if norm == nil || layers[norm] == nil {
				continue
			}
			for k, w := range a.Layers[i].row {
				if w == nil || w.normBehind() != nil || layers[norm].row[k] != nil {
					continue
				}
				const text = "%s has BatchNormalization %q folded into %s %q, %s keeps it as a node after %q, where it cannot be folded: %s"
				args := []any{a.labels[k], norm.nodeName(), w.op, w.nodeName(), a.labels[j], u.nodeName(), a.refusal(j, u, norm, w)}
				a.Layers[i].explain(Mismatch, text, args...)
				layers[norm].explain(Missing, text, args...)
			}
		}
	}
}

// refusal says why the normalisation norm of model j cannot be folded into u to match w.
func (a *Alignment) refusal(j int, u, norm, w *unit) string {
	if why := a.views[j].obstacle(u, norm); why != "" {
		return why
	}
	if w.param("bias") == nil {
		return fmt.Sprintf("%q has no bias", w.nodeName())
	}
	return "another model differs"
}

// explain sets a reason that says more than those found before.
func (l *Layer) explain(s Status, format string, args ...any) {
	l.Status, l.Reason = s, ""
	l.fail(s, format, args...)
}

// normBehind is the BatchNormalization that reads what a convolution or linear layer computes, nil when
// there is none, or when it is folded in already.
func (u *unit) normBehind() *unit {
	if u == nil || u.fold != nil || u.param("weight") == nil || u.kind != "Conv" && u.kind != "ConvTranspose" && u.kind != "Linear" {
		return nil
	}
	for n := u.members[len(u.members)-1]; len(n.out) > 0; {
		var cast *node
		for _, x := range n.out[0].readers {
			switch {
			case x.slot != 0 || !x.node.live:
			case x.node.op == "BatchNormalization":
				return x.node.unit
			case x.node.op == "Cast":
				cast = x.node
			}
		}
		if n = cast; n == nil {
			break
		}
	}
	return nil
}

// obstacle says why the normalisation behind a layer cannot be folded into it, "" when it can.
func (v *view) obstacle(u, norm *unit) string {
	out := u.members[len(u.members)-1].out[0]
	reader, _ := out.onlyReader()
	n := norm.anchor
	switch {
	case !foldable[u.anchor.op] || scaled(u.anchor):
		return fmt.Sprintf("%q is no plain convolution or linear layer", u.nodeName())
	case reader.node != n || slices.Contains(v.outputs, out):
		return fmt.Sprintf("something else reads the result of %q too", u.nodeName())
	case n.trains():
		return "it normalises by the statistics of each batch (training mode)"
	case n.epsilon() < 0 || n.epsilon() > maxEpsilon:
		return fmt.Sprintf("its epsilon is %v", n.epsilon())
	case v.axisBehind(u) < 0:
		return fmt.Sprintf("it is not known to normalise the outputs of %q", u.nodeName())
	}
	return u.misfit(norm)
}

// misfit says what is wrong with the tensors of a normalisation that is to be folded.
func (u *unit) misfit(norm *unit) string {
	channels := u.param("weight").c.fileShape()[u.channelAxis(u.param("weight"))]
	for _, role := range []string{"scale", "bias", "mean", "var"} {
		p := norm.param(role)
		if p == nil {
			return fmt.Sprintf("its %s is no stored tensor", role)
		}
		if p.c.elements() != channels {
			return fmt.Sprintf("its %s has %d elements, %q has %d outputs", role, p.c.elements(), u.nodeName(), channels)
		}
	}
	if own := u.param("bias"); own != nil && own.c.elements() != channels {
		return fmt.Sprintf("the bias of %q has %d elements, want %d", u.nodeName(), own.c.elements(), channels)
	}
	return ""
}

// axisBehind is the stored weight's axis that counts the channels which a BatchNormalization behind the
// layer normalises, -1 when that is not certain: the normalisation works on axis 1, which is the last axis
// of a linear layer's result only for matrices.
func (v *view) axisBehind(u *unit) int {
	if u.anchor.op == "MatMul" && v.rank(u.anchor.out[0]) != 2 {
		return -1
	}
	return u.channelAxis(u.param("weight"))
}

// rank is the number of a value's axes as far as the graph says, else -1.
func (v *view) rank(x *value) int {
	if v.traced == nil {
		v.traced = newTracer(v)
		v.traced.trace()
	}
	return v.traced.form(x).rank
}

// scaled tells whether a Gemm multiplies its product or its bias by a number.
func scaled(n *node) bool {
	for _, name := range []string{"alpha", "beta"} {
		if a := attribute(n.proto, name); a != nil && a.GetF() != 1 {
			return true
		}
	}
	return false
}

// trains tells whether a BatchNormalization normalises by each batch's own statistics: since opset 14 by an
// attribute, before by asking for more than one output. Opset 8 and lower could also normalise every
// position by itself.
func (n *node) trains() bool {
	if n.opset >= 14 {
		return intAttr(n.proto, "training_mode", 0) != 0
	}
	outs := n.proto.GetOutput()
	return intAttr(n.proto, "spatial", 1) == 0 || len(outs) > 1 && slices.ContainsFunc(outs[1:], func(s string) bool { return s != "" })
}

// epsilon is a BatchNormalization's epsilon, by default 1e-5.
func (n *node) epsilon() float64 {
	if a := attribute(n.proto, "epsilon"); a != nil {
		return float64(a.GetF())
	}
	return float64(float32(1e-5))
}

// nodeName is what the file calls the node that reads the layer's weight, the layer's name for nodes
// without one.
func (u *unit) nodeName() string {
	if name := u.anchor.proto.GetName(); name != "" {
		return name
	}
	return u.name
}
