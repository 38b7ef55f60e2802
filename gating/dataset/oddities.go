package dataset

import (
	"fmt"
	"sync/atomic"

	"github.com/softmerge/softmerge/gating/dataset/imaging"
)

// oddities count images with traits that other programs may treat otherwise.
type oddities struct {
	images atomic.Int64
	with   [4]atomic.Int64 // by trait
}

// count counts an image.
func (o *oddities) count(traits []imaging.Trait) {
	o.images.Add(1)
	for _, t := range traits {
		o.with[t].Add(1)
	}
}

// noteOddities says what of the images of inputs does not reach the network: with a warning where networks may have
// seen them otherwise in training.
func (d *Data) noteOddities(p picked) {
	for _, input := range p.inputs {
		odd := (*oddities)(nil)
		switch a := input.array.(type) {
		case imageArray:
			odd = a.odd
		case *encodedArray:
			if a.images != nil {
				odd = a.images.odd
			}
		}
		if odd == nil {
			continue
		}
		for _, t := range imaging.AllTraits() {
			n := odd.with[t].Load()
			if n == 0 {
				continue
			}
			text := fmt.Sprintf("%d of %d images %s", n, odd.images.Load(), t)
			if t == imaging.Rotated || t == imaging.Deep {
				d.Warnings.Add(fail("convert them and save them anew if the models were trained on them otherwise",
					"%s", text))
			} else {
				d.addNotes(text)
			}
		}
	}
}
