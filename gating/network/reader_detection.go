package network

import (
	"fmt"
	"slices"

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
	boxes, scores, err := d.open(outs)
	if err != nil {
		return nil, err
	}
	n, width := boxes.samples, 4+d.Classes(d.Scores.Width)
	out := op.NewTensor(op.Spec{Type: boxes.t.Type, Shape: []int{n, boxes.count, width}})
	row := make([]float32, 4+d.Scores.Width)
	for i := range n * boxes.count {
		boxes.read(i, row[:4])
		scores.read(i, row[4:])
		d.Layout.Read(row, out.F[i*width:(i+1)*width])
	}
	return out, nil
}

// Probable says whether all scores lie between 0 and 1, but for rounding.
func (d Detector) Probable(outs []*op.Tensor) bool {
	const rounding = 1e-3
	scores, ok := d.Scores.open(outs[d.Scores.Output])
	if !ok {
		return false
	}
	row := make([]float32, d.Scores.Width)
	for i := range scores.samples * scores.count {
		scores.read(i, row)
		if slices.ContainsFunc(row, func(v float32) bool { return !(v >= -rounding && v <= 1+rounding) }) {
			return false
		}
	}
	return true
}

// Gradient takes rows apart.
func (d Detector) Gradient(outs []*op.Tensor, dy []float32, dx [][]float32) {
	for _, list := range dx {
		clear(list)
	}
	boxes, scores, err := d.open(outs)
	if err != nil {
		return // Read has said so
	}
	row, slope := make([]float32, 4+d.Scores.Width), make([]float32, 4+d.Scores.Width)
	width := 4 + d.Classes(d.Scores.Width)
	for i := range boxes.samples * boxes.count {
		boxes.read(i, row[:4])
		scores.read(i, row[4:])
		d.Layout.Gradient(row, dy[i*width:(i+1)*width], slope)
		boxes.write(i, slope[:4], dx[d.Boxes.Output])
		scores.write(i, slope[4:], dx[d.Scores.Output])
	}
}

// open finds the rows of boxes and scores.
func (d Detector) open(outs []*op.Tensor) (boxes, scores rowsOf, err error) {
	boxes, ok := d.Boxes.open(outs[d.Boxes.Output])
	scores, also := d.Scores.open(outs[d.Scores.Output])
	if !ok || !also || boxes.count != scores.count || boxes.samples != scores.samples {
		return boxes, scores, fmt.Errorf("detection: boxes %v and scores %v do not go together: %w", boxes.t.Shape,
			scores.t.Shape, op.ErrShape)
	}
	return boxes, scores, nil
}

// rowsOf are the rows of a tensor: from one number of a row to the next is a stride.
type rowsOf struct {
	t                   *op.Tensor
	samples, count      int
	size, first, stride int // numbers of a row, those that are not read included
	turned              bool
}

// open finds the rows; false where the output has none of this width.
func (r Rows) open(t *op.Tensor) (rowsOf, bool) {
	rows := rowsOf{t: t, first: r.Skip, stride: 1, turned: r.Turned}
	if len(t.Shape) < 2 || t.Shape[0] < 1 || t.F == nil {
		return rows, false
	}
	var axes []int
	for _, n := range t.Shape[1:] {
		if n != 1 || len(t.Shape) == 3 {
			axes = append(axes, n)
		}
	}
	if len(axes) != 2 {
		return rows, false
	}
	rows.samples, rows.count, rows.size = t.Shape[0], axes[0], axes[1]
	if r.Turned {
		rows.count, rows.size, rows.stride = axes[1], axes[0], axes[1]
	}
	return rows, rows.size >= r.Skip+r.Width
}

// start is where row i, counted through all samples, begins.
func (r *rowsOf) start(i int) int {
	if r.turned {
		return (i/r.count*r.size+r.first)*r.count + i%r.count
	}
	return i*r.size + r.first
}

// read copies the numbers of a row.
func (r *rowsOf) read(i int, to []float32) {
	at := r.start(i)
	for k := range to {
		to[k] = r.t.F[at+k*r.stride]
	}
}

// write puts numbers where those of a row stand.
func (r *rowsOf) write(i int, from, list []float32) {
	at := r.start(i)
	for k, v := range from {
		list[at+k*r.stride] = v
	}
}
