package graphmatch

// explainFolds says so where a BatchNormalization is missing because one exporter folded it into the layer
// before it: the two files' weights then mean different things, though their shapes agree.
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
			if u == nil {
				continue
			}
			norm := u.foldable()
			if norm == nil {
				continue
			}
			for k, w := range a.Layers[i].row {
				if w == nil || w.foldable() != nil || layers[norm].row[k] != nil {
					continue
				}
				const text = "%s has BatchNormalization %q folded into %s %q, %s keeps it as a node after %q: export both the same way"
				args := []any{a.labels[k], norm.nodeName(), w.op, w.nodeName(), a.labels[j], u.nodeName()}
				a.Layers[i].explain(Mismatch, text, args...)
				layers[norm].explain(Missing, text, args...)
			}
		}
	}
}

// explain sets a reason that says more than those found before.
func (l *Layer) explain(s Status, format string, args ...any) {
	l.Status, l.Reason = s, ""
	l.fail(s, format, args...)
}

// foldable is the BatchNormalization that alone reads a convolution's or linear layer's result.
func (u *unit) foldable() *unit {
	if u.kind != "Conv" && u.kind != "ConvTranspose" && u.kind != "Linear" {
		return nil
	}
	next, _ := u.members[len(u.members)-1].next()
	if next.node == nil || next.node.op != "BatchNormalization" || next.slot != 0 || next.node.unit == nil {
		return nil
	}
	return next.node.unit
}

// nodeName is what the file calls the node that reads the layer's weight, the layer's name for nodes
// without one.
func (u *unit) nodeName() string {
	if name := u.anchor.proto.GetName(); name != "" {
		return name
	}
	return u.name
}
