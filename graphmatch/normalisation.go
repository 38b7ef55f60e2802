package graphmatch

// absorbNormalisation looks for a normalisation decomposed into elementary operators in front of the Mul
// by a scale, as exporters write it for opsets that lack the operator:
//
//	LayerNormalization  x - mean(x), divided by sqrt(mean((x - mean(x))^2) + eps)
//	RMSNormalization    x divided by (or times the reciprocal of) sqrt(mean(x^2) + eps)
//	GroupNormalization  InstanceNormalization over reshaped groups with unit scale
//
// Keras scales the reciprocal first: with w = scale/sqrt(...) it computes x*w + (bias - mean(x)*w).
// The unit then goes by the composed operator, and its data is what the normalisation read.
func (u *unit) absorbNormalisation() {
	from := producer(u.data[0])
	if from == nil {
		return
	}
	switch from.op {
	case "Div", "Reciprocal":
		if !u.absorbScaledReciprocal(from) && from.op == "Div" {
			u.absorbDivision(from)
		}
	case "Mul":
		u.absorbReciprocal(from)
	case "InstanceNormalization":
		if inner := from.unit; inner != nil && inner.neutral() && from.in[0] != nil {
			inner.params = nil
			u.compose("GroupNormalization", origin(from.in[0]), from)
		}
	}
}

// neutral tells whether a normalisation's own scale is one and its bias zero everywhere.
func (u *unit) neutral() bool {
	scale, bias := u.param("scale"), u.param("bias")
	return scale != nil && bias != nil && filled(u.model, scale.c, 1) && filled(u.model, bias.c, 0)
}

// compose records what was found.
func (u *unit) compose(op string, data *value, members ...*node) {
	u.op, u.kind = op, op
	u.data = []*value{data}
	u.members = append(u.members, members...)
}

// absorbDivision recognises x/sqrt(...) with or without x centred.
func (u *unit) absorbDivision(div *node) {
	if len(div.in) != 2 {
		return
	}
	chain, square := deviation(div.in[1])
	if chain == nil {
		return
	}
	if sub := producer(div.in[0]); sub != nil && sub.op == "Sub" && len(sub.in) == 2 {
		if mean := producer(sub.in[1]); mean != nil && mean.op == "ReduceMean" {
			u.compose("LayerNormalization", sub.in[0], append(chain, div, sub, mean)...)
			u.takeSquare(square, div.in[0])
			return
		}
	}
	u.compose("RMSNormalization", div.in[0], append(chain, div)...)
}

// takeSquare adds a second subtraction that an exporter made for the variance alone.
func (u *unit) takeSquare(square *node, centred *value) {
	if square == nil || len(square.in) == 0 || square.in[0] == centred {
		return
	}
	if sub := producer(square.in[0]); sub != nil && sub.op == "Sub" {
		u.members = append(u.members, sub)
	}
}

// absorbReciprocal recognises x times Reciprocal(sqrt(...)).
func (u *unit) absorbReciprocal(mul *node) {
	for slot, in := range mul.in {
		r := producer(in)
		if len(mul.in) != 2 {
			return
		}
		if chain, _ := reciprocal(r); chain != nil {
			u.compose("RMSNormalization", mul.in[1-slot], append(chain, mul)...)
			return
		}
	}
}

// reciprocal follows 1/sqrt(mean(square) + eps) backwards, as Reciprocal or as Div of a constant; the
// nodes are nil when it is something else.
func reciprocal(r *node) (chain []*node, square *node) {
	if r == nil || r.op != "Reciprocal" && (r.op != "Div" || len(r.in) != 2 || r.in[0] == nil || r.in[0].fixed == nil) || len(r.in) == 0 {
		return nil, nil
	}
	chain, square = deviation(r.in[len(r.in)-1])
	if chain == nil {
		return nil, nil
	}
	return append(chain, r), square
}

// absorbScaledReciprocal recognises Keras's form, whose anchor scales the reciprocal r.
func (u *unit) absorbScaledReciprocal(r *node) bool {
	chain, _ := reciprocal(r)
	if chain == nil || len(u.anchor.out) == 0 {
		return false
	}
	var products []*node
	for _, x := range u.anchor.out[0].readers {
		if x.node.live {
			products = append(products, x.node)
		}
	}
	if len(products) != 2 {
		return false
	}
	for i, shift := range products {
		x, mean := u.anchor.times(products[1-i]), u.anchor.times(shift)
		from := producer(mean)
		sub, _ := shift.next()
		if x == nil || from == nil || from.op != "ReduceMean" || len(from.in) == 0 || from.in[0] != x || sub.node == nil || sub.node.op != "Sub" || sub.slot != 1 || !sub.node.in[0].fixed.weight() {
			continue
		}
		if sum, _ := sub.node.next(); sum.node != nil && sum.node.op == "Add" {
			u.params = append(u.params, &param{role: "bias", at: []reader{{sub.node, 0}}, c: sub.node.in[0].fixed})
			u.compose("LayerNormalization", x, append(chain, from, shift, products[1-i], sub.node, sum.node)...)
			return true
		}
	}
	return false
}

// times is what a product multiplies a node's result with, nil when it is no product of two.
func (n *node) times(product *node) *value {
	if product.op != "Mul" || len(product.in) != 2 {
		return nil
	}
	for slot, in := range product.in {
		if in == n.out[0] {
			return product.in[1-slot]
		}
	}
	return nil
}

// deviation follows sqrt(mean(square) + eps) backwards; the nodes are nil when it is something else.
func deviation(v *value) (chain []*node, square *node) {
	root := producer(v)
	if root == nil || root.op != "Sqrt" || len(root.in) != 1 {
		return nil, nil
	}
	add := producer(root.in[0])
	if add == nil || add.op != "Add" || len(add.in) != 2 {
		return nil, nil
	}
	for _, in := range add.in {
		mean := producer(in)
		if mean == nil || mean.op != "ReduceMean" || len(mean.in) == 0 {
			continue
		}
		square = producer(mean.in[0])
		if square != nil && (square.op == "Pow" || square.op == "Mul") {
			return []*node{root, add, mean, square}, square
		}
	}
	return nil, nil
}

// origin is a value before nodes that only change its layout or type.
func origin(v *value) *value {
	for v.from != nil && passing[v.from.op] && len(v.from.in) > 0 && v.from.in[0] != nil {
		v = v.from.in[0]
	}
	return v
}

// producer is the node that makes a value, seen through nodes that only change layout or type.
func producer(v *value) *node {
	if v == nil {
		return nil
	}
	return origin(v).from
}
