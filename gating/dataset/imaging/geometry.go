package imaging

import (
	"image"
	"math"
)

// ResizeMode says which size an image is resized to.
type ResizeMode string

// The modes. Sizes are rounded as torchvision and timm round them.
const (
	Squash       ResizeMode = ""              // Height x Width, or the graph's size, whatever the proportions
	ShortestEdge ResizeMode = "shortest_edge" // the shorter edge becomes Edge: torchvision's Resize(int)
	Cover        ResizeMode = "cover"         // the least size that covers Height x Width: timm's crop_mode center
	Within       ResizeMode = "within"        // the largest size within Height x Width: timm's crop_mode border
	Keep         ResizeMode = "none"          // the size it has
	// Letterbox is the largest size within Height x Width, or within the graph's, in the middle of grey, as Ultralytics
	// feeds YOLO: proportions stay and nothing is cut off.
	Letterbox ResizeMode = "letterbox"
)

// letterboxGrey surrounds a letterboxed image.
var letterboxGrey = [3]uint8{114, 114, 114}

// Resize says how an image is resized.
type Resize struct {
	Mode   ResizeMode `json:"mode,omitempty"`
	Edge   int        `json:"edge,omitempty"`
	Height int        `json:"height,omitempty"`
	Width  int        `json:"width,omitempty"`
}

// Crop says what is cut out of the middle of a resized image.
type Crop struct {
	Height int `json:"height,omitempty"`
	Width  int `json:"width,omitempty"`
	// Share is for a crop of the graph's size (224 where the graph leaves it open): the image is resized so that
	// the crop keeps this share of the shorter edge. Resize, Height and Width must be 0 then.
	Share float64 `json:"share,omitempty"`
	// Floor places a crop with an uneven rest as the processors of Hugging Face do; else it is torchvision's
	// CenterCrop.
	Floor bool `json:"floor,omitempty"`
	// Fill is the colour (red, green, blue) around an image that is smaller than the crop.
	Fill [3]uint8 `json:"fill,omitzero"`
}

const (
	mostEdge    = 1 << 14 // of what the network gets
	mostResized = 1 << 20 // of an image that is resized before a part is cut out
	usualSize   = 224     // where neither the preprocessing nor the graph says one
)

func (r Resize) validate() error {
	for _, n := range []int{r.Edge, r.Height, r.Width} {
		if n < 0 || n > mostEdge {
			return fail("", "resizing to %d pixels: want 1 to %d", n, mostEdge)
		}
	}
	edge, sized, none := r.Edge > 0, r.Height > 0 && r.Width > 0, r.Height == 0 && r.Width == 0
	fits := map[ResizeMode]bool{
		Squash: !edge && (sized || none), ShortestEdge: edge && none, Cover: !edge && sized, Within: !edge && sized,
		Keep: !edge && none, Letterbox: !edge && (sized || none),
	}
	if !fits[r.Mode] {
		return fail("give the shorter edge, or height and width", "resize %+v makes no sense", r)
	}
	return nil
}

func (c Crop) validate() error {
	switch {
	case c.Height < 0 || c.Width < 0 || c.Height > mostEdge || c.Width > mostEdge:
		return fail("", "a crop of %d x %d pixels: want 1 to %d", c.Height, c.Width, mostEdge)
	case (c.Height > 0) != (c.Width > 0):
		return fail("give height and width", "a crop of %d x %d pixels", c.Height, c.Width)
	case !finite(c.Share) || c.Share < 0 || c.Share > 1 || c.Share > 0 && c.Share < 0.05:
		return fail("", "a crop that keeps %v of the image: want more than 0.05 and at most 1", c.Share)
	case c.Share > 0 && c.Height > 0:
		return fail("", "a crop has either a size or a share")
	}
	return nil
}

