package graphmatch

import (
	"slices"
	"strconv"

	"github.com/softmerge/softmerge/onnx"
)

// unit is one layer of one model.
type unit struct {
	model   *onnx.Model
	op      string // as reported
	kind    string // as compared: one name for the spellings of one layer
	anchor  *node  // the node that reads the weight
	members []*node
	params  []*param
	data    []*value // what flows in
	name    string
	given   bool // whether the name was derived from one that an author chose
	scope   string
	tags    []string // all names that a pattern may match
	fold    *fold    // the normalisation behind the layer that is taken for part of it
	source  *unit    // the unit that a folded one was made from
	behind  bool     // a BatchNormalization that alone reads what a convolution or linear layer computes
}

// param is one parameter of a unit, with the slots that read it.
type param struct {
	role string
	at   []reader
	c    *constant
}

// param finds a parameter by role, nil when the unit has none.
func (u *unit) param(role string) *param {
	for _, p := range u.params {
		if p.role == role {
			return p
		}
	}
	return nil
}

// view is a model as layers in its data flow.
type view struct {
	*flow
	units []*unit // in canonical order
	graph *canon
}

// newView reads a model and groups its tensors into layers.
func newView(m *onnx.Model) (*view, error) {
	f, err := newFlow(m)
	if err != nil {
		return nil, err
	}
	v := &view{flow: f}
	for _, n := range f.nodes {
		if n.live && n.unit == nil {
			v.group(n)
		}
	}
	v.graph = newCanon(v)
	v.units = nil
	for _, c := range v.graph.nodes {
		if c.unit == nil {
			continue
		}
		v.units = append(v.units, c.unit)
		if norm := c.unit.normBehind(); norm != nil {
			_, alone := norm.anchor.in[0].onlyReader()
			norm.behind = alone
		}
	}
	v.nameUnits()
	return v, nil
}

// group makes the layer that starts at a node, if the node reads any parameter.
func (v *view) group(n *node) {
	params := fixedParams(n)
	if len(params) == 0 {
		params = bareParams(n)
	}
	if len(params) == 0 {
		return
	}
	u := &unit{model: v.model, op: qualified(n.proto), kind: n.op, anchor: n, members: []*node{n}, params: params}
	if k := kinds[n.op]; k != "" && params[0].role == "weight" {
		u.kind = k
	}
	for slot, in := range n.in {
		if in != nil && in.fixed == nil && carriesData(n, slot) {
			u.data = append(u.data, in)
		}
	}
	u.absorb()
	for _, m := range u.members {
		m.unit = u
	}
}

// fixedParams are the parameters of an operator whose input slots have known roles.
func fixedParams(n *node) (params []*param) {
	for _, r := range roles[n.op] {
		if r.slot >= len(n.in) || n.in[r.slot] == nil {
			continue
		}
		c := n.in[r.slot].fixed
		if !c.weight() || r.role == "table" && c.elements() < 2 {
			continue
		}
		params = append(params, &param{role: r.role, at: []reader{{n, r.slot}}, c: c})
	}
	return params
}

// bareParams are the tensors that any other operator combines with data. Nodes without data (norms of a
// reparametrised weight) count too: their result flows on.
func bareParams(n *node) (params []*param) {
	for slot, in := range n.in {
		if in != nil && carriesData(n, slot) && in.fixed.bare() {
			params = append(params, &param{role: "value", at: []reader{{n, slot}}, c: in.fixed})
		}
	}
	if len(params) > 1 {
		for _, p := range params {
			p.role = "value" + strconv.Itoa(p.at[0].slot)
		}
	}
	return params
}

// bare tells a parameter from a constant of an operator's decomposition: it has more than one element, or
// a name that its author gave.
func (c *constant) bare() bool {
	if !c.weight() || c.elements() == 0 {
		return false
	}
	return c.elements() > 1 || !c.literal && !anonymous(c.name())
}

