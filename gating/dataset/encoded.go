package dataset

import (
	"bytes"
	"fmt"
	"io"
	"os"

	"github.com/softmerge/softmerge/gating/dataset/imaging"
	"github.com/softmerge/softmerge/gating/dataset/record"
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
	if direct, ok := a.column.(openable); ok {
		source = archived{direct}
	} else {
		if source, a.err = spool(a.column); a.err != nil {
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

func (a *encodedArray) floats(b *budget) ([]float32, error) {
	if err := a.settle(); err != nil {
		return nil, err
	}
	return a.images.floats(b)
}

func (a *encodedArray) ints(b *budget) ([]int64, error) {
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

// spooled are encoded images in a temporary file that has no name any more.
type spooled struct {
	column string
	file   *os.File
	ends   []int64 // where image i ends
}

// mostSpooled bounds how many bytes of encoded images are copied to the temporary folder: 256 GiB.
const mostSpooled = 256 << 30

// spool copies the images of a column to a temporary file, from which they can be read in any order. It goes when the
// last reader of it is collected.
func spool(c record.Column) (*spooled, error) {
	f, err := os.CreateTemp("", "softmerge-*")
	if err != nil {
		return nil, unreadable(err)
	}
	// Where open files can be removed this leaves nothing behind, however the program ends.
	os.Remove(f.Name())
	s := &spooled{column: c.Name(), file: f}
	end := int64(0)
	err = c.Each(func(v record.Value) error {
		if end += int64(len(v.Bytes)); end > mostSpooled {
			return fail("use fewer samples", "the images have more than %d bytes", int64(mostSpooled))
		}
		s.ends = append(s.ends, end)
		_, err := f.Write(v.Bytes)
		return err
	})
	if err != nil {
		f.Close()
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
	if _, err := s.file.ReadAt(content, from); err != nil {
		return nil, unreadable(err)
	}
	return unclosed{bytes.NewReader(content)}, nil
}

// unclosed is content that needs no closing.
type unclosed struct{ *bytes.Reader }

func (unclosed) Close() error { return nil }
