package dataset

import (
	"bufio"
	"errors"
	"fmt"
	"image"
	_ "image/gif"  // folders may hold GIF files
	_ "image/jpeg" // folders may hold JPEG files
	_ "image/png"  // folders may hold PNG files
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/untrusted"
)

// mostPixels bounds one image before it is decoded: a small file can declare any size.
const mostPixels = 1 << 27

// openImages reads a folder with one folder of PNG, JPEG or GIF files per class; the classes are numbered in
// the order of the names of their folders, as torchvision's ImageFolder and Keras do. Other files and hidden
// ones are passed over.
//
// The graph needs one input of shape [N,C,H,W] or [N,H,W,C] with C 1 (grey, by the weights of ITU-R 601) or 3
// (red, green, blue). Pixels are 0 to 1 for a float input and 0 to 255 for an integer one. An image of another
// size is resized as a whole, without keeping its proportions, by linear interpolation that averages when it
// shrinks (as Pillow's BILINEAR). Transparency and the rotation that cameras note are ignored.
func (l *loader) openImages(path string) (*Data, error) {
	field := Field{Name: "x", Shape: []int{-1, 3, -1, -1}}
	if len(l.Inputs) > 1 {
		return nil, fail("save the inputs as an .npz file",
			"a folder of images feeds one input, but the graph has %d", len(l.Inputs))
	}
	if len(l.Inputs) == 1 {
		field = l.Inputs[0]
	}
	layout, err := layoutOf(field)
	if err != nil {
		return nil, fmt.Errorf("input %q: %w", field.Name, err)
	}
	images := imageArray{layout: layout}
	var classes classArray
	if images.paths, classes, err = listImages(path); err != nil {
		return nil, err
	}
	if err := images.settleSize(); err != nil {
		return nil, err
	}
	return l.assemble([]named{{field.Name, images}, {"label", classes}})
}

// layout says how one image lies in memory.
type layout struct {
	height, width, channels int // height and width -1 when the graph does not say
	channelsLast            bool
}

// layoutOf reads the layout off the graph's input: the channels are the axis of length 1 or 3, the first such one.
func layoutOf(f Field) (layout, error) {
	s := f.Shape
	isChannels := func(n int) bool { return n == 1 || n == 3 }
	switch {
	case len(s) == 4 && isChannels(s[1]):
		return layout{height: s[2], width: s[3], channels: s[1]}, nil
	case len(s) == 4 && isChannels(s[3]):
		return layout{height: s[1], width: s[2], channels: s[3], channelsLast: true}, nil
	}
	return layout{}, fail("save the data as an .npz file",
		"the graph's %s takes no images: want [N C H W] or [N H W C] with 1 or 3 channels", shapeText(s))
}

func (l layout) shape() []int {
	if l.channelsLast {
		return []int{l.height, l.width, l.channels}
	}
	return []int{l.channels, l.height, l.width}
}

// listImages returns the images of all classes, class after class, and their classes.
func listImages(root string) (paths []string, classes classArray, err error) {
	folders, err := os.ReadDir(root)
	if err != nil {
		return nil, nil, unreadable(err)
	}
	class := int64(0)
	for _, folder := range folders {
		dir := filepath.Join(root, folder.Name())
		if info, err := os.Stat(dir); err != nil || !info.IsDir() || strings.HasPrefix(folder.Name(), ".") {
			continue
		}
		files, err := os.ReadDir(dir)
		if err != nil {
			return nil, nil, unreadable(err)
		}
		before := len(paths)
		for _, file := range files {
			if isImage(file.Name()) {
				paths, classes = append(paths, filepath.Join(dir, file.Name())), append(classes, class)
			}
		}
		if len(paths) == before {
			return nil, nil, fail(
				"remove the folder or add images: an empty class would shift the numbers of the others",
				"the folder %q holds no .png, .jpg, .jpeg or .gif", folder.Name())
		}
		class++
	}
	if len(paths) == 0 {
		return nil, nil, fail("make one folder per class and put its images there",
			"the folder holds neither ONNX test data nor folders of images")
	}
	return paths, classes, nil
}

func isImage(name string) bool {
	suffixes := []string{".png", ".jpg", ".jpeg", ".gif"}
	return !strings.HasPrefix(name, ".") && slices.Contains(suffixes, strings.ToLower(filepath.Ext(name)))
}

// imageArray is a list of image files.
type imageArray struct {
	layout
	paths []string
}

// settleSize takes the size of the first image where the graph leaves it open. Images of other sizes are then refused.
func (a *imageArray) settleSize() error {
	if a.height >= 0 && a.width >= 0 {
		return nil
	}
	for i, path := range a.paths {
		size, err := imageSize(path)
		if err != nil {
			return err
		}
		if i == 0 && a.height < 0 {
			a.height = size.Y
		}
		if i == 0 && a.width < 0 {
			a.width = size.X
		}
		if size != image.Pt(a.width, a.height) {
			return fail("the graph takes images of any size: resize them all to the one you want",
				"%s has %d x %d pixels, others %d x %d", path, size.X, size.Y, a.width, a.height)
		}
	}
	return nil
}

func imageSize(path string) (image.Point, error) {
	f, _, err := untrusted.Open(path)
	if err != nil {
		return image.Point{}, unreadable(err)
	}
	defer f.Close()
	return checkImageSize(path, bufio.NewReader(f))
}

func checkImageSize(path string, r io.Reader) (image.Point, error) {
	c, _, err := image.DecodeConfig(r)
	if err != nil {
		return image.Point{}, badImage(path, err)
	}
	if c.Width <= 0 || c.Height <= 0 || c.Width > mostPixels/c.Height {
		return image.Point{}, fail("make the image smaller",
			"%s has %d x %d pixels: want at least one and at most %d in all", path, c.Width, c.Height, mostPixels)
	}
	return image.Pt(c.Width, c.Height), nil
}

func badImage(path string, err error) error {
	if errors.Is(err, image.ErrFormat) {
		return fail("remove it or convert it to PNG", "%s is no PNG, JPEG or GIF image", path)
	}
	return fail("remove the image or write it again", "%s cannot be decoded: %v", path, err)
}

func (a imageArray) header() (onnx.DataType, []int, error) {
	return onnx.Uint8, append([]int{len(a.paths)}, a.shape()...), nil
}

func (a imageArray) floats(b *budget) ([]float32, error) {
	return readImages(a, b, 4, func(v uint8) float32 { return float32(v) / 255 })
}

func (a imageArray) ints(b *budget) ([]int64, error) {
	return readImages(a, b, 8, func(v uint8) int64 { return int64(v) })
}

// readImages decodes all images as numbers of the given size, several at a time. Of several bad images the first is
// named.
func readImages[T any](a imageArray, b *budget, size int, convert func(uint8) T) ([]T, error) {
	count, err := countElements(append([]int{len(a.paths)}, a.shape()...))
	if err != nil {
		return nil, err
	}
	if err := b.take(count, size); err != nil {
		return nil, err
	}
	per, out := count/len(a.paths), make([]T, count)
	errs := make([]error, len(a.paths))
	var g errgroup.Group
	g.SetLimit(4)
	for i, path := range a.paths {
		g.Go(func() error {
			pixels, err := readImage(path, a.layout)
			for j, v := range pixels {
				out[i*per+j] = convert(v)
			}
			errs[i] = err
			return err
		})
	}
	if g.Wait() != nil {
		return nil, errs[slices.IndexFunc(errs, func(err error) bool { return err != nil })]
	}
	return out, nil
}
