package imaging

import "math"

// parseTimm reads a pretrained_cfg of timm as its create_transform does for evaluation.
func parseTimm(o object) (Preprocess, error) {
	p := Preprocess{Convention: "timm", Scale: Unit, Layout: AutoLayout}
	size, share, mode, how := []int{3, usualSize, usualSize}, imageNetShare, "center", "bilinear"
	p.Mean, p.Std = ImageNet().Mean, ImageNet().Std
	for _, read := range []error{
		get(o, "input_size", &size, "channels, height, width"), get(o, "crop_pct", &share, "a number"),
		get(o, "crop_mode", &mode, "center, squash or border"), get(o, "interpolation", &how, "a name"),
		o.channels("mean", &p.Mean), o.channels("std", &p.Std),
	} {
		if read != nil {
			return p, read
		}
	}
	if len(size) != 3 || size[1] < 1 || size[2] < 1 || size[1] > mostEdge || size[2] > mostEdge {
		return p, fail("want channels, height, width", "input_size is %v", size)
	}
	if !(share >= 0.05 && share <= 1) {
		return p, fail("want at least 0.05 and at most 1", "crop_pct is %v", share)
	}
	p.Interpolation = Interpolation(how)
	if how == "random" || how == "" {
		p.Interpolation = Bilinear
	}
	return p, p.timmSizes(mode, size[1], size[2], share)
}

// timmSizes sets sizes by the way of cropping, for networks of height x width.
func (p *Preprocess) timmSizes(mode string, height, width int, share float64) error {
	p.Crop = Crop{Height: height, Width: width}
	height, width = int(math.Floor(float64(height)/share)), int(math.Floor(float64(width)/share))
	switch mode {
	case "squash":
		p.Resize = Resize{Height: height, Width: width}
	case "border":
		p.Resize = Resize{Mode: Within, Height: height, Width: width}
		p.Crop.Fill = fill(p.Mean)
	case "center", "":
		p.Resize = Resize{Mode: Cover, Height: height, Width: width}
		if height == width {
			p.Resize = Resize{Mode: ShortestEdge, Edge: height}
		}
	default:
		return fail("want center, squash or border", "crop_mode %q is not known", mode)
	}
	return nil
}

// fill is the colour of the mean of 0..1, as bytes.
func fill(mean []float64) (colour [3]uint8) {
	for c := range colour {
		if v := of(mean, min(c, max(0, len(mean)-1)), 0); v >= 0 && v <= 1 {
			colour[c] = uint8(math.RoundToEven(255 * v))
		}
	}
	return colour
}
