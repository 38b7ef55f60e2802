package flow

// absorbNormalisation looks for a normalisation decomposed into elementary operators in front of the Mul
// by a scale, as exporters write it for opsets that lack the operator:
//
//	LayerNormalization  x - mean(x), divided by sqrt(mean((x - mean(x))^2) + eps)
//	RMSNormalization    x divided by (or times the reciprocal of) sqrt(mean(x^2) + eps)
//	GroupNormalization  InstanceNormalization over reshaped groups with unit scale
//
// Keras scales the reciprocal first: with w = scale/sqrt(...) it computes x*w + (bias - mean(x)*w).
// The unit then goes by the composed operator, and its data is what the normalisation read.
func (u *Unit) absorbNormalisation() {
	from := producer(u.Data[0])
	if from == nil {
		return
	}
	switch from.Op {
	case "Div", "Reciprocal":
		if !u.absorbScaledReciprocal(from) && from.Op == "Div" {
			u.absorbDivision(from)
		}
	case "Mul":
		u.absorbReciprocal(from)
	case "InstanceNormalization":
		if inner := from.Unit; inner != nil && inner.neutral() && from.In[0] != nil {
			inner.Params = nil
			u.compose("GroupNormalization", origin(from.In[0]), from)
		}
	}
}

// neutral tells whether a normalisation's own scale is one and its bias zero everywhere.
func (u *Unit) neutral() bool {
	scale, bias := u.Param("scale"), u.Param("bias")
	return scale != nil && bias != nil && filled(u.Model, scale.C, 1) && filled(u.Model, bias.C, 0)
}

// compose records what was found.
func (u *Unit) compose(op string, data *Value, members ...*Node) {
	u.Op, u.Kind = op, op
	u.Data = []*Value{data}
	u.Members = append(u.Members, members...)
}

// absorbDivision recognises x/sqrt(...) with or without x centred.
func (u *Unit) absorbDivision(div *Node) {
	if len(div.In) != 2 || div.In[0] == nil {
		return
	}
	chain, square := deviation(div.In[1])
	of, divided := u.squared(square), origin(div.In[0])
	if of == nil {
		return
	}
	if sub, mean, x := centring(divided); x != nil && (of == divided || sameMean(of, x)) {
		u.compose("LayerNormalization", sub.In[0], append(chain, div, sub, mean)...)
		u.takeSquare(square, div.In[0])
	} else if of == divided {
		u.compose("RMSNormalization", div.In[0], append(chain, div)...)
	}
}

// squared is what a node squares, seen through nodes that only change layout or type, nil when it computes anything
// else. An exponent that the file does not hold as a float is taken for two.
func (u *Unit) squared(n *Node) *Value {
	if n == nil || len(n.In) != 2 || n.In[0] == nil || n.In[1] == nil {
		return nil
	}
	of := origin(n.In[0])
	switch n.Op {
	case "Mul":
		if origin(n.In[1]) == of {
			return of
		}
	case "Pow":
		if c := n.In[1].Fixed; !c.Weight() || filled(u.Model, c, 2) {
			return of
		}
	}
	return nil
}

// centring are the nodes that subtract from x its mean, and x; all are nil when a value is computed otherwise.
func centring(v *Value) (sub, mean *Node, x *Value) {
	sub = producerIf(v, "Sub", 2)
	if sub == nil || sub.In[0] == nil {
		return nil, nil, nil
	}
	mean, x = producer(sub.In[1]), origin(sub.In[0])
	if !mean.averages(x) {
		return nil, nil, nil
	}
	return sub, mean, x
}

// averages tells whether a node is a mean of x.
func (n *Node) averages(x *Value) bool {
	return n != nil && n.Op == "ReduceMean" && len(n.In) > 0 && n.In[0] != nil && origin(n.In[0]) == origin(x)
}

// sameMean tells whether a value is the difference of x and its mean, either way round.
func sameMean(v, x *Value) bool {
	sub := producerIf(v, "Sub", 2)
	if sub == nil || sub.In[0] == nil || sub.In[1] == nil {
		return false
	}
	a, b := sub.In[0], sub.In[1]
	return origin(a) == origin(x) && producer(b).averages(x) || origin(b) == origin(x) && producer(a).averages(x)
}

// takeSquare adds a second subtraction that an exporter made for the variance alone.
func (u *Unit) takeSquare(square *Node, centred *Value) {
	if square == nil || len(square.In) == 0 || square.In[0] == centred {
		return
	}
	if sub := producer(square.In[0]); sub != nil && sub.Op == "Sub" {
		u.Members = append(u.Members, sub)
	}
}

