package dataset

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/softmerge/softmerge/gating/dataset/imaging"
	"github.com/softmerge/softmerge/gating/dataset/spill"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/untrusted"
)

const (
	mostAnnotations = 1 << 30 // bytes of one file of annotations
	mostObjects     = 2000    // in one image
)

// cocoFile is what is read of a file of annotations as COCO has them.
type cocoFile struct {
	Images []struct {
		ID       json.Number `json:"id"`
		FileName string      `json:"file_name"`
	} `json:"images"`
	Annotations []struct {
		Image    json.Number `json:"image_id"`
		Category json.Number `json:"category_id"`
		Box      []float64   `json:"bbox"`
		Crowd    int         `json:"iscrowd"`
	} `json:"annotations"`
	Categories []struct {
		ID   json.Number `json:"id"`
		Name string      `json:"name"`
	} `json:"categories"`

	names []string // of the categories, in the order of their ids; see classes
	ids   []int64  // of the categories, ascending
}

// findAnnotations finds the file of annotations of a folder of images: the only .json file with images and
// annotations in it, there or in its folder "annotations". Empty if there is none.
func findAnnotations(root string) (string, error) {
	var found []string
	for _, folder := range []string{root, filepath.Join(root, "annotations")} {
		entries, err := os.ReadDir(folder)
		if err != nil {
			continue
		}
		for _, e := range entries {
			path := filepath.Join(folder, e.Name())
			if !strings.HasPrefix(e.Name(), ".") && strings.EqualFold(filepath.Ext(path), ".json") &&
				looksLikeCOCO(path) {
				found = append(found, path)
			}
		}
	}
	switch len(found) {
	case 0:
		return "", nil
	case 1:
		return found[0], nil
	}
	return "", fail("keep one, or give each its own folder", "the folder has %d files of annotations: %s", len(found),
		quoted(found))
}

// looksLikeCOCO says whether a file names images and annotations on its first level.
func looksLikeCOCO(path string) bool {
	f, _, err := untrusted.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	d := json.NewDecoder(io.LimitReader(f, mostAnnotations))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return false
	}
	seen := 0
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return false
		}
		if key == "images" || key == "annotations" {
			if seen++; seen == 2 {
				return true
			}
		}
		var skipped json.RawMessage
		if d.Decode(&skipped) != nil {
			return false
		}
	}
	return false
}

// openCOCO reads the images that a file of annotations names, and their boxes as the label "boxes" [N,M,5]: for each
// object its class, counted from 0 in the order of the categories' ids, and x1, y1, x2, y2 in pixels of what the
// network sees. -1 for the class pads. Crowds are left out.
func (l *loader) openCOCO(root, annotations string) (*Data, error) {
	content, err := untrusted.Read(annotations, mostAnnotations)
	if err != nil {
		return nil, unreadable(err)
	}
	c, boxes, err := parseCOCO(content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", annotations, err)
	}
	var files imageFiles
	for i, image := range c.Images {
		path, err := imageNamed(root, image.FileName)
		if err != nil {
			return nil, fmt.Errorf("%s: image %d: %w", annotations, i, err)
		}
		files = append(files, path)
	}
	files, boxes = thinned(files, l.Sample), thinned(boxes, l.Sample)
	field, err := l.imageField()
	if err != nil {
		return nil, err
	}
	array, err := newImageArray(field, l.Preprocess, files)
	if err != nil {
		return nil, err
	}
	data, err := l.assemble([]named{{field.Name, array}, {"label", boxArray{boxes, array}}})
	if err == nil {
		data.addNotes("classes of boxes, from 0: " + quoted(c.names))
		data.folders = &classNames{names: c.names, ids: c.ids}
	}
	return data, err
}

// parseCOCO reads a file of annotations, and the objects of each image.
func parseCOCO(content []byte) (c *cocoFile, boxes [][]object, err error) {
	c = &cocoFile{}
	d := json.NewDecoder(bytes.NewReader(content))
	if err := d.Decode(c); err != nil {
		return nil, nil, fail("write it as COCO has it: images, annotations, categories", "%w", err)
	}
	boxes, err = c.boxes()
	return c, boxes, err
}

// imageNamed finds an image that annotations name: beside them or in a folder "images". It must lie in the folder.
func imageNamed(root, name string) (string, error) {
	name = filepath.FromSlash(name)
	if !filepath.IsLocal(name) {
		return "", fail("name files inside of the folder", "the file %q is outside of the folder", name)
	}
	for _, folder := range imagePlaces {
		if path := filepath.Join(root, folder, name); exists(path) {
			return path, nil
		}
	}
	return "", fail("put the images beside the annotations, or into a folder images", "there is no file %q", name)
}

