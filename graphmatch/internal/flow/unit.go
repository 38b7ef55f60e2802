package flow

import (
	"slices"
	"strconv"

	"github.com/softmerge/softmerge/onnx"
)

// Unit is one layer of one model.
type Unit struct {
	Model    *onnx.Model
	Op       string // as reported
	Kind     string // as compared: one name for the spellings of one layer
	Anchor   *Node  // the node that reads the weight
	Members  []*Node
	Params   []*Param
	Data     []*Value // what flows in
	Name     string
	Given    bool // whether the name was derived from one that an author chose
	Scope    string
	Tags     []string // all names that a pattern may match
	Fold     *Fold    // the normalisation behind the layer that is taken for part of it
	Source   *Unit    // the unit that a folded one was made from
	AtEnd    bool     // no more than preprocessing before the first layer
	Foldable bool     // a BatchNormalization that alone reads what a convolution or linear layer computes
}

// Param is one parameter of a unit, with the slots that read it.
type Param struct {
	Role string
	At   []Reader
	C    *Constant
}

// Param finds a parameter by role, nil when the unit has none.
func (u *Unit) Param(role string) *Param {
	for _, p := range u.Params {
		if p.Role == role {
			return p
		}
	}
	return nil
}

// Network is a model as layers in its data flow.
type Network struct {
	*Graph
	Units     []*Unit // in canonical order
	Canonical *Canonical
}

// Read reads a model and groups its tensors into layers.
func Read(m *onnx.Model) (*Network, error) {
	f, err := newGraph(m)
	if err != nil {
		return nil, err
	}
	v := &Network{Graph: f}
	for _, n := range f.Nodes {
		if n.Live && n.Unit == nil {
			v.group(n)
		}
	}
	v.Canonical = newCanon(v)
	v.Units = nil
	for _, c := range v.Canonical.Nodes {
		if c.Unit == nil {
			continue
		}
		v.Units = append(v.Units, c.Unit)
		if norm := c.Unit.NormBehind(); norm != nil {
			_, alone := norm.Anchor.In[0].OnlyReader()
			norm.Foldable = alone
		}
	}
	for i := range v.inputs {
		for _, n := range v.Entry(i) {
			if n.Unit != nil {
				n.Unit.AtEnd = true
			}
		}
	}
	v.nameUnits()
	return v, nil
}

// group makes the layer that starts at a node, if the node reads any parameter.
func (v *Network) group(n *Node) {
	params := fixedParams(n)
	if len(params) == 0 {
		params = bareParams(n)
	}
	if len(params) == 0 {
		return
	}
	u := &Unit{Model: v.Model, Op: onnx.OpLabel(n.Proto), Kind: n.Op, Anchor: n, Members: []*Node{n}, Params: params}
	if k := kinds[n.Op]; k != "" && params[0].Role == "weight" {
		u.Kind = k
	}
	for slot, in := range n.In {
		if in != nil && in.Fixed == nil && carriesData(n, slot) {
			u.Data = append(u.Data, in)
		}
	}
	u.absorb()
	for _, m := range u.Members {
		m.Unit = u
	}
}

// fixedParams are the parameters of an operator whose input slots have known roles.
func fixedParams(n *Node) (params []*Param) {
	for _, r := range roles[n.Op] {
		if r.slot >= len(n.In) || n.In[r.slot] == nil {
			continue
		}
		c := n.In[r.slot].Fixed
		if !c.Weight() || r.role == "table" && c.Elements() < 2 {
			continue
		}
		params = append(params, &Param{Role: r.role, At: []Reader{{n, r.slot}}, C: c})
	}
	return params
}

// bareParams are the tensors that any other operator combines with data. Nodes without data (norms of a
// reparametrised weight) count too: their result flows on.
func bareParams(n *Node) (params []*Param) {
	for slot, in := range n.In {
		if in != nil && carriesData(n, slot) && in.Fixed.bare() {
			params = append(params, &Param{Role: "value", At: []Reader{{n, slot}}, C: in.Fixed})
		}
	}
	if len(params) > 1 {
		for _, p := range params {
			p.Role = "value" + strconv.Itoa(p.At[0].Slot)
		}
	}
	return params
}

// bare tells a parameter from a constant of an operator's decomposition: it has more than one element, or
// a name that its author gave.
func (c *Constant) bare() bool {
	if !c.Weight() || c.Elements() == 0 {
		return false
	}
	return c.Elements() > 1 || !c.Literal && !Anonymous(c.Name())
}

