package dataset

import (
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/softmerge/softmerge/gating/dataset/imaging"
	"github.com/softmerge/softmerge/gating/dataset/spill"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/advice"
	"github.com/softmerge/softmerge/onnx/untrusted"
)

// openImages reads a folder with one folder of images per class, see numberClasses, or with images and no folders,
// which have no labels. Other files and hidden ones are passed over. What becomes of an image is for Options.Preprocess
// to say, see package imaging.
func (l *loader) openImages(path string) (*Data, error) {
	field := Field{Name: "x", Shape: []int{-1, 3, -1, -1}}
	if len(l.Inputs) > 1 {
		return nil, fail("save the inputs as an .npz file",
			"a folder of images feeds one input, but the graph has %d", len(l.Inputs))
	}
	if len(l.Inputs) == 1 {
		field = l.Inputs[0]
	}
	list, err := listImages(path, l.Classes)
	if err != nil {
		return nil, err
	}
	list.thin(l.Sample)
	images, err := newImageArray(field, l.Preprocess, list.files)
	if err != nil {
		return nil, err
	}
	if list.names == nil {
		return l.assemble([]named{{field.Name, images}})
	}
	l.classes = map[string][]string{"label": list.names.names}
	d, err := l.assemble([]named{{field.Name, images}, {"label", list.classes}})
	if err != nil {
		return nil, err
	}
	d.folders = list.names
	d.warnOfOrder()
	return d, nil
}

// openPictures reads a folder of images: with a table of their labels, with annotations as COCO has them, with a mask
// each, or in a folder for each class; or files of other data. Below folders of parts of the data it reads one part.
func (l *loader) openPictures(path string) (*Data, error) {
	if path, ok, err := l.partFolder(path); ok || err != nil {
		if err != nil {
			return nil, err
		}
		return l.openPictures(path)
	}
	if open, table := l.metadata(path); open != nil {
		l.folder, l.table = path, ""
		return open(table)
	}
	if files := idxFiles(path); len(files) > 0 {
		return l.openIDXFolder(path, files)
	}
	switch kind, err := folderKind(path); {
	case err != nil:
		return nil, err
	case kind != "":
		return l.openFolder(path, kind, l.openEach)
	case l.probe:
		return nil, errImages
	}
	annotations, err := findAnnotations(path)
	if err != nil {
		return nil, err
	}
	if annotations != "" {
		return l.openCOCO(path, annotations)
	}
	if images, masks, ok := pairedFolders(path); ok {
		return l.openMasks(images, masks)
	}
	if err := tablesBeside(path); err != nil {
		return nil, err
	}
	return l.openImages(path)
}

// What a probe ends with.
var (
	errImages   = errors.New("there are images")
	errNoImages = errors.New("there are no images")
)

// HoldsImages says whether a file or folder has images for the inputs, so that Options.Preprocess is for it. It
// reads no values; what cannot be opened has none.
func HoldsImages(path string, o Options) bool {
	file, _ := cutPart(path)
	name := strings.ToLower(filepath.Base(file))
	if slices.Contains([]string{".npz", ".npy"}, filepath.Ext(name)) {
		return false
	}
	l := &loader{Options: o, probe: true, store: newStore(o)}
	_, err := l.open(path)
	return errors.Is(err, errImages)
}

// imageList is the images of a folder, class after class. Classes and names are nil where there are none.
type imageList struct {
	files   imageFiles
	classes classArray
	names   *classNames
}

// thin keeps most images, evenly spread; 0 keeps all.
func (l *imageList) thin(most int) {
	n := len(l.files)
	if most <= 0 || most >= n {
		return
	}
	for i := range most {
		l.files[i] = l.files[i*n/most]
		if l.classes != nil {
			l.classes[i] = l.classes[i*n/most]
		}
	}
	l.files, l.classes = l.files[:most], l.classes[:min(most, len(l.classes))]
}

// listImages returns the images of all classes.
func listImages(root string, given []string) (l imageList, err error) {
	folders, err := classFolders(root)
	if err != nil {
		return l, err
	}
	if len(folders) == 0 && len(given) == 0 {
		if l.files, err = imagesOf(root); err != nil || len(l.files) > 0 {
			return l, err
		}
	}
	if len(folders) == 0 {
		if refused := refusedIn(root); refused != nil {
			return l, refused
		}
		return l, fail("make one folder per class and put its images there",
			"the folder holds neither ONNX test data nor folders of images")
	}
	numbers, names, err := numberClasses(folders, given)
	if err != nil {
		return l, err
	}
	l.names = names
	for i, folder := range folders {
		files, err := imagesOf(filepath.Join(root, folder))
		if err != nil {
			return l, err
		}
		l.files = append(l.files, files...)
		for range files {
			l.classes = append(l.classes, int64(numbers[i]))
		}
		if len(files) == 0 && len(given) == 0 {
			return l, fail("remove the folder or add images: an empty class would shift the numbers of the others",
				"the folder %q holds no image (PNG, JPEG, GIF, WebP, BMP or TIFF)", folder)
		}
	}
	return l, nil
}

