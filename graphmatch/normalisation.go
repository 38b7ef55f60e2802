package graphmatch

// absorbNormalisation looks for a normalisation decomposed into elementary operators in front of the Mul
// by a scale, as exporters write it for opsets that lack the operator:
//
//	LayerNormalization  x - mean(x), divided by sqrt(mean((x - mean(x))^2) + eps)
//	RMSNormalization    x divided by (or times the reciprocal of) sqrt(mean(x^2) + eps)
//	GroupNormalization  InstanceNormalization over reshaped groups with unit scale
//
// The unit then goes by the composed operator, and its data is what the normalisation read.
func (u *unit) absorbNormalisation() {
	from := producer(u.data[0])
	if from == nil {
		return
	}
	switch from.op {
	case "Div":
		u.absorbDivision(from)
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
	return scale != nil && bias != nil && u.filled(scale.c, 1) && u.filled(bias.c, 0)
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
		if r == nil || len(mul.in) != 2 || r.op != "Reciprocal" && (r.op != "Div" || len(r.in) != 2 || r.in[0] == nil || r.in[0].fixed == nil) {
			continue
		}
		if chain, _ := deviation(r.in[len(r.in)-1]); chain != nil {
			u.compose("RMSNormalization", mul.in[1-slot], append(chain, mul, r)...)
			return
		}
	}
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
