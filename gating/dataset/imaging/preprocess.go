package imaging

import (
	"math"
	"slices"
)

// Preprocess says what becomes of an image before the network sees it. The zero value of a field means its default, and
// the fields apply in their order: resize, crop, then for the byte v of channel c
//
//	(v*Scale + Offset - Mean[c]) / Std[c]
type Preprocess struct {
	Convention    string        `json:"convention"`       // where it comes from or what people call it, for messages
	Resize        Resize        `json:"resize,omitzero"`  // default: to the graph's size, if nothing is cropped
	Crop          Crop          `json:"crop,omitzero"`    // default: none
	Interpolation Interpolation `json:"interpolation"`    // default Bilinear
	Scale         float64       `json:"scale"`            // default 1/255 for a float input, 1 for an integer one
	Offset        float64       `json:"offset,omitempty"` // default 0
	Mean          []float64     `json:"mean,omitempty"`   // one number, or one a channel of the network; default 0
	Std           []float64     `json:"std,omitempty"`    // likewise; default 1
	Layout        Layout        `json:"layout"`           // default: read off the graph
	BGR           bool          `json:"bgr,omitempty"`    // the network gets blue, green, red
}

// Layout says where the channels of the graph's input are.
type Layout string

// The layouts. The empty one is AutoLayout: the axis of length 1 or 3 has the channels, the first such one.
const (
	AutoLayout    Layout = "auto"
	ChannelsFirst Layout = "nchw"
	ChannelsLast  Layout = "nhwc"
)

// Scales of pixels, which are bytes.
const (
	Unit  = 1.0 / 255 // to 0..1
	Bytes = 1.0       // to 0..255
)

// Means and deviations that networks are trained with.
var (
	ImageNetMean = []float64{0.485, 0.456, 0.406} // of 0..1, red, green, blue (torchvision)
	ImageNetStd  = []float64{0.229, 0.224, 0.225}
)

// ImageNet is torchvision's and timm's usual preprocessing: the shortest edge resized so that a centre crop of the
// graph's size keeps 0.875 of it (224 of 256), 0..1, ImageNet's mean and deviation.
func ImageNet() Preprocess {
	return Preprocess{
		Convention: "imagenet", Crop: Crop{Share: imageNetShare}, Interpolation: Bilinear, Scale: Unit,
		Mean: slices.Clone(ImageNetMean), Std: slices.Clone(ImageNetStd), Layout: AutoLayout,
	}
}

// imageNetShare is 224/256.
const imageNetShare = 0.875

// Validate returns the preprocessing with defaults filled in, or an error of kind ErrImage that names the field that is
// unknown or out of range. Scale stays 0 where it depends on the graph.
func (p Preprocess) Validate() (Preprocess, error) {
	if p.Interpolation == "" {
		p.Interpolation = Bilinear
	}
	if p.Layout == "" {
		p.Layout = AutoLayout
	}
	switch {
	case !slices.Contains(Interpolations, p.Interpolation):
		return p, fail("want bilinear, bicubic, nearest, box, hamming, lanczos or aliased",
			"interpolation %q is not known",
			p.Interpolation)
	case !slices.Contains([]Layout{AutoLayout, ChannelsFirst, ChannelsLast}, p.Layout):
		return p, fail("want auto, nchw or nhwc", "layout %q is not known", p.Layout)
	case !finite(p.Scale, p.Offset) || p.Scale < 0:
		return p, fail("pixels are 0 to 255: 1/255 makes them 0 to 1", "scale %v and offset %v: want finite numbers, "+
			"the scale positive", p.Scale, p.Offset)
	}
	if err := checkChannels("mean", p.Mean); err != nil {
		return p, err
	}
	if err := checkChannels("std", p.Std); err != nil {
		return p, err
	}
	if at := slices.IndexFunc(p.Std, func(v float64) bool { return v <= 0 }); at >= 0 {
		return p, fail("the deviation divides: give the one of the training data", "std %v: want positive numbers",
			p.Std[at])
	}
	if err := p.Resize.validate(); err != nil {
		return p, err
	}
	if p.Resize.Mode == Letterbox && p.Crop != (Crop{}) && p.Crop.Fill != letterboxGrey {
		return p, fail("leave the crop out", "a letterboxed image has the size wanted: nothing is cut out of it")
	}
	return p, p.Crop.validate()
}

// checkChannels refuses lists that fit no image.
func checkChannels(name string, list []float64) error {
	if n := len(list); n != 0 && n != 1 && n != 3 {
		return fail("give one number, or one for each channel", "%s has %d numbers: want 1 or 3", name, n)
	}
	if !finite(list...) {
		return fail("", "%s %v: want finite numbers", name, list)
	}
	return nil
}

func finite(list ...float64) bool {
	return !slices.ContainsFunc(list, func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) })
}
