package graphmatch

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/softmerge/softmerge/graphmatch/internal/flow"
	"github.com/softmerge/softmerge/graphmatch/internal/pairing"
	"github.com/softmerge/softmerge/onnx"
)

// Align pairs the layers of models with those of models[base] and compares the tensors of matched layers
// bit by bit (as far as the first difference). A single model is aligned with itself. Layers that do not
// fit are no error here: see [Selection.Strict]. The error is of kind onnx.ErrInvalid when a model's graph
// cannot be followed, and wraps what reading a tensor returned.
func Align(models []*onnx.Model, base int) (*Alignment, error) {
	a, err := AlignStructure(models, base)
	if err != nil {
		return nil, err
	}
	return a, a.Compare()
}

// AlignStructure is [Align] without reading any weights (constants of at most 65,536 elements excepted),
// so that it costs the same for a model of a billion weights as for a small one. No layer has the
// status Identical before [Alignment.Compare].
func AlignStructure(models []*onnx.Model, base int) (*Alignment, error) {
	if base < 0 || base >= len(models) {
		return nil, fmt.Errorf("base %d of %d models: want an index of a model", base, len(models))
	}
	a := &Alignment{Models: models, Base: base, ranks: make([]func(*flow.Value) int, len(models)),
		ends: make([]ends, len(models))}
	for _, m := range models {
		v, err := flow.Read(m)
		if err != nil {
			return nil, err
		}
		a.views = append(a.views, v)
	}
	a.labels, a.readers = fileLabels(models), tensorSites(a.views[base])
	a.table = a.rows()
	rows, notes := a.foldRows()
	for _, r := range rows {
		if r.exporterConstant() {
			continue
		}
		l := a.layer(r)
		if note := notes[r.first(a.Base)]; note != "" {
			l.noteFold(r, note)
		}
		a.Layers = append(a.Layers, l)
	}
	a.explainFolds()
	a.asideEnds()
	a.tie()
	a.refuseSharedViews()
	a.refuseSharedInFunctions()
	a.uniqueNames()
	return a, nil
}

// row is one layer: its unit in each model, nil where the model lacks it.
type row []*flow.Unit

// first is the unit that gives the layer its shape: the base's, else the first there is.
func (r row) first(base int) *flow.Unit {
	if r[base] != nil {
		return r[base]
	}
	return r[slices.IndexFunc(r, func(u *flow.Unit) bool { return u != nil })]
}

// rows pairs all models with the base, and collects what the base lacks by kind and name.
func (a *Alignment) rows() []row {
	var rows []row
	at := map[*flow.Unit]row{}
	for _, u := range a.views[a.Base].Units {
		r := make(row, len(a.Models))
		r[a.Base], at[u] = u, r
		rows = append(rows, r)
	}
	extra := map[string]row{}
	for j, v := range a.views {
		if j == a.Base {
			a.ends[j] = ownEnds(v)
			continue
		}
		paired := map[*flow.Unit]bool{}
		pairs, found := pairing.Pair(a.views[a.Base], v)
		a.ends[j] = newEnds(a.views[a.Base], v, found)
		for u, w := range pairs {
			at[u][j], paired[w] = w, true
		}
		for _, w := range v.Units {
			if paired[w] {
				continue
			}
			key := w.Kind + " " + w.Name
			if extra[key] == nil || extra[key][j] != nil {
				extra[key] = make(row, len(a.Models))
				rows = append(rows, extra[key])
			}
			extra[key][j] = w
		}
	}
	return rows
}

// layer makes the exported description of a row.
func (a *Alignment) layer(r row) Layer {
	u := r.first(a.Base)
	name := u
	for _, w := range r {
		if !name.Given && w != nil && w.Given {
			name = w
		}
	}
	l := Layer{Name: name.Name, Scope: name.Scope, Op: u.Op, Status: Matched, row: r}
	l.tags, l.ops = slices.Clone(u.Tags), u.Operators()
	for _, role := range r.roles(a.Base) {
		l.Params = append(l.Params, a.param(r, role))
	}
	if r[a.Base] != nil {
		l.Resets = resets(r[a.Base])
	}
	for j, w := range r {
		if w == nil {
			l.fail(Missing, "%s has no such layer", a.labels[j])
		}
	}
	for i := range l.Params {
		a.check(&l, &l.Params[i])
	}
	return l
}

// fail records the first and most severe reason why a layer does not fit.
func (l *Layer) fail(s Status, format string, args ...any) {
	switch {
	case l.Status == Missing && s == Mismatch:
	case l.Status == s && l.Reason != "":
		l.Reason += "; " + fmt.Sprintf(format, args...)
	default:
		l.Status, l.Reason = s, fmt.Sprintf(format, args...)
	}
}

