// Package record is what files of records have in common, be they Parquet, JSON lines or archives: named columns of
// numbers, of lists of numbers, of text and of encoded images, that are read row after row without being in memory as
// a whole.
package record

import "github.com/softmerge/softmerge/onnx"

// Kind says what a column holds.
type Kind int

// The kinds of columns.
const (
	Number Kind = iota // numbers, or lists of numbers
	Text
	Image // the bytes of an image file
	Array // the bytes of a file in one of NumPy's formats, .npy or .npz
	Other // what cannot be fed to a network, such as dates
)

// String names the kind for messages.
func (k Kind) String() string {
	return [...]string{"numbers", "text", "images", "arrays", "values of another kind"}[k]
}

// Value is what a column has in one row. Its slices belong to the reader, which uses them again.
type Value struct {
	Ints   []int64   // of a column whose type is an integer or bool
	Floats []float64 // of a column whose type is a float
	Bytes  []byte    // of text, images and arrays
	Shape  []int     // of numbers: empty for one number, else the lengths of the lists
}

// Column is a named column of a file. Reading it again gives the same values.
type Column interface {
	Name() string
	Kind() Kind
	// Type is that of numbers as the file has them.
	Type() onnx.DataType
	// Lists is how deep numbers are nested, 0 for one number a row.
	Lists() int
	// Rows is how many rows the file says that there are.
	Rows() int
	// Each calls visit for every row in order, and ends with its error if it has one.
	Each(visit func(Value) error) error
}

// Chain is the columns of several files of the same name, kind and depth as one.
func Chain(list ...Column) Column {
	if len(list) == 1 {
		return list[0]
	}
	return chain{list[0], list}
}

type chain struct {
	Column
	list []Column
}

func (c chain) Rows() int {
	n := 0
	for _, part := range c.list {
		n += part.Rows()
	}
	return n
}

// Type is a float if any file has floats.
func (c chain) Type() onnx.DataType {
	for _, part := range c.list {
		if part.Type().IsFloat() {
			return part.Type()
		}
	}
	return c.Column.Type()
}

func (c chain) Each(visit func(Value) error) error {
	float := c.Type().IsFloat()
	var converted []float64
	for _, part := range c.list {
		err := part.Each(func(v Value) error {
			if float && v.Floats == nil {
				converted = converted[:0]
				for _, i := range v.Ints {
					converted = append(converted, float64(i))
				}
				v.Ints, v.Floats = nil, converted
			}
			return visit(v)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
