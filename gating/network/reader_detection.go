package network

import (
	"fmt"

	"github.com/softmerge/softmerge/gating/detection"
	"github.com/softmerge/softmerge/gating/network/op"
)

// Detector makes predictions, [N,K,4+classes] as Detection reads them, of a detector's outputs: of boxes and scores,
// each [N,K,...] or [N,...,K], or of one output that holds both.
type Detector struct {
	Boxes, Scores Rows // the same output where one holds both
	detection.Layout
}

// Rows are the rows of an output: [N,K,width], or [N,width,K] where it is turned. Other axes have the length 1.
type Rows struct {
	Output int // among those that the reader is given
	Turned bool
	Skip   int // numbers of a row that come first and are not these
	Width  int // of what is read of a row
}

// Read puts rows together.
func (d Detector) Read(outs []*op.Tensor) (*op.Tensor, error) {
	boxes, scores := outs[d.Boxes.Output], outs[d.Scores.Output]
	count, other := d.Boxes.count(boxes), d.Scores.count(scores)
	if count < 0 || count != other || boxes.Shape[0] != scores.Shape[0] {
		return nil, fmt.Errorf("detection: boxes %v and scores %v do not go together: %w", boxes.Shape, scores.Shape,
			op.ErrShape)
	}
	n, width := boxes.Shape[0], 4+d.Classes(d.Scores.Width)
	out := op.NewTensor(op.Spec{Type: boxes.Type, Shape: []int{n, count, width}})
	row := make([]float32, 4+d.Scores.Width)
	for i := range n * count {
		d.row(boxes, scores, i, count, row)
		d.Layout.Read(row, out.F[i*width:(i+1)*width])
	}
	return out, nil
}

// row gathers the numbers of prediction i.
func (d Detector) row(boxes, scores *op.Tensor, i, count int, row []float32) {
	for k := range 4 {
		row[k] = boxes.F[d.Boxes.at(i, k, count, boxes)]
	}
	for k := range d.Scores.Width {
		row[4+k] = scores.F[d.Scores.at(i, k, count, scores)]
	}
}

// Probable says whether all scores lie between 0 and 1, but for rounding.
func (d Detector) Probable(outs []*op.Tensor) bool {
	const rounding = 1e-3
	scores := outs[d.Scores.Output]
	count := d.Scores.count(scores)
	if count < 0 {
		return false
	}
	for i := range scores.Shape[0] * count {
		for k := range d.Scores.Width {
			if v := scores.F[d.Scores.at(i, k, count, scores)]; !(v >= -rounding && v <= 1+rounding) {
				return false
			}
		}
	}
	return true
}

// Gradient takes rows apart.
func (d Detector) Gradient(outs []*op.Tensor, dy []float32, dx [][]float32) {
	boxes, scores := outs[d.Boxes.Output], outs[d.Scores.Output]
	count := d.Boxes.count(boxes)
	for _, list := range dx {
		clear(list)
	}
	row, slope := make([]float32, 4+d.Scores.Width), make([]float32, 4+d.Scores.Width)
	width := 4 + d.Classes(d.Scores.Width)
	for i := range boxes.Shape[0] * count {
		d.row(boxes, scores, i, count, row)
		d.Layout.Gradient(row, dy[i*width:(i+1)*width], slope)
		for k := range 4 {
			dx[d.Boxes.Output][d.Boxes.at(i, k, count, boxes)] = slope[k]
		}
		for k := range d.Scores.Width {
			dx[d.Scores.Output][d.Scores.at(i, k, count, scores)] = slope[4+k]
		}
	}
}

// count is how many rows a sample has, -1 where the output has no such rows.
func (r Rows) count(t *op.Tensor) int {
	if len(t.Shape) < 2 || t.Shape[0] < 1 || t.F == nil {
		return -1
	}
	size, width := t.Len()/t.Shape[0], r.size(t)
	if width < r.Skip+r.Width || size%width != 0 {
		return -1
	}
	return size / width
}

// size is how many numbers a row has, those that are not read included.
func (r Rows) size(t *op.Tensor) int {
	var axes []int
	for _, n := range t.Shape[1:] {
		if n != 1 || len(t.Shape) == 3 {
			axes = append(axes, n)
		}
	}
	switch {
	case len(axes) == 0:
		return 1
	case r.Turned:
		return axes[0]
	}
	return axes[len(axes)-1]
}

// at is where number k of row i, counted through all samples, stands.
func (r Rows) at(i, k, count int, t *op.Tensor) int {
	size := r.size(t)
	sample, row := i/count, i%count
	if r.Turned {
		return (sample*size+r.Skip+k)*count + row
	}
	return (sample*count+row)*size + r.Skip + k
}
