package objective

import (
	"math"
	"slices"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/network"
)

// noClass are the labels that say of a position that it does not count, where there is no such class: PyTorch's
// and that of masks of 8 bits.
var noClass = []int64{network.Ignored, 255}

// ignored lists the labels of the data that do not count for an objective of class indices. A whole sample
// labelled 255 is more likely one of too many classes.
func (f *fit) ignored(h Head) []int64 {
	list := f.options.Ignore
	if list == nil {
		list = slices.DeleteFunc(slices.Clone(noClass), func(v int64) bool {
			return v >= 0 && (v < int64(h.Classes) || h.perRow)
		})
	}
	return present(f.data, list)
}

// present lists which of some labels the data has.
func present(d *dataset.Data, list []int64) []int64 {
	return slices.DeleteFunc(slices.Clone(list), func(v int64) bool {
		return !slices.ContainsFunc(d.Parts(), func(p *dataset.Data) bool {
			return slices.Contains(p.Label.Ints, v) || slices.Contains(p.Label.Floats, float32(v))
		})
	})
}

// labelRange is where labels lie.
type labelRange struct {
	unit    bool    // all from 0 to 1
	bits    bool    // all 0 or 1
	ignored []int64 // but for these, which do not count
	hint    string  // why they may not lie where they should
}

// labelRange looks at all labels. Integers that are 0, 1 and one that is ignored lie in the unit range; 0 and 255
// alone are a mask that was not scaled.
func (f *fit) labelRange() labelRange {
	r := labelRange{unit: true, bits: true}
	list := f.options.Ignore
	if list == nil {
		list = noClass
	}
	if f.label.Ints != nil {
		r.ignored = present(f.data, list)
	}
	ones := false
	for _, p := range f.data.Parts() {
		for i := range max(len(p.Label.Floats), len(p.Label.Ints)) {
			v := labelAt(p.Label, i)
			if p.Label.Ints != nil && slices.Contains(r.ignored, p.Label.Ints[i]) {
				continue
			}
			r.unit = r.unit && v >= 0 && v <= 1
			r.bits = r.bits && (v == 0 || v == 1)
			ones = ones || v == 1
		}
	}
	if f.options.Ignore == nil && slices.Contains(r.ignored, 255) && !ones {
		return labelRange{hint: "; these are 0 and 255 (divide by 255, or say --ignore-index 255)"}
	}
	return r
}

// labelAt is element i of a column as a number.
func labelAt(c *dataset.Column, i int) float64 {
	if c.Floats != nil {
		return float64(c.Floats[i])
	}
	return float64(c.Ints[i])
}

// sumTolerance is how far probabilities may be from adding up to one: labels saved with three digits.
const sumTolerance = 5e-3

// softAxis returns the axis along which labels of the output's shape are probabilities that add up to one, -1 if
// there is none. Where two are, it is as for classAxis.
func (f *fit) softAxis() int {
	if f.label == nil || !slices.Equal(f.out.Shape[min(1, len(f.out.Shape)):], f.label.Shape) {
		return -1
	}
	at := -1
	for axis := len(f.out.Shape) - 1; axis > 0; axis-- {
		if f.out.Shape[axis] > 1 && (at != f.norm || at < 0) && soft(f.data, axis-1) {
			at = axis
		}
	}
	return at
}

// soft says whether all labels are probabilities along an axis of a sample.
func soft(d *dataset.Data, axis int) bool {
	for _, p := range d.Parts() {
		c := p.Label
		if axis >= len(c.Shape) {
			return false
		}
		count, stride := c.Shape[axis], 1
		for _, n := range c.Shape[axis+1:] {
			stride *= n
		}
		for i := range c.Len() * c.Size() / count {
			sum := 0.0
			for k := range count {
				v := labelAt(c, i/stride*stride*count+i%stride+k*stride)
				if v < 0 {
					return false
				}
				sum += v
			}
			if math.Abs(sum-1) > sumTolerance {
				return false
			}
		}
	}
	return true
}