// roles are the parameters that any model has, the base's first.
func (r row) roles(base int) []string {
	var roles []string
	for _, u := range append(row{r.first(base)}, r...) {
		if u == nil {
			continue
		}
		for _, p := range u.Params {
			if !slices.Contains(roles, p.Role) {
				roles = append(roles, p.Role)
			}
		}
	}
	return roles
}

// param describes one parameter in every model.
func (a *Alignment) param(r row, role string) Param {
	p := Param{Role: role, Uses: make([]Use, len(r)), ChannelAxis: -1}
	owner := r.first(a.Base)
	if owner.Param(role) == nil {
		owner = r[slices.IndexFunc(r, func(u *flow.Unit) bool { return u != nil && u.Param(role) != nil })]
	}
	own := owner.Param(role)
	p.Shape, p.Type = own.C.FileShape(), own.C.DataType()
	p.ChannelAxis = owner.ChannelAxis(own)
	for j, u := range r {
		if u == nil || u.Param(role) == nil {
			continue
		}
		q := u.Param(role)
		p.Uses[j] = useOf(q)
		p.Uses[j].Transposed = u.Transposed(q) != owner.Transposed(own)
		p.Uses[j].fold, p.Uses[j].factor = u.Fold, u.Scale(q)/owner.Scale(own)
	}
	return p
}

// useOf describes a parameter's tensor and where it is read.
func useOf(p *flow.Param) Use {
	use := Use{Tensor: p.C.Tensor, Name: p.C.Name(), Reader: p.At[0].Node.Proto, from: p.C, factor: 1}
	for _, at := range p.At {
		use.Sites = append(use.Sites, at.Site(p.C))
	}
	return use
}

// check compares one parameter's presence, shape and type between the models that have the layer.
func (a *Alignment) check(l *Layer, p *Param) {
	ref := a.Base
	if !p.Uses[ref].Reads() {
		ref = slices.IndexFunc(p.Uses, Use.Reads)
	}
	for j, u := range l.row {
		if u != nil && !p.Uses[j].Reads() {
			l.fail(Mismatch, "%s: %s has none", p.Role, a.labels[j])
		}
	}
	want := l.row[ref].Param(p.Role)
	for j, u := range l.row {
		if j == ref || !p.Uses[j].Reads() {
			continue
		}
		got := u.Param(p.Role)
		x, y := u.CanonicalShape(got), l.row[ref].CanonicalShape(want)
		switch mine, other := a.labels[j], a.labels[ref]; {
		case !slices.Equal(x, y):
			shape := p.Uses[j].shapeText()
			l.fail(Mismatch, "%s: %s has shape %s, %s has %v", p.Role, mine, shape, other, want.C.FileShape())
		case !(math.Abs(p.Uses[j].factor) > 0 && math.Abs(p.Uses[j].factor) <= math.MaxFloat32):
			l.fail(Mismatch, "%s: %s multiplies it by %g, %s by %g", p.Role, mine, u.Scale(got), other,
				l.row[ref].Scale(want))
		case len(x) > 2 && !slices.Equal(got.C.Axes, want.C.Axes):
			l.fail(Mismatch, "%s: %s stores the axes in another order than %s", p.Role, mine, other)
		}
	}
}

// shapeText is the shape in the orientation of the base's tensor.
func (u *Use) shapeText() string {
	shape := u.from.FileShape()
	if !u.Transposed || shape[0] == shape[1] {
		return fmt.Sprint(shape)
	}
	return fmt.Sprintf("%v (stored as %v)", []int{shape[1], shape[0]}, shape)
}

// uniqueNames numbers layers of equal name.
func (a *Alignment) uniqueNames() {
	used := map[string]bool{}
	for i := range a.Layers {
		l := &a.Layers[i]
		name := l.Name
		for n := 2; used[name]; n++ {
			name = l.Name + "#" + strconv.Itoa(n)
		}
		used[name] = true
		l.Name = name
	}
}

// fileLabels are short names of the models for messages: file names, whole paths where those are equal,
// and numbers for models without a file.
func fileLabels(models []*onnx.Model) []string {
	count := map[string]int{}
	for _, m := range models {
		count[filepath.Base(m.Path())]++
	}
	labels := make([]string, len(models))
	for j, m := range models {
		switch short := filepath.Base(m.Path()); {
		case m.Path() == "":
			labels[j] = "model " + strconv.Itoa(j+1)
		case count[short] > 1:
			labels[j] = m.Path()
		default:
			labels[j] = short
		}
	}
	return labels
}
