package objective

import (
	"fmt"
	"math"
	"slices"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/detection"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/advice"
)

// objectSize is how many numbers a label has for an object: its class, x1, y1, x2, y2.
const objectSize = 5

// boxLabels are labels that say where things are: [M,5] a sample.
type boxLabels struct {
	classes int     // the greatest number of a class, and one
	extent  float64 // the greatest coordinate
	wrong   string  // the first object that is none, "" if all are
	objects int
}

// readBoxes looks at the labels. They are no boxes where their shape is another, or the first of five numbers is no
// number of a class.
func readBoxes(d *dataset.Data) (boxLabels, bool) {
	b := boxLabels{}
	for _, p := range d.Parts() {
		c := p.Label
		if c == nil || len(c.Shape) != 2 || c.Shape[1] != objectSize {
			return b, false
		}
		for at := 0; at < c.Len()*c.Size(); at += objectSize {
			class := labelAt(c, at)
			switch {
			case class != math.Trunc(class) || class < -1 || class > maxClasses:
				return b, false
			case class < 0:
				continue
			}
			b.add(c, at, int(class))
		}
	}
	return b, true
}

// maxClasses bounds the numbers of classes.
const maxClasses = 1 << 20

// add counts an object.
func (b *boxLabels) add(c *dataset.Column, at, class int) {
	b.objects++
	b.classes = max(b.classes, class+1)
	box := boxOf(c, at)
	if b.wrong == "" && !(box[2] >= box[0] && box[3] >= box[1]) {
		b.wrong = fmt.Sprintf("%v of row %d", box, at/c.Size())
	}
	for _, v := range box {
		b.extent = max(b.extent, math.Abs(v))
	}
}

func boxOf(c *dataset.Column, at int) detection.Box {
	return detection.Box{labelAt(c, at+1), labelAt(c, at+2), labelAt(c, at+3), labelAt(c, at+4)}
}

// frame is the size of the pictures that a network sees, zero where its inputs do not tell.
type frame struct{ width, height float64 }

// frameOf finds the input that is a picture: of three axes one counts colours.
func frameOf(d *dataset.Data) frame {
	for _, c := range d.Parts()[0].Inputs {
		if len(c.Shape) != 3 || !c.Type.IsFloat() && c.Type != onnx.Uint8 {
			continue
		}
		switch few := func(n int) bool { return n == 1 || n == 3 || n == 4 }; {
		case few(c.Shape[0]):
			return frame{float64(c.Shape[2]), float64(c.Shape[1])}
		case few(c.Shape[2]):
			return frame{float64(c.Shape[1]), float64(c.Shape[0])}
		}
	}
	return frame{}
}

// unit is the frame in the labels' unit: pixels, or shares of the picture.
func (f frame) unit(extent float64) frame {
	if f.width > 0 && extent <= mostShare {
		return frame{1, 1}
	}
	return f
}

// mostShare is the greatest coordinate of boxes that are in shares of the picture: some reach beyond its edge.
const mostShare = 1.5

// sees says whether a box has any part in the frame; everything is seen where its size is not known.
func (f frame) sees(b detection.Box) bool {
	return f.width == 0 || b[0] < f.width && b[1] < f.height && b[2] > 0 && b[3] > 0
}

// seen replaces objects outside of the frame by padding. Integers become floats.
func (f frame) seen(c *dataset.Column) *dataset.Column {
	out := floatLabels(c)
	for at := 0; at < len(out.Floats); at += objectSize {
		if out.Floats[at] >= 0 && !f.sees(boxOf(out, at)) {
			if out == c {
				out = &dataset.Column{Name: c.Name, Type: c.Type, Shape: c.Shape, Floats: slices.Clone(c.Floats)}
			}
			copy(out.Floats[at:at+objectSize], []float32{-1, 0, 0, 0, 0})
		}
	}
	return out
}

// exceeds says whether a box reaches far beyond the frame.
func (f frame) exceeds(b detection.Box) bool {
	const far = 1.1
	return f.width > 0 && (b[2] > far*f.width || b[3] > far*f.height)
}

// count counts objects of which something holds.
func (f frame) count(d *dataset.Data, holds func(detection.Box) bool) (n int) {
	for _, p := range d.Parts() {
		for at := 0; at < p.Label.Len()*p.Label.Size(); at += objectSize {
			if labelAt(p.Label, at) >= 0 && holds(boxOf(p.Label, at)) {
				n++
			}
		}
	}
	return n
}

// checkBoxes is an error for boxes that no picture has, and a warning for some that lie outside of it.
func checkBoxes(d *dataset.Data, b boxLabels, f frame) (w advice.Warnings, err error) {
	const want = "give class, x1, y1, x2, y2 of every object in pixels of what the network sees, or in shares of it; " +
		"a class of -1 pads"
	outside := f.count(d, func(b detection.Box) bool { return !f.sees(b) })
	switch {
	case b.objects == 0:
		return nil, dataErr(want, "the labels have no objects")
	case b.wrong != "":
		return nil, dataErr(want, "the right of a box is left of its left, or its bottom above its top: %s", b.wrong)
	case 2*outside > b.objects:
		return nil, dataErr(want, "%d of %d boxes lie outside of the picture, which is %v wide and %v high", outside,
			b.objects, f.width, f.height)
	}
	if outside > 0 {
		w.Addf(dataset.ErrData, want,
			"%d of %d boxes lie outside of the picture, which is %v wide and %v high, and are "+
				"left out", outside, b.objects, f.width, f.height)
	}
	if beyond := f.count(d, f.exceeds); 5*beyond > b.objects {
		w.Addf(dataset.ErrData, want, "%d of %d boxes reach far beyond the picture, which is %v wide and %v high",
			beyond,
			b.objects, f.width, f.height)
	}
	return w, nil
}