// imagesOf lists the images that lie in a folder itself.
func imagesOf(dir string) (list imageFiles, err error) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, unreadable(err)
	}
	for _, file := range files {
		if isImage(file.Name()) {
			list = append(list, filepath.Join(dir, file.Name()))
		}
	}
	return list, nil
}

// classFolders lists the folders of a folder that are not hidden, by name.
func classFolders(root string) ([]string, error) {
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil, unreadable(err)
	}
	var names []string
	for _, e := range entries {
		info, err := os.Stat(filepath.Join(root, e.Name()))
		if err == nil && info.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

func isImage(name string) bool {
	return !strings.HasPrefix(name, ".") && slices.Contains(imaging.Suffixes, strings.ToLower(filepath.Ext(name)))
}

// imageSource is a list of encoded images.
type imageSource interface {
	Len() int
	// open returns the bytes of an image.
	open(i int) (io.ReadSeekCloser, error)
	// name says for a message which image it is.
	name(i int) string
}

// imageFiles are images by their paths.
type imageFiles []string

func (p imageFiles) Len() int          { return len(p) }
func (p imageFiles) name(i int) string { return p[i] }

func (p imageFiles) open(i int) (io.ReadSeekCloser, error) {
	f, _, err := untrusted.Open(p[i])
	return f, unreadable(err)
}

// imageArray is an array of one image a sample.
type imageArray struct {
	imageSource
	pipe *imaging.Pipeline
	odd  *oddities
}

// newImageArray makes encoded images the samples of a graph input. Where the graph and the preprocessing leave the
// size open it is the first image's, and images of other sizes are refused.
func newImageArray(f Field, p imaging.Preprocess, source imageSource) (a imageArray, err error) {
	a.imageSource, a.odd = source, &oddities{}
	a.pipe, err = imaging.Fit(p, f.Shape, f.Type.IsFloat())
	if err != nil {
		return a, badImage("input "+quoted([]string{f.Name}), err)
	}
	for i := 0; a.pipe.Open() && i < source.Len(); i++ {
		size, err := a.measure(i)
		if err != nil {
			return a, badImage(source.name(i), err)
		}
		if a.pipe, err = a.pipe.WithSize(size); err != nil {
			return a, badImage(source.name(i), err)
		}
	}
	return a, nil
}

// measure returns the size that an image comes out with.
func (a *imageArray) measure(i int) (image.Point, error) {
	f, err := a.open(i)
	if err != nil {
		return image.Point{}, err
	}
	defer f.Close()
	return a.pipe.Measure(f)
}

// badImage makes an error of kind ErrData of one of package imaging, with what it is about.
func badImage(what string, err error) error {
	if errors.Is(err, ErrData) {
		return err
	}
	return fail(advice.Hint(err), "%s: %w", what, err)
}

func (a imageArray) header() (onnx.DataType, []int, error) {
	return onnx.Uint8, append([]int{a.Len()}, a.pipe.Shape()...), nil
}

func (a imageArray) floats(b *spill.Store) ([]float32, error) {
	return readImages(a, b, a.pipe.Floats)
}

func (a imageArray) ints(b *spill.Store) ([]int64, error) {
	return readImages(a, b, a.pipe.Ints)
}

// readImages decodes all images, several at a time. Of several bad images the first is named.
func readImages[T spill.Number](a imageArray, b *spill.Store, decode func([]T, io.ReadSeeker) error) ([]T, error) {
	count, err := countElements(append([]int{a.Len()}, a.pipe.Shape()...))
	if err != nil {
		return nil, err
	}
	out, err := spill.Array[T](b, count)
	if err != nil {
		return nil, storeError(err)
	}
	per := a.pipe.Len()
	errs := make([]error, a.Len())
	var g errgroup.Group
	g.SetLimit(4)
	for i := range a.Len() {
		g.Go(func() (err error) {
			defer func() { errs[i] = err }()
			defer Guard(&err)()
			return a.read(i, func(r io.ReadSeeker) error {
				a.odd.count(imaging.Traits(r))
				if _, err := r.Seek(0, io.SeekStart); err != nil {
					return err
				}
				return decode(out[i*per:(i+1)*per], r)
			})
		})
	}
	if g.Wait() != nil {
		bad := slices.DeleteFunc(errs, func(err error) bool { return err == nil })
		if len(bad) > 1 {
			return nil, fmt.Errorf("%w (and %d more of %d images cannot be read)", bad[0], len(bad)-1, a.Len())
		}
		return nil, bad[0]
	}
	return out, nil
}

// read opens and decodes one image.
func (a imageArray) read(i int, decode func(io.ReadSeeker) error) error {
	f, err := a.open(i)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := decode(f); err != nil {
		return badImage(a.name(i), err)
	}
	return nil
}
