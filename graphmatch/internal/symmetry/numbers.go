package symmetry

import (
	"slices"

	"github.com/softmerge/softmerge/graphmatch/internal/flow"
)

// numberRules say what the whole numbers are that operators compute, nil where not even their count is known. They
// cover what exporters write to compute shapes.
var numberRules = map[string]func(*tracer, *flow.Node) []number{
	"Concat":    (*tracer).concatNumbers,
	"Unsqueeze": (*tracer).sameNumbers, "Squeeze": (*tracer).sameNumbers,
	"Cast": (*tracer).sameNumbers, "Reshape": (*tracer).sameNumbers,
	"Shape":           (*tracer).shapeNumbers,
	"Gather":          (*tracer).gatherNumbers,
	"Slice":           (*tracer).sliceNumbers,
	"ReduceProd":      (*tracer).productOfNumbers,
	"ConstantOfShape": (*tracer).zeros,
	"Transpose":       (*tracer).reversedPads,
	"Where":           (*tracer).countOnly,
	"Add":             (*tracer).calculate, "Sub": (*tracer).calculate, "Mul": (*tracer).calculate,
	"Div": (*tracer).calculate, "Mod": (*tracer).calculate,
}

// numbers are the whole numbers that an array holds, nil when not even their count is known.
func (t *tracer) numbers(v *flow.Value) []number {
	if v == nil {
		return nil
	}
	if list, ok := t.computed[v]; ok {
		return list
	}
	t.computed[v] = nil // what asks for itself is not known
	list := t.compute(v)
	if len(list) > flow.MaxNumbers {
		list = nil
	}
	t.computed[v] = list
	return list
}

// compute follows an array of whole numbers to where it comes from.
func (t *tracer) compute(v *flow.Value) []number {
	if v.Fixed != nil {
		return t.storedNumbers(v)
	}
	if v.From == nil || len(v.From.In) == 0 || t.numberRules[v.From.Op] == nil {
		return nil
	}
	return t.numberRules[v.From.Op](t, v.From)
}

// storedNumbers reads a constant, nil when it holds anything else or numbers beyond those that are followed.
func (t *tracer) storedNumbers(v *flow.Value) []number {
	list, ok := t.Graph.Stored(v)
	if !ok {
		return nil
	}
	out := []number{}
	for _, d := range list {
		if d > maxNumber || d < -maxNumber {
			return nil
		}
		out = append(out, exactly(int(d)))
	}
	return out
}

// sameNumbers follows operators that change the shape or the type only.
func (t *tracer) sameNumbers(n *flow.Node) []number { return t.numbers(n.In[0]) }

// concatNumbers follows Concat.
func (t *tracer) concatNumbers(n *flow.Node) []number {
	out := []number{}
	for _, in := range n.In {
		part := t.numbers(in)
		if part == nil {
			return nil
		}
		out = append(out, part...)
	}
	return out
}

// productOfNumbers follows ReduceProd over all elements.
func (t *tracer) productOfNumbers(n *flow.Node) []number {
	list := t.numbers(n.In[0])
	if list == nil {
		return nil
	}
	product := exactly(1)
	for _, x := range list {
		product = product.times(x)
	}
	return []number{product}
}

// countOnly follows Where, which exporters write to choose between a shape and ones: only the rank is certain.
func (t *tracer) countOnly(n *flow.Node) []number {
	if len(n.In) != 3 || t.numbers(n.In[2]) == nil {
		return nil
	}
	return slices.Repeat([]number{unknownNumber()}, len(t.numbers(n.In[2])))
}

// shapeNumbers are the lengths of an array's axes. Those not known get a symbol of their own.
func (t *tracer) shapeNumbers(n *flow.Node) []number {
	if n.In[0].MadeBy("Concat") != nil {
		if list := t.numbers(n.In[0]); list != nil { // a vector of whole numbers itself
			return []number{exactly(len(list))}
		}
	}
	f := t.layout(n.In[0])
	if f.rank < 0 || f.rank > flow.MaxNumbers || hasBounds(n) {
		return nil
	}
	out := make([]number, f.rank)
	for i := range out {
		fromEnd := f.rank - i
		a := f.at(fromEnd)
		if a.extent() == 0 && a.sym == 0 {
			t.symbols++
			a.sym = t.symbols
			f.set(fromEnd, a)
		}
		out[i] = a.length()
	}
	return out
}

// hasBounds tells whether a Shape gives some of the axes only (opset 15).
func hasBounds(n *flow.Node) bool {
	return n.Attributes().Has("start") || n.Attributes().Has("end")
}

// zeros follows ConstantOfShape for a vector of zeros.
func (t *tracer) zeros(n *flow.Node) []number {
	count := t.numbers(n.In[0])
	if a := n.Attributes().Tensor("value"); a != nil {
		fill, err := t.Model.Tensor(a).Ints(nil)
		if err != nil || len(fill) != 1 || fill[0] != 0 {
			return nil
		}
	}
	if len(count) != 1 || !count[0].known || count[0].n < 0 || count[0].n > flow.MaxNumbers {
		return nil
	}
	return slices.Repeat([]number{exactly(0)}, count[0].n)
}

// gatherNumbers follows Gather with a known choice.
func (t *tracer) gatherNumbers(n *flow.Node) []number {
	whole := t.numbers(n.In[0])
	if len(n.In) < 2 || whole == nil || n.Attributes().Int("axis", 0) != 0 {
		return nil
	}
	out := []number{}
	index := t.numbers(n.In[1])
	for _, i := range index {
		if i.n < 0 {
			i.n += len(whole)
		}
		if !i.known || i.n < 0 || i.n >= len(whole) {
			return nil
		}
		out = append(out, whole[i.n])
	}
	if index == nil {
		return nil
	}
	return out
}

// sliceNumbers follows Slice along the only axis with step one.
func (t *tracer) sliceNumbers(n *flow.Node) []number {
	all := t.numbers(n.In[0])
	from, to, ok := t.bounds(n)
	if all == nil || !ok || len(from) != 1 || len(to) != 1 {
		return nil
	}
	first, last := bound(int64(from[0]), len(all)), bound(int64(to[0]), len(all))
	return all[first:max(first, last)]
}

// calculate follows arithmetic element by element.
func (t *tracer) calculate(n *flow.Node) []number {
	if len(n.In) != 2 {
		return nil
	}
	a, b := t.numbers(n.In[0]), t.numbers(n.In[1])
	if len(a) == 0 || len(b) == 0 || len(a) != len(b) && len(a) != 1 && len(b) != 1 {
		return nil
	}
	out := make([]number, max(len(a), len(b)))
	for i := range out {
		out[i] = arithmetic[n.Op](a[i%len(a)], b[i%len(b)])
	}
	return out
}