// settled returns the preprocessing with the sizes that follow from the graph's; those are -1 where it leaves them
// open.
func (p Preprocess) settled(height, width int) Preprocess {
	if p.Crop.Share > 0 {
		if height < 0 {
			height = usualSize
		}
		if width < 0 {
			width = usualSize
		}
		tall, wide := int(float64(height)/p.Crop.Share), int(float64(width)/p.Crop.Share)
		p.Resize = Resize{Mode: Cover, Height: tall, Width: wide}
		if tall == wide {
			p.Resize = Resize{Mode: ShortestEdge, Edge: tall}
		}
		p.Crop.Height, p.Crop.Width, p.Crop.Share = height, width, 0
	}
	if p.Resize.Mode == Letterbox && p.Resize.Height == 0 && height > 0 && width > 0 {
		p.Resize.Height, p.Resize.Width = height, width
	}
	if p.Resize.Mode == Letterbox {
		p.Crop = Crop{Height: p.Resize.Height, Width: p.Resize.Width, Fill: letterboxGrey}
	}
	if p.Resize == (Resize{}) {
		switch {
		case p.Crop.Height > 0 || height < 0 || width < 0:
			p.Resize.Mode = Keep
		default:
			p.Resize.Height, p.Resize.Width = height, width
		}
	}
	return p
}

// resized is the size that an image of the given one is resized to.
func (r Resize) resized(size image.Point) image.Point {
	switch r.Mode {
	case ShortestEdge:
		if size.X <= size.Y {
			return image.Pt(r.Edge, r.Edge*size.Y/size.X)
		}
		return image.Pt(r.Edge*size.X/size.Y, r.Edge)
	case Cover, Within:
		tall, wide := float64(size.Y)/float64(r.Height), float64(size.X)/float64(r.Width)
		ratio := min(tall, wide)
		if r.Mode == Within {
			ratio = max(tall, wide)
		}
		return image.Pt(int(math.RoundToEven(float64(size.X)/ratio)), int(math.RoundToEven(float64(size.Y)/ratio)))
	case Letterbox:
		scale := min(float64(r.Height)/float64(size.Y), float64(r.Width)/float64(size.X))
		return image.Pt(max(1, int(math.RoundToEven(float64(size.X)*scale))),
			max(1, int(math.RoundToEven(float64(size.Y)*scale))))
	case Keep:
		return size
	}
	return image.Pt(r.Width, r.Height)
}

// placed is the place of a crop of so many pixels along an axis of size pixels: the first pixel wanted, negative where
// the image is smaller.
func (c Crop) placed(size, crop int) int {
	switch {
	case crop > size && c.Floor:
		return -((crop - size + 1) / 2)
	case crop > size:
		return -((crop - size) / 2)
	case c.Floor:
		return (size - crop) / 2
	}
	return int(math.RoundToEven(float64(size-crop) / 2))
}

// frame is what becomes of one image: the size it is resized to and the part of that which is wanted, which may reach
// over its edges.
type frame struct {
	resized image.Point
	wanted  image.Rectangle
}

// frame returns the frame of an image, or why it has none.
func (p Preprocess) frame(size image.Point) (frame, error) {
	f := frame{resized: p.Resize.resized(size)}
	if f.resized.X < 1 || f.resized.Y < 1 || f.resized.X > mostResized || f.resized.Y > mostResized {
		return f, fail("leave the image out, or resize to height and width",
			"%d x %d pixels would be resized to %d x %d", size.X, size.Y, f.resized.X, f.resized.Y)
	}
	f.wanted = image.Rectangle{Max: f.resized}
	if p.Crop.Height > 0 {
		at := image.Pt(p.Crop.placed(f.resized.X, p.Crop.Width), p.Crop.placed(f.resized.Y, p.Crop.Height))
		f.wanted = image.Rectangle{at, at.Add(image.Pt(p.Crop.Width, p.Crop.Height))}
	}
	between := f.wanted.Intersect(image.Rectangle{Max: f.resized}).Dx() * size.Y // pixels resized across, not yet down
	if between > mostPixels {
		return f, fail("leave the image out, or make it smaller",
			"%d x %d pixels are too many to be resized to %d x %d",
			size.X, size.Y, f.resized.X, f.resized.Y)
	}
	return f, nil
}