// absorb takes the nodes around the anchor that belong to the same layer.
func (u *unit) absorb() {
	switch {
	case u.anchor.op == "Mul" && len(u.params) == 1 && len(u.data) == 1:
		u.params[0].role = "scale"
		u.absorbNormalisation()
		if u.param("bias") != nil {
			return
		}
		u.absorbAdd(func(c *constant) bool { return sameVector(c.shape, u.params[0].c.shape) })
	case u.param("weight") == nil || u.param("bias") != nil:
	case u.kind == "Linear":
		width := u.linearWidth()
		u.absorbAdd(func(c *constant) bool { return vectorAt(c, width, 1) })
	case u.kind == "Conv" || u.kind == "ConvTranspose":
		w := u.param("weight").c
		if channels := u.outputChannels(); channels > 0 {
			u.absorbAdd(func(c *constant) bool { return vectorAt(c, channels, len(w.shape)-1) })
		}
	}
}

// absorbAdd takes a following Add of a fitting constant as the layer's bias, when nothing else reads the
// sum's other operand. Conversions between the two belong to the layer.
func (u *unit) absorbAdd(fits func(*constant) bool) {
	skip := map[string]bool{"Cast": true, "Reshape": u.kind == "Linear"} // a Reshape keeps a linear layer's last axis
	add, between := u.anchor.nextBut(skip)
	if add.node == nil || add.node.op != "Add" || len(add.node.in) != 2 || add.node.unit != nil {
		return
	}
	slot := 1 - add.slot
	other := add.node.in[slot]
	if other == nil || !other.fixed.weight() || !fits(other.fixed) || other.fixed.elements() == 1 && !other.fixed.bare() {
		return
	}
	u.params = append(u.params, &param{role: "bias", at: []reader{{add.node, slot}}, c: other.fixed})
	u.members = append(append(u.members, between...), add.node)
}

// next is the one node that reads a node's first output, with the Cast nodes on the way; its node is nil
// when there are several readers or none.
func (n *node) next() (reader, []*node) { return n.nextBut(map[string]bool{"Cast": true}) }

// nextBut is next with other operators skipped.
func (n *node) nextBut(skip map[string]bool) (r reader, between []*node) {
	for len(n.out) > 0 {
		r, ok := n.out[0].onlyReader()
		if !ok {
			break
		}
		if !skip[r.node.op] || r.slot != 0 {
			return r, between
		}
		n = r.node
		between = append(between, n)
	}
	return reader{}, nil
}

// onlyReader is the single live reader of a value, false when there are more or none.
func (v *value) onlyReader() (r reader, ok bool) {
	for _, x := range v.readers {
		if x.node.live {
			if ok {
				return reader{}, false
			}
			r, ok = x, true
		}
	}
	return r, ok
}

// linearWidth is the number of outputs of a linear layer.
func (u *unit) linearWidth() int {
	w := u.param("weight").c.shape
	if len(w) == 0 {
		return 0
	}
	if len(w) == 2 && intAttr(u.anchor.proto, "transB", 0) != 0 {
		return w[0]
	}
	return w[len(w)-1]
}

// outputChannels is the number of output channels of a convolution, 0 for weights of a wrong rank.
func (u *unit) outputChannels() int {
	w := u.param("weight").c.shape
	switch {
	case len(w) < 3:
		return 0
	case u.kind == "ConvTranspose":
		return w[1] * int(intAttr(u.anchor.proto, "group", 1))
	}
	return w[0]
}

// vectorAt tells whether a constant has n elements, all along the axis that is fromEnd from the end.
func vectorAt(c *constant, n, fromEnd int) bool {
	axis := len(c.shape) - fromEnd
	return axis >= 0 && c.shape[axis] == n && c.elements() == n
}

// sameVector compares shapes without leading axes of length one.
func sameVector(a, b []int) bool {
	return slices.Equal(trimOnes(a), trimOnes(b))
}

func trimOnes(s []int) []int {
	for len(s) > 0 && s[0] == 1 {
		s = s[1:]
	}
	return s
}

// operators are the operator types that make up a layer, for patterns such as op:Conv.
func (u *unit) operators() []string {
	ops := []string{u.op}
	if u.anchor.op != u.op && u.op == u.anchor.proto.GetOpType() {
		ops = append(ops, u.anchor.op)
	}
	if short := u.anchor.proto.GetOpType(); u.op != short && u.op == u.anchor.op {
		ops = append(ops, short)
	}
	return ops
}
