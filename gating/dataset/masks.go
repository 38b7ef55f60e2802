package dataset

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/softmerge/softmerge/gating/dataset/spill"
	"github.com/softmerge/softmerge/onnx"
)

// maskFolders are the usual names of the folder of masks beside a folder "images" (in lower case).
var maskFolders = []string{"masks", "mask", "labels", "annotations", "gt", "segmentationclass"}

// imageFolders are the usual names of the folder of images.
var imageFolders = []string{"images", "image", "imgs", "jpegimages"}

// outsideMask is the class of pixels that a crop adds around an image: they do not count.
const outsideMask = 255

// pairedFolders finds a folder of images with one of masks beside it.
func pairedFolders(root string) (images, masks string, ok bool) {
	folders, err := classFolders(root)
	if err != nil || len(folders) != 2 {
		return "", "", false
	}
	for i, folder := range folders {
		other := folders[1-i]
		if slices.Contains(imageFolders, strings.ToLower(folder)) &&
			slices.Contains(maskFolders, strings.ToLower(other)) && holdsImages(filepath.Join(root, other)) {
			return filepath.Join(root, folder), filepath.Join(root, other), true
		}
	}
	return "", "", false
}

// holdsImages says whether there is an image in a folder itself.
func holdsImages(folder string) bool {
	list, err := imagesIn(folder)
	return err == nil && len(list) > 0
}

// imagesIn lists the images in a folder by name.
func imagesIn(folder string) (imageFiles, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, unreadable(err)
	}
	var list imageFiles
	for _, e := range entries {
		if isImage(e.Name()) {
			list = append(list, filepath.Join(folder, e.Name()))
		}
	}
	return list, nil
}

// stem is a file's name without folder and suffix.
func stem(path string) string {
	name := filepath.Base(path)
	return strings.TrimSuffix(name, filepath.Ext(name))
}

// openMasks reads images with a mask each, which has the same name but for the suffix: the class of every pixel.
func (l *loader) openMasks(images, masks string) (*Data, error) {
	list, err := imagesIn(images)
	if err != nil {
		return nil, err
	}
	labels, err := imagesIn(masks)
	if err != nil {
		return nil, err
	}
	byStem := map[string]string{}
	for _, path := range labels {
		byStem[stem(path)] = path
	}
	list = thinned(list, l.Sample)
	found := make(imageFiles, len(list))
	for i, path := range list {
		mask, ok := byStem[stem(path)]
		if !ok {
			return nil, fail("give every image a mask of its name, or remove it", "%s has no mask in %s", path, masks)
		}
		found[i] = mask
	}
	if len(list) == 0 {
		return nil, fail("put the images there", "%s holds no image", images)
	}
	field, err := l.imageField()
	if err != nil {
		return nil, err
	}
	array, err := newImageArray(field, l.Preprocess, list)
	if err != nil {
		return nil, err
	}
	return l.assemble([]named{{field.Name, array}, {"label", maskArray{found, array}}})
}

// thinned keeps most of a list, evenly spread; 0 keeps all.
func thinned[T any](list []T, most int) []T {
	if most <= 0 || most >= len(list) {
		return list
	}
	kept := make([]T, most)
	for i := range kept {
		kept[i] = list[i*len(list)/most]
	}
	return kept
}

// maskArray is an array of one mask a sample, [N,H,W].
type maskArray struct {
	imageFiles
	images imageArray
}

func (a maskArray) header() (onnx.DataType, []int, error) {
	height, width := a.images.pipe.Size()
	return onnx.Int64, []int{a.Len(), height, width}, nil
}

func (a maskArray) floats(*spill.Store) ([]float32, error) { return nil, errNoFloats }

var errNoFloats = fail("", "masks hold whole numbers")

func (a maskArray) ints(b *spill.Store) ([]int64, error) {
	height, width := a.images.pipe.Size()
	count, err := countElements([]int{a.Len(), height, width})
	if err != nil {
		return nil, err
	}
	out, err := spill.Array[int64](b, count)
	if err != nil {
		return nil, storeError(err)
	}
	per := height * width
	errs := make([]error, a.Len())
	var g errgroup.Group
	g.SetLimit(4)
	for i := range a.Len() {
		g.Go(func() (err error) {
			defer func() { errs[i] = err }()
			defer Guard(&err)()
			return imageArray{imageSource: a.imageFiles, pipe: a.images.pipe}.read(i, func(r io.ReadSeeker) error {
				return a.images.pipe.Mask(out[i*per:(i+1)*per], outsideMask, r)
			})
		})
	}
	if g.Wait() != nil {
		return nil, errs[slices.IndexFunc(errs, func(err error) bool { return err != nil })]
	}
	return out, nil
}