// absorbReciprocal recognises x times Reciprocal(sqrt(...)).
func (u *Unit) absorbReciprocal(mul *Node) {
	for slot, in := range mul.In {
		r := producer(in)
		if len(mul.In) != 2 {
			return
		}
		x := mul.In[1-slot]
		if chain, square := reciprocal(r); chain != nil && x != nil && u.squared(square) == origin(x) {
			u.compose("RMSNormalization", x, append(chain, mul)...)
			return
		}
	}
}

// reciprocal follows 1/sqrt(mean(square) + eps) backwards, as Reciprocal or as Div of a constant; the
// nodes are nil when it is something else.
func reciprocal(r *Node) (chain []*Node, square *Node) {
	if !r.inverts() {
		return nil, nil
	}
	chain, square = deviation(r.In[len(r.In)-1])
	if chain == nil {
		return nil, nil
	}
	return append(chain, r), square
}

// inverts tells whether a node divides a constant by its last input.
func (n *Node) inverts() bool {
	switch {
	case n == nil || len(n.In) == 0:
		return false
	case n.Op == "Div":
		return len(n.In) == 2 && n.In[0] != nil && n.In[0].Fixed != nil
	}
	return n.Op == "Reciprocal"
}

// absorbScaledReciprocal recognises Keras's form, whose anchor scales the reciprocal r.
func (u *Unit) absorbScaledReciprocal(r *Node) bool {
	chain, square := reciprocal(r)
	of := u.squared(square)
	if of == nil || len(u.Anchor.Out) == 0 {
		return false
	}
	products := u.Anchor.Out[0].liveReaders()
	if len(products) != 2 {
		return false
	}
	first, second := products[0], products[1]
	return u.absorbShift(chain, of, second, first) || u.absorbShift(chain, of, first, second)
}

// absorbShift recognises the rest of Keras's form: scaled is x*w, shift is mean(x)*w, and what follows is
// scaled + (bias - shift). The chain of nodes leads from what is squared to w.
func (u *Unit) absorbShift(chain []*Node, squared *Value, scaled, shift *Node) bool {
	x := u.Anchor.times(scaled)
	mean := producer(u.Anchor.times(shift))
	if x == nil || mean == nil || mean.Op != "ReduceMean" || len(mean.In) == 0 || mean.In[0] != x ||
		!sameMean(squared, x) {
		return false
	}
	sub, _ := shift.next()
	if sub.Node == nil || sub.Node.Op != "Sub" || sub.Slot != 1 || sub.Node.In[0] == nil {
		return false
	}
	bias := sub.Node.In[0].Fixed
	sum, _ := sub.Node.next()
	if !bias.Weight() || sum.Node == nil || sum.Node.Op != "Add" {
		return false
	}
	u.Params = append(u.Params, &Param{Role: "bias", At: []Reader{{sub.Node, 0}}, C: bias})
	u.compose("LayerNormalization", x, append(chain, mean, shift, scaled, sub.Node, sum.Node)...)
	return true
}

// liveReaders are the nodes that read a value, once for each slot, without dead ones.
func (v *Value) liveReaders() (list []*Node) {
	for _, x := range v.Readers {
		if x.Node.Live {
			list = append(list, x.Node)
		}
	}
	return list
}

// times is what a product multiplies a node's result with, nil when it is no product of two.
func (n *Node) times(product *Node) *Value {
	if product.Op != "Mul" || len(product.In) != 2 {
		return nil
	}
	for slot, in := range product.In {
		if in == n.Out[0] {
			return product.In[1-slot]
		}
	}
	return nil
}

// deviation follows sqrt(mean(square) + eps) backwards; the nodes are nil when it is something else.
func deviation(v *Value) (chain []*Node, square *Node) {
	root := producerIf(v, "Sqrt", 1)
	if root == nil {
		return nil, nil
	}
	add := producerIf(root.In[0], "Add", 2)
	if add == nil {
		return nil, nil
	}
	for _, in := range add.In {
		mean := producer(in)
		if mean == nil || mean.Op != "ReduceMean" || len(mean.In) == 0 {
			continue
		}
		square = producer(mean.In[0])
		if square != nil && (square.Op == "Pow" || square.Op == "Mul") {
			return []*Node{root, add, mean, square}, square
		}
	}
	return nil, nil
}

// producerIf is the producer of a value if it is one of an operator with a number of inputs, else nil.
func producerIf(v *Value, op string, inputs int) *Node {
	if n := producer(v); n != nil && n.Op == op && len(n.In) == inputs {
		return n
	}
	return nil
}

// origin is a value before nodes that only change its layout or type.
func origin(v *Value) *Value {
	for v.From != nil && layoutOnly[v.From.Op] && len(v.From.In) > 0 && v.From.In[0] != nil {
		v = v.From.In[0]
	}
	return v
}

// producer is the node that makes a value, seen through nodes that only change layout or type.
func producer(v *Value) *Node {
	if v == nil {
		return nil
	}
	return origin(v).From
}
