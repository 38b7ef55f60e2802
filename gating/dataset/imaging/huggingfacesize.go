package imaging

// edges is a size of a file: a number, or some of these keys.
type edges struct {
	Height   int `json:"height"`
	Width    int `json:"width"`
	Shortest int `json:"shortest_edge"`
	Longest  int `json:"longest_edge"`
}

// size reads a size; one number is a square where it says so, else the shorter edge.
func (h *huggingFace) size(key string, square bool) (e edges, err error) {
	one := 0
	if get(h.object, key, &one, "") == nil && one > 0 {
		if square {
			return edges{Height: one, Width: one}, nil
		}
		return edges{Shortest: one}, nil
	}
	var pair []int
	if get(h.object, key, &pair, "") == nil && len(pair) == 2 {
		return edges{Height: pair[0], Width: pair[1]}, nil
	}
	want := "a number, or height and width, or shortest_edge"
	if err := get(h.object, key, &e, want); err != nil {
		return e, err
	}
	pairs := e.Height > 0 && e.Width > 0 && e.Shortest == 0
	single := e.Shortest > 0 && e.Height == 0 && e.Width == 0
	if h.has(key) && (!pairs && !single || e.Longest != 0) {
		return e, fail("preprocess the images yourself and save them as an .npz file", "%q is %.100q: want %s", key,
			h.keys[key], want)
	}
	return e, nil
}

// sizes reads how an image is resized and cropped.
func (h *huggingFace) sizes(p *Preprocess) error {
	crops, err := h.does("do_center_crop", h.crop)
	if err != nil {
		return err
	}
	resizes, err := h.does("do_resize", true)
	if err != nil {
		return err
	}
	crop, err := h.size("crop_size", true)
	if err != nil {
		return err
	}
	p.Resize.Mode = Keep
	if resizes {
		size, err := h.size("size", !h.shortest && (h.known || !crops))
		if err != nil {
			return err
		}
		if size == (edges{}) {
			return fail("add it to the file", "there is no \"size\", to which images are resized")
		}
		if p.Resize, err = h.resize(size); err != nil {
			return err
		}
		if h.kind == "ConvNext" && p.Resize.Mode == ShortestEdge {
			crops, crop = true, edges{Height: size.Shortest, Width: size.Shortest}
		}
	}
	return p.Crop.center(crops, crop)
}

// center makes a crop of the size given, or none.
func (c *Crop) center(crops bool, size edges) error {
	switch {
	case !crops:
		*c = Crop{}
	case size == (edges{}):
		return fail("add it to the file", "there is no \"crop_size\"")
	default:
		c.Height, c.Width = max(size.Height, size.Shortest), max(size.Width, size.Shortest)
	}
	return nil
}

// resize is the size that images are resized to. Some processors have rules of their own.
func (h *huggingFace) resize(size edges) (Resize, error) {
	share := h.share
	if err := get(h.object, "crop_pct", &share, "a number"); err != nil {
		return Resize{}, err
	}
	if share < 0 || share > 1 {
		return Resize{}, fail("want more than 0 and at most 1", "crop_pct is %v", share)
	}
	edge := size.Shortest
	switch h.kind {
	case "ConvNext":
		if edge >= convNextWhole || share == 0 {
			return Resize{Height: max(edge, size.Height), Width: max(edge, size.Width)}, nil
		}
		edge = int(float64(edge) / share)
	case "Levit":
		edge = int(256.0 / 224 * float64(edge))
	case "PoolFormer":
		if edge == 0 && size.Height == size.Width {
			edge = size.Height
		}
		if share > 0 {
			edge = int(float64(edge) / share)
		}
	}
	if edge > 0 {
		return Resize{Mode: ShortestEdge, Edge: edge}, nil
	}
	return Resize{Height: size.Height, Width: size.Width}, nil
}

// convNextWhole is the size from which ConvNext's processor squashes the whole image and crops nothing.
const convNextWhole = 384
