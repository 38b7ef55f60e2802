package spatial

import (
	"cmp"
	"slices"

	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

// nmsOps choose boxes.
var nmsOps = op.Family{
	op.WithZeroGradient("NonMaxSuppression", 10, buildNMS),
}

// nms is NonMaxSuppression over known boxes [B,N,4] and scores [B,C,N].
type nms struct {
	boxes, scores   *op.Tensor
	center          bool // boxes are x and y of the centre, width and height; else two corners (y, x)
	most            int64
	overlap, lowest float64
	scored          bool // whether there is a lowest score
}

// box is a rectangle.
type box struct{ top, left, bottom, right float64 }

// buildNMS follows NonMaxSuppression of opset 10: of each class, boxes in order of their scores that overlap no chosen
// one by more than a share; rows of the output are sample, class and box. How many there are depends on the data, so it
// must be known.
func buildNMS(c *op.Call) (op.Operator, []op.Spec, error) {
	n, err := newNMS(c)
	if err == nil {
		err = n.readLimits(c)
	}
	if err != nil {
		return nil, nil, err
	}
	out := &op.Tensor{Type: onnx.Int64, Shape: []int{0, 3}}
	for sample := range n.scores.Shape[0] {
		for class := range n.scores.Shape[1] {
			for _, k := range n.choose(sample, class) {
				out.I = append(out.I, int64(sample), int64(class), int64(k))
			}
		}
	}
	out.Shape[0] = len(out.I) / 3
	return c.AsConstant(out)
}

// newNMS reads boxes and scores.
func newNMS(c *op.Call) (*nms, error) {
	boxes, err := c.Known(0)
	if err != nil {
		return nil, err
	}
	scores, err := c.Known(1)
	if err != nil {
		return nil, err
	}
	b, s := boxes.Shape, scores.Shape
	if len(b) != 3 || len(s) != 3 || b[2] != 4 || b[0] != s[0] || b[1] != s[2] || boxes.F == nil || scores.F == nil {
		return nil, c.ShapeError("boxes are %s and scores %s, want [B,N,4] and [B,C,N]", boxes.Spec(), scores.Spec())
	}
	return &nms{boxes: boxes, scores: scores, center: c.Int("center_point_box", 0) != 0, scored: c.Has(4)}, nil
}

// readLimits reads how many boxes are chosen of a class, and the thresholds of overlap and score.
func (n *nms) readLimits(c *op.Call) (err error) {
	if c.Has(2) {
		if n.most, err = c.OneInt(2); err != nil {
			return err
		}
	}
	for i, to := range []*float64{&n.overlap, &n.lowest} {
		if !c.Has(3 + i) {
			continue
		}
		list, err := c.Floats(3 + i)
		if err != nil {
			return err
		}
		if len(list) != 1 {
			return c.ShapeError("input %d has %d elements, want 1", 3+i, len(list))
		}
		*to = float64(list[0])
	}
	return nil
}

// choose returns the boxes of a class, best first.
func (n *nms) choose(sample, class int) (chosen []int) {
	count := n.scores.Shape[2]
	scores := n.scores.F[(sample*n.scores.Shape[1]+class)*count:][:count]
	var order []int
	for i, v := range scores {
		if !n.scored || float64(v) > n.lowest {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(scores[b], scores[a]) })
	for _, i := range order {
		if int64(len(chosen)) >= n.most {
			break
		}
		if !slices.ContainsFunc(chosen,
			func(k int) bool { return n.box(sample, i).share(n.box(sample, k)) > n.overlap }) {
			chosen = append(chosen, i)
		}
	}
	return chosen
}

// box reads a box, whichever corners it is given by.
func (n *nms) box(sample, i int) box {
	f := n.boxes.F[(sample*n.boxes.Shape[1]+i)*4:]
	a, b, c, d := float64(f[0]), float64(f[1]), float64(f[2]), float64(f[3])
	if n.center {
		return box{b - d/2, a - c/2, b + d/2, a + c/2}
	}
	return box{min(a, c), min(b, d), max(a, c), max(b, d)}
}

// share is the common area of two boxes over the area that they cover together.
func (b box) share(o box) float64 {
	common := box{max(b.top, o.top), max(b.left, o.left), min(b.bottom, o.bottom), min(b.right, o.right)}.area()
	if common <= 0 {
		return 0
	}
	return common / (b.area() + o.area() - common)
}

func (b box) area() float64 { return max(0, b.bottom-b.top) * max(0, b.right-b.left) }
