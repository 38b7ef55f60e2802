package dataset

import (
	"bytes"
	"fmt"
	"io"
	"os"

	"github.com/softmerge/softmerge/gating/dataset/imaging"
	"github.com/softmerge/softmerge/gating/dataset/record"
	"github.com/softmerge/softmerge/gating/dataset/spill"
	"github.com/softmerge/softmerge/onnx"
)

// encodedArray is a column of encoded images. It is read once, when samples are wanted, into a place where several
// goroutines can decode from.
type encodedArray struct {
	column record.Column
	loader *loader
	images *imageArray
	err    error
}

func (a *encodedArray) settle() error {
	if a.images != nil || a.err != nil {
		return a.err
	}
	var field Field
	if field, a.err = a.loader.imageField(); a.err != nil {
		return a.err
	}
	if a.loader.probe {
		a.err = errImages
		return a.err
	}
	var images imageArray
	var source imageSource
	switch c := a.column.(type) {
	case *fileColumn:
		source = c.files
	case openable:
		source = archived{c}
	default:
		if source, a.err = spool(a.column, a.loader.store); a.err != nil {
			return a.err
		}
	}
	if images, a.err = newImageArray(field, a.loader.Preprocess, source); a.err == nil {
		a.images = &images
	}
	return a.err
}

// imageField is the input of the graph that takes images: the first that does.
func (l *loader) imageField() (Field, error) {
	if len(l.Inputs) == 0 {
		return Field{Name: "x", Shape: []int{-1, 3, -1, -1}}, nil
	}
	var first error
	for _, f := range l.Inputs {
		if _, err := imaging.Fit(l.Preprocess, f.Shape, f.Type.IsFloat()); err == nil {
			return f, nil
		} else if first == nil {
			first = badImage("input "+quoted([]string{f.Name}), err)
		}
	}
	return Field{}, first
}

func (a *encodedArray) header() (onnx.DataType, []int, error) {
	if err := a.settle(); err != nil {
		return 0, nil, err
	}
	return a.images.header()
}

func (a *encodedArray) floats(b *spill.Store) ([]float32, error) {
	if err := a.settle(); err != nil {
		return nil, err
	}
	return a.images.floats(b)
}

func (a *encodedArray) ints(b *spill.Store) ([]int64, error) {
	if err := a.settle(); err != nil {
		return nil, err
	}
	return a.images.ints(b)
}

// openable is a column whose images can be opened in any order.
type openable interface {
	Len() int
	OpenImage(i int) io.ReadSeeker
	Place(i int) string
}

// archived are the images of an archive.
type archived struct{ openable }

func (a archived) name(i int) string { return a.Place(i) }

func (a archived) open(i int) (io.ReadSeekCloser, error) {
	return struct {
		io.ReadSeeker
		io.Closer
	}{a.OpenImage(i), io.NopCloser(nil)}, nil
}

// spooled are encoded images in a temporary file, or in memory where there is to be none.
type spooled struct {
	column  string
	content io.ReaderAt
	ends    []int64 // where image i ends
}

// spool copies the images of a column to where they can be read from in any order. A file goes when the last reader of
// it is collected.
func spool(c record.Column, store *spill.Store) (*spooled, error) {
	s := &spooled{column: c.Name()}
	var f *os.File
	var err error
	write, take := func([]byte) error { return nil }, store.TakeDisk
	if store.HasDisk() {
		if f, err = spill.Create(); err != nil {
			return nil, storeError(err)
		}
		s.content = f
		write = func(image []byte) error { _, err := f.Write(image); return err }
	} else {
		var inMemory []byte
		take = store.Take
		write = func(image []byte) error { inMemory = append(inMemory, image...); return nil }
		defer func() { s.content = bytes.NewReader(inMemory) }()
	}
	end := int64(0)
	err = c.Each(func(v record.Value) error {
		end += int64(len(v.Bytes))
		s.ends = append(s.ends, end)
		if err := take(int64(len(v.Bytes))); err != nil {
			return storeError(err)
		}
		return write(v.Bytes)
	})
	if err != nil {
		if f != nil {
			f.Close()
		}
		return nil, recordError(err)
	}
	return s, nil
}

func (s *spooled) Len() int          { return len(s.ends) }
func (s *spooled) name(i int) string { return fmt.Sprintf("row %d of column %q", i, s.column) }

func (s *spooled) open(i int) (io.ReadSeekCloser, error) {
	from := int64(0)
	if i > 0 {
		from = s.ends[i-1]
	}
	content := make([]byte, s.ends[i]-from)
	if _, err := s.content.ReadAt(content, from); err != nil {
		return nil, unreadable(err)
	}
	return unclosed{bytes.NewReader(content)}, nil
}

// unclosed is content that needs no closing.
type unclosed struct{ *bytes.Reader }

func (unclosed) Close() error { return nil }
