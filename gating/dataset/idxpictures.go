package dataset

import (
	"bytes"
	"image"
	"image/png"
	"io"

	"github.com/softmerge/softmerge/gating/dataset/record"
	"github.com/softmerge/softmerge/onnx"
)

// openPicturesOfIDX reads pictures in the format of MNIST as those of other files are: most networks for them saw
// pixels that were normalised, and which way is found by the models' answers or said by Options.Preprocess. It returns
// nil where the file holds no pictures, or no input of the graph takes any, as that of a perceptron of rows of pixels.
func (l *loader) openPicturesOfIDX(path string) (*Data, error) {
	pictures := idxPictures{name: l.onlyInput("x"), file: idxArray{path: path}}
	kind, shape, err := pictures.file.header()
	if err != nil || kind != onnx.Uint8 || len(shape) != 3 || product(shape) == 0 || len(l.Inputs) > 1 {
		return nil, err
	}
	if _, err := l.imageField(); err != nil {
		return nil, nil
	}
	pictures.count = shape[0]
	columns := []record.Column{pictures}
	if labels, ok := idxLabels(path); ok {
		column := idxNumbers{name: "label", file: idxArray{path: labels}}
		kind, shape, err := column.file.header()
		if err != nil || len(shape) != 1 || kind.IsFloat() {
			return nil, err
		}
		column.kind, column.count = kind, shape[0]
		columns = append(columns, column)
	}
	return l.openRecords(columns)
}

// idxPictures are the pictures of a file as a column of image files.
type idxPictures struct {
	name  string
	file  idxArray
	count int
}

func (c idxPictures) Name() string        { return c.name }
func (c idxPictures) Kind() record.Kind   { return record.Image }
func (c idxPictures) Type() onnx.DataType { return onnx.Uint8 }
func (c idxPictures) Lists() int          { return 0 }
func (c idxPictures) Rows() int           { return c.count }

// Each makes PNG files of the pictures, which are not compressed.
func (c idxPictures) Each(visit func(record.Value) error) error {
	return c.file.with(func(p payload, shape []int) error {
		var file bytes.Buffer
		encoder := png.Encoder{CompressionLevel: png.NoCompression, BufferPool: new(encoderBuffer)}
		picture := image.NewGray(image.Rect(0, 0, shape[2], shape[1]))
		for range shape[0] {
			if _, err := io.ReadFull(p, picture.Pix); err != nil {
				return cutShort(err)
			}
			file.Reset()
			if err := encoder.Encode(&file, picture); err != nil {
				return err
			}
			if err := visit(record.Value{Bytes: file.Bytes()}); err != nil {
				return err
			}
		}
		return p.atEnd()
	})
}

// encoderBuffer lets an encoder take for every picture what it took for the one before: a megabyte.
type encoderBuffer struct{ kept *png.EncoderBuffer }

func (b *encoderBuffer) Get() *png.EncoderBuffer     { return b.kept }
func (b *encoderBuffer) Put(done *png.EncoderBuffer) { b.kept = done }

// idxNumbers is a file of whole numbers, one a sample, as a column.
type idxNumbers struct {
	name  string
	file  idxArray
	kind  onnx.DataType
	count int
}

func (c idxNumbers) Name() string        { return c.name }
func (c idxNumbers) Kind() record.Kind   { return record.Number }
func (c idxNumbers) Type() onnx.DataType { return c.kind }
func (c idxNumbers) Lists() int          { return 0 }
func (c idxNumbers) Rows() int           { return c.count }

// Each reads the numbers one at a time.
func (c idxNumbers) Each(visit func(record.Value) error) error {
	return c.file.with(func(p payload, _ []int) error {
		raw, value := make([]byte, p.size()), make([]int64, 1)
		for i := range p.count {
			if _, err := io.ReadFull(p, raw); err != nil {
				return cutShort(err)
			}
			if bad := p.element.ints(value, raw); bad != nil {
				bad.index += i
				return bad
			}
			if err := visit(record.Value{Ints: value}); err != nil {
				return err
			}
		}
		return p.atEnd()
	})
}