// imagePlaces are where images may lie beside annotations.
var imagePlaces = []string{"", "images", "train", "val", "test", "data"}

// object is an annotated box: class, x1, y1, x2, y2 in pixels of the image file.
type object [5]float64

// boxes are the objects of each image, in the order of the images.
func (c *cocoFile) boxes() ([][]object, error) {
	if len(c.Images) == 0 {
		return nil, fail("list the images", "there are no images")
	}
	classes, err := c.classes()
	if err != nil {
		return nil, err
	}
	at := map[json.Number]int{}
	for i, image := range c.Images {
		at[image.ID] = i
	}
	if len(at) != len(c.Images) {
		return nil, fail("give every image its own id", "two images have one id")
	}
	list := make([][]object, len(c.Images))
	for i, a := range c.Annotations {
		image, ok := at[a.Image]
		class, known := classes[a.Category]
		switch {
		case a.Crowd != 0:
			continue
		case !ok:
			return nil, fail("list the image, or remove the annotation",
				"annotation %d is of image %s, which is not listed",
				i, a.Image)
		case !known:
			return nil, fail("list the category, or remove the annotation",
				"annotation %d is of category %s, which is not listed", i, a.Category)
		case len(a.Box) != 4 || !(a.Box[2] >= 0 && a.Box[3] >= 0) || math.IsNaN(a.Box[0]+a.Box[1]) ||
			math.IsInf(a.Box[0]+a.Box[1]+a.Box[2]+a.Box[3], 0):
			return nil, fail("a box is x, y, width, height in pixels", "annotation %d: the box is %v", i, a.Box)
		case len(list[image]) == mostObjects:
			return nil, fail("leave some out", "image %d has more than %d objects", image, mostObjects)
		}
		list[image] = append(list[image], object{float64(class), a.Box[0], a.Box[1], a.Box[0] + a.Box[2],
			a.Box[1] + a.Box[3]})
	}
	return list, nil
}

// classes numbers the categories from 0, in the order of their ids, and keeps their names.
func (c *cocoFile) classes() (map[json.Number]int, error) {
	type category struct {
		id     json.Number
		number int64
		name   string
	}
	var list []category
	for _, k := range c.Categories {
		n, err := k.ID.Int64()
		if err != nil {
			return nil, fail("number the categories", "category %q has the id %q", k.Name, k.ID)
		}
		list = append(list, category{k.ID, n, k.Name})
	}
	slices.SortFunc(list, func(a, b category) int { return cmp.Compare(a.number, b.number) })
	classes := map[json.Number]int{}
	for i, k := range list {
		if i > 0 && list[i-1].number == k.number {
			return nil, fail("give every category its own id", "two categories have the id %d", k.number)
		}
		classes[k.id] = i
		c.names, c.ids = append(c.names, k.name), append(c.ids, k.number)
	}
	return classes, nil
}

// boxArray is the objects of every image as [N,M,5], M of the image that has most.
type boxArray struct {
	objects [][]object
	images  imageArray
}

func (a boxArray) header() (onnx.DataType, []int, error) {
	most := 1
	for _, list := range a.objects {
		most = max(most, len(list))
	}
	return onnx.Float32, []int{len(a.objects), most, len(object{})}, nil
}

func (a boxArray) ints(*spill.Store) ([]int64, error) {
	return nil, fail("", "boxes are no whole numbers")
}

func (a boxArray) floats(b *spill.Store) ([]float32, error) {
	_, shape, _ := a.header()
	count, err := countElements(shape)
	if err != nil {
		return nil, err
	}
	out, err := spill.Array[float32](b, count)
	if err != nil {
		return nil, storeError(err)
	}
	out = out[:0]
	for i, list := range a.objects {
		var place imaging.Placement
		err := a.images.read(i, func(r io.ReadSeeker) (err error) {
			place, err = a.images.pipe.Place(r)
			return err
		})
		if err != nil {
			return nil, err
		}
		for _, o := range list {
			out = append(out, float32(o[0]),
				float32(o[1]*place.ScaleX-place.Left), float32(o[2]*place.ScaleY-place.Top),
				float32(o[3]*place.ScaleX-place.Left), float32(o[4]*place.ScaleY-place.Top))
		}
		for range shape[1] - len(list) {
			out = append(out, -1, 0, 0, 0, 0)
		}
	}
	return out, nil
}
