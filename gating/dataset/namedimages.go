package dataset

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/softmerge/softmerge/gating/dataset/imaging"
	"github.com/softmerge/softmerge/gating/dataset/record"
	"github.com/softmerge/softmerge/onnx"
)

// fileColumn is a column of images that a table or lines of JSON name.
type fileColumn struct {
	name  string
	files imageFiles
}

// Name returns the column's name.
func (c *fileColumn) Name() string { return c.name }

// Kind returns record.Image.
func (c *fileColumn) Kind() record.Kind { return record.Image }

// Type returns Undefined.
func (c *fileColumn) Type() onnx.DataType { return onnx.Undefined }

// Lists returns 0.
func (c *fileColumn) Lists() int { return 0 }

// Rows returns the number of images.
func (c *fileColumn) Rows() int { return len(c.files) }

// Thin keeps so many images, evenly spread.
func (c *fileColumn) Thin(most int) record.Column {
	kept := *c
	kept.files = thinned(c.files, most)
	return &kept
}

// Each reads all images.
func (c *fileColumn) Each(visit func(record.Value) error) error {
	for i := range c.files {
		f, err := c.files.open(i)
		if err != nil {
			return err
		}
		content, err := io.ReadAll(f)
		f.Close()
		if err != nil {
			return unreadable(err)
		}
		if err := visit(record.Value{Bytes: content}); err != nil {
			return err
		}
	}
	return nil
}

// takesFiles says whether the graph takes images, and a column of text names some.
func (l *loader) takesFiles(columns []record.Column) bool {
	if _, err := l.imageField(); err != nil {
		return false
	}
	at, _ := l.namesFiles(columns)
	return at >= 0
}

// nameFiles makes images of a column of text that names files of images, where the graph takes images and there are
// none: the first column whose first name is that of a file. All of its names must be.
func (l *loader) nameFiles(columns []record.Column) ([]record.Column, error) {
	for _, c := range columns {
		if c.Kind() == record.Image {
			return columns, nil
		}
	}
	if !l.takesFiles(columns) {
		return columns, nil
	}
	at, places := l.namesFiles(columns)
	field, err := l.imageField()
	if err != nil {
		return nil, err
	}
	c := columns[at]
	images := &fileColumn{name: field.Name}
	row := 0
	err = c.Each(func(v record.Value) error {
		path, err := places.find(string(v.Bytes))
		if err != nil {
			return fmt.Errorf("%s, %q: %w", placeOf(c, row), c.Name(), err)
		}
		images.files = append(images.files, path)
		row++
		return l.take(len(path) + 16)
	})
	if err != nil {
		return nil, recordError(err)
	}
	out := append([]record.Column{}, columns...)
	out[at] = images
	return out, nil
}

// namesFiles finds the column, -1 if there is none.
func (l *loader) namesFiles(columns []record.Column) (at int, places *filePlaces) {
	places = placesBelow(l.folder, partOfPath(l.table))
	for i, c := range columns {
		if c.Kind() != record.Text {
			continue
		}
		found := false
		err := c.Each(func(v record.Value) error {
			_, err := places.find(string(v.Bytes))
			found = err == nil
			return io.EOF // the first row tells
		})
		if errors.Is(err, io.EOF) && found {
			return i, places
		}
	}
	return -1, nil
}

// numbersFiles finds a column of numbers that are the names of images, as Kaggle has them: 000017 for 000017.png. It is
// the first column, or the one after the index, and to be read as text. Empty where there is none, or where text names
// images.
func (l *loader) numbersFiles(t *table) string {
	if _, err := l.imageField(); err != nil || t.isNumbered(l.Inputs) {
		return ""
	}
	if at, _ := l.namesFiles(l.withoutGroup(t.records())); at >= 0 {
		return ""
	}
	places := placesBelow(l.folder, partOfPath(l.table))
	for i, text := range t.first[:min(2, len(t.first))] {
		if t.text[i] != nil || l.isLabel(t.names[i]) || t.index && i == 0 {
			continue
		}
		if _, err := places.find(text); err == nil {
			return t.names[i]
		}
	}
	return ""
}

// filePlaces are where files that a table names may lie.
type filePlaces struct {
	root    string
	folders []string // below it, the one that had the last file first
	suffix  string   // that the last name lacked
}

// mostPlaces bounds the folders that are searched for images.
const mostPlaces = 100

// placesBelow are the folder of the table and the folders in it, those where images usually are first, but before them
// those of the part of the data that the table is called by.
func placesBelow(root, part string) *filePlaces {
	p := &filePlaces{root: root, folders: append([]string{}, imagePlaces...)}
	entries, err := os.ReadDir(root)
	if err != nil {
		return p
	}
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") && len(p.folders) < mostPlaces {
			p.folders = append(p.folders, e.Name())
		}
	}
	if part != "" {
		slices.SortStableFunc(p.folders, func(a, b string) int {
			return cmp.Compare(notOf(part, a), notOf(part, b))
		})
	}
	return p
}

// notOf is 0 for folders of a part of the data and 1 for others.
func notOf(part, folder string) int {
	if partOfPath(folder) == part {
		return 0
	}
	return 1
}

// find returns the path of a file that is named with or without its folder and suffix. It must lie in the folder.
func (p *filePlaces) find(name string) (string, error) {
	name = filepath.FromSlash(strings.TrimSpace(name))
	if !filepath.IsLocal(name) {
		return "", fail("name files inside of the folder", "the file %q is outside of the folder", name)
	}
	suffixes := append([]string{p.suffix, ""}, imaging.Suffixes...)
	for i, folder := range p.folders {
		for _, suffix := range suffixes {
			path := filepath.Join(p.root, folder, name+suffix)
			if !isImage(filepath.Base(path)) || !exists(path) {
				continue
			}
			p.folders[0], p.folders[i], p.suffix = p.folders[i], p.folders[0], suffix
			return path, nil
		}
	}
	return "", fail("put the images beside the table, or into a folder images", "there is no image %q", name)
}