// absorb takes the nodes around the anchor that belong to the same layer.
func (u *Unit) absorb() {
	switch {
	case u.Anchor.Op == "Mul" && len(u.Params) == 1 && len(u.Data) == 1:
		u.Params[0].Role = "scale"
		u.absorbNormalisation()
		if u.Param("bias") != nil {
			return
		}
		u.absorbAdd(func(c *Constant) bool { return sameVector(c.Shape, u.Params[0].C.Shape) })
	case u.Param("weight") == nil || u.Param("bias") != nil:
	case u.Kind == "Linear":
		width := u.linearWidth()
		u.absorbAdd(func(c *Constant) bool { return vectorAt(c, width, 1) })
	case u.Kind == "Conv" || u.Kind == "ConvTranspose":
		w := u.Param("weight").C
		if channels := u.outputChannels(); channels > 0 {
			u.absorbAdd(func(c *Constant) bool { return vectorAt(c, channels, len(w.Shape)-1) })
		}
	}
}

// absorbAdd takes a following Add of a fitting constant as the layer's bias, when nothing else reads the
// sum's other operand. Conversions between the two belong to the layer.
func (u *Unit) absorbAdd(fits func(*Constant) bool) {
	skip := map[string]bool{"Cast": true, "Reshape": u.Kind == "Linear"} // a Reshape keeps a linear layer's last axis
	add, between := u.Anchor.nextBut(skip)
	if add.Node == nil || !sums[add.Node.Op] || len(add.Node.In) != 2 || add.Node.Unit != nil {
		return
	}
	if add.Node.Op != "Add" && add.Slot != 0 {
		return
	}
	slot := 1 - add.Slot
	other := add.Node.In[slot]
	if other == nil || !other.Fixed.Weight() || !fits(other.Fixed) {
		return
	}
	if other.Fixed.Elements() == 1 && !other.Fixed.bare() {
		return
	}
	u.Params = append(u.Params, &Param{Role: "bias", At: []Reader{{add.Node, slot}}, C: other.Fixed})
	u.Members = append(append(u.Members, between...), add.Node)
}

// sums are the operators that add a bias; those of ONNX Runtime's optimiser apply an activation too.
var sums = map[string]bool{"Add": true, "com.microsoft.BiasGelu": true, "com.microsoft.FastGelu": true}

// next is the one node that reads a node's first output, with the Cast nodes on the way; its node is nil
// when there are several readers or none.
func (n *Node) next() (Reader, []*Node) { return n.nextBut(map[string]bool{"Cast": true}) }

// nextBut is next with other operators skipped.
func (n *Node) nextBut(skip map[string]bool) (r Reader, between []*Node) {
	for len(n.Out) > 0 {
		r, ok := n.Out[0].OnlyReader()
		if !ok {
			break
		}
		if !skip[r.Node.Op] || r.Slot != 0 {
			return r, between
		}
		n = r.Node
		between = append(between, n)
	}
	return Reader{}, nil
}

// OnlyReader is the single live reader of a value, false when there are more or none.
func (v *Value) OnlyReader() (r Reader, ok bool) {
	for _, x := range v.Readers {
		if x.Node.Live {
			if ok {
				return Reader{}, false
			}
			r, ok = x, true
		}
	}
	return r, ok
}

// Scale is the number that the anchor multiplies a parameter by: alpha of Gemm its weight, beta its bias.
func (u *Unit) Scale(p *Param) float64 {
	name := map[string]string{"weight": "alpha", "bias": "beta"}[p.Role]
	if u.Kind != "Linear" || name == "" || len(p.At) == 0 || p.At[0].Node != u.Anchor {
		return 1
	}
	return float64(u.Anchor.Attributes().Float(name, 1))
}

// linearWidth is the number of outputs of a linear layer.
func (u *Unit) linearWidth() int {
	w := u.Param("weight").C.Shape
	if len(w) == 0 {
		return 0
	}
	if len(w) == 2 && u.Anchor.Attributes().Int("transB", 0) != 0 {
		return w[0]
	}
	return w[len(w)-1]
}

// outputChannels is the number of output channels of a convolution, 0 for weights of a wrong rank.
func (u *Unit) outputChannels() int {
	w := u.Param("weight").C.Shape
	switch {
	case len(w) < 3:
		return 0
	case u.Kind == "ConvTranspose":
		return w[1] * int(u.Anchor.Attributes().Int("group", 1))
	}
	return w[0]
}

// vectorAt tells whether a constant has n elements, all along the axis that is fromEnd from the end.
func vectorAt(c *Constant, n, fromEnd int) bool {
	axis := len(c.Shape) - fromEnd
	return axis >= 0 && c.Shape[axis] == n && c.Elements() == n
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

// Operators are the operator types that make up a layer, for patterns such as op:Conv.
func (u *Unit) Operators() []string {
	ops := []string{u.Op}
	if u.Anchor.Op != u.Op && u.Op == u.Anchor.Proto.GetOpType() {
		ops = append(ops, u.Anchor.Op)
	}
	if short := u.Anchor.Proto.GetOpType(); u.Op != short && u.Op == u.Anchor.Op {
		ops = append(ops, short)
	}
	return ops
}
