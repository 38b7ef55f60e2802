package linear

import (
	"slices"
	"sort"
	"strings"

	"github.com/softmerge/softmerge/gating/network/op"
)

// einsumOps are sums of products over named axes.
var einsumOps = op.Family{
	op.WithGradient("Einsum", 12, buildEinsum),
}

// label is an axis of an einsum: a letter, or firstEllipsis plus the place of an
// axis that an ellipsis stands for, counted so that the last axes of all operands agree.
type label int

const firstEllipsis label = 0x1000

// einsumSpec is a parsed equation over operands of known shapes.
type einsumSpec struct {
	operands [][]label
	out      []label
	size     map[label]int
}

// buildEinsum plans Einsum of opset 12 as diagonals and sums of single operands,
// then matrix products of pairs from left to right, then a transposition.
func buildEinsum(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.NeedFloats(1); err != nil {
		return nil, nil, err
	}
	if err := c.Need(len(c.In)); err != nil {
		return nil, nil, err
	}
	s, err := parseEinsum(c)
	if err != nil {
		return nil, nil, err
	}
	e, err := s.plan(c)
	if err != nil {
		return nil, nil, err
	}
	return e, []op.Spec{{Type: c.In[0].Type, Shape: s.shape(s.out)}}, nil
}

// shape returns the sizes of the labels.
func (s *einsumSpec) shape(labels []label) []int {
	shape := make([]int, len(labels))
	for i, l := range labels {
		shape[i] = s.size[l]
	}
	return shape
}

// parseEinsum reads the equation and checks it against the inputs' shapes.
func parseEinsum(c *op.Call) (*einsumSpec, error) {
	equation := strings.ReplaceAll(c.Text("equation", ""), " ", "")
	left, right, explicit := strings.Cut(equation, "->")
	terms := strings.Split(left, ",")
	if len(terms) != len(c.In) {
		return nil, c.ShapeError("the equation %q has %d operands, the node %d inputs", equation, len(terms), len(c.In))
	}
	dots := 0 // axes of the longest ellipsis
	for i, t := range terms {
		if strings.Contains(t, "...") {
			dots = max(dots, len(c.In[i].Shape)-len(t)+3)
		}
	}
	s := &einsumSpec{size: map[label]int{}}
	for i, t := range terms {
		labels, err := einsumTerm(c, t, dots, len(c.In[i].Shape))
		if err != nil {
			return nil, err
		}
		s.operands = append(s.operands, labels)
		if err := s.measure(c, i, labels); err != nil {
			return nil, err
		}
	}
	if !explicit {
		s.out = s.implicit(dots)
		return s, nil
	}
	return s, einsumOutput(c, s, right, dots)
}

// einsumTerm returns the labels of one operand of the given rank, or of the output (rank -1).
func einsumTerm(c *op.Call, term string, dots, rank int) ([]label, error) {
	head, tail, ellipsis := strings.Cut(term, "...")
	n := 0
	if ellipsis {
		n = dots
		if rank >= 0 {
			n = rank - len(head) - len(tail)
		}
	}
	if rank >= 0 && (n < 0 || len(head)+len(tail)+n != rank) {
		return nil,
			c.ShapeError("the term %q of the equation does not name the axes of a tensor of rank %d", term, rank)
	}
	var labels []label
	for i, letters := range []string{head, tail} {
		for _, r := range letters {
			if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') {
				return nil, c.ShapeError("the equation has %q where a letter is wanted", r)
			}
			labels = append(labels, label(r))
		}
		for k := dots - n; i == 0 && k < dots; k++ {
			labels = append(labels, firstEllipsis+label(k))
		}
	}
	return labels, nil
}

// measure notes the sizes of an operand's axes. An axis of size 1 stretches to any.
func (s *einsumSpec) measure(c *op.Call, operand int, labels []label) error {
	for a, l := range labels {
		d := c.In[operand].Shape[a]
		if known, ok := s.size[l]; !ok || known == 1 {
			s.size[l] = d
		} else if d != 1 && d != known {
			return c.ShapeError("axis %d of input %d has size %d, another axis of the same name has %d", a, operand, d,
				known)
		}
	}
	return nil
}

// implicit is the output of an equation without arrow: the ellipsis, then the letters that occur once, sorted.
func (s *einsumSpec) implicit(dots int) []label {
	seen := map[label]int{}
	for _, labels := range s.operands {
		for _, l := range labels {
			seen[l]++
		}
	}
	out := []label{}
	for k := range dots {
		out = append(out, firstEllipsis+label(k))
	}
	for l, n := range seen {
		if n == 1 && l < firstEllipsis {
			out = append(out, l)
		}
	}
	sort.Slice(out[dots:], func(i, j int) bool { return out[dots+i] < out[dots+j] })
	return out
}

// einsumOutput reads the term behind the arrow.
func einsumOutput(c *op.Call, s *einsumSpec, term string, dots int) error {
	out, err := einsumTerm(c, term, dots, -1)
	if err != nil {
		return err
	}
	for i, l := range out {
		if _, ok := s.size[l]; !ok {
			return c.ShapeError("the equation's output names an axis that no operand has: %q", rune(l))
		}
		if slices.Contains(out[:i], l) {
			return c.ShapeError("the equation's output names axis %q twice", rune(l))
		}
	}
	s.out = out
	return nil
}
