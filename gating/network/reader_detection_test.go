package network

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/gating/detection"
	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op"
)

// numbersOf is a tensor of numbers drawn at random.
func numbersOf(seed uint64, shape ...int) *op.Tensor {
	t := op.NewTensor(op.Spec{Type: 1, Shape: shape})
	optest.Fill(t.F, seed)
	return t
}

// swapped exchanges the last two axes.
func swapped(t *op.Tensor) *op.Tensor {
	n, a, b := t.Shape[0], t.Shape[1], t.Shape[2]
	out := op.NewTensor(op.Spec{Type: t.Type, Shape: []int{n, b, a}})
	for i := range n {
		for k := range a {
			for c := range b {
				out.F[(i*b+c)*a+k] = t.F[(i*a+k)*b+c]
			}
		}
	}
	return out
}

// sideBySide joins rows.
func sideBySide(a, b *op.Tensor) *op.Tensor {
	out := op.NewTensor(op.Spec{Type: a.Type, Shape: []int{a.Shape[0], a.Shape[1], a.Shape[2] + b.Shape[2]}})
	out.F = out.F[:0]
	for i := range a.Shape[0] * a.Shape[1] {
		out.F = append(append(out.F, a.F[i*a.Shape[2]:(i+1)*a.Shape[2]]...), b.F[i*b.Shape[2]:(i+1)*b.Shape[2]]...)
	}
	return out
}

// TestDetectorsReadAlike: the same predictions in one output or in two, in any order of axes, are read as the same, and
// a gradient goes back to where its number came from.
func TestDetectorsReadAlike(t *testing.T) {
	boxes, scores := numbersOf(1, 2, 6, 4), numbersOf(2, 2, 6, 3)
	joint, slope := sideBySide(boxes, scores), numbersOf(3, 2, 6, 7)
	l := detection.Layout{Boxes: detection.Corners, ScaleX: 1, ScaleY: 1, Scores: detection.Given}
	flat := &op.Tensor{Type: 1, Shape: []int{2, 6, 1, 4}, F: boxes.F}
	for _, c := range []struct {
		name   string
		outs   []*op.Tensor
		boxes  Rows
		scores Rows
		back   []*op.Tensor
	}{
		{"two outputs", []*op.Tensor{boxes, scores}, Rows{Width: 4}, Rows{Output: 1, Width: 3}, nil},
		{"scores first", []*op.Tensor{scores, boxes}, Rows{Output: 1, Width: 4}, Rows{Width: 3}, nil},
		{"an axis more", []*op.Tensor{flat, scores}, Rows{Width: 4}, Rows{Output: 1, Width: 3}, nil},
		{"scores turned", []*op.Tensor{boxes, swapped(scores)}, Rows{Width: 4}, Rows{Output: 1, Turned: true, Width: 3}, nil},
		{"one output", []*op.Tensor{joint}, Rows{Width: 4}, Rows{Skip: 4, Width: 3}, []*op.Tensor{slope}},
		{"one turned", []*op.Tensor{swapped(joint)}, Rows{Turned: true, Width: 4}, Rows{Turned: true, Skip: 4, Width: 3},
			[]*op.Tensor{swapped(slope)}},
	} {
		d := Detector{c.boxes, c.scores, l}
		got, err := d.Read(c.outs)
		if err != nil || !slices.Equal(got.Shape, joint.Shape) || !slices.Equal(got.F, joint.F) {
			t.Errorf("%s: %v, %v", c.name, got, err)
			continue
		}
		dx := make([][]float32, len(c.outs))
		for i, o := range c.outs {
			dx[i] = make([]float32, o.Len())
		}
		d.Gradient(c.outs, slope.F, dx)
		for i, want := range c.back {
			if !slices.Equal(dx[i], want.F) {
				t.Errorf("%s: gradient %v, want %v", c.name, dx[i], want.F)
			}
		}
		var sum, all float64
		for _, list := range dx {
			for _, v := range list {
				sum += float64(v)
			}
		}
		for _, v := range slope.F {
			all += float64(v)
		}
		if math.Abs(sum-all) > 1e-5 {
			t.Errorf("%s: of a gradient of %v arrive %v", c.name, all, sum)
		}
	}
	bad := Detector{Rows{Width: 4}, Rows{Output: 1, Width: 3}, l}
	for _, outs := range [][]*op.Tensor{{boxes, numbersOf(1, 2, 5, 3)}, {boxes, numbersOf(1, 2)}, {scores, boxes}} {
		if _, err := bad.Read(outs); !errors.Is(err, ErrShape) {
			t.Errorf("%v and %v: %v", outs[0].Shape, outs[1].Shape, err)
		}
	}
}

// TestProbableScores tells probabilities from logits by their numbers, and is no for outputs without such rows.
func TestProbableScores(t *testing.T) {
	boxes := numbersOf(1, 2, 6, 4)
	d := Detector{Rows{Width: 4}, Rows{Output: 1, Width: 3}, detection.Layout{}}
	scores := op.NewTensor(op.Spec{Type: 1, Shape: []int{2, 6, 3}})
	if !d.Probable([]*op.Tensor{boxes, scores}) {
		t.Error("zeros are probabilities")
	}
	for _, v := range []float32{-0.5, 1.5, float32(math.NaN())} {
		scores.F[7] = v
		if d.Probable([]*op.Tensor{boxes, scores}) {
			t.Errorf("%v is no probability", v)
		}
	}
	if d.Probable([]*op.Tensor{boxes, numbersOf(2, 2, 6, 2)}) {
		t.Error("rows that are too short are no probabilities")
	}
}
