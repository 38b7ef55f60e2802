// Package dataset reads the user's data as columns of samples: NumPy files, CSV tables, IDX files, folders of
// images and ONNX test data all become the same thing, one Column per graph input and one for the label.
//
// The rules of the whole package:
//
//   - The first axis of every array is the batch: row i of every column belongs to sample i.
//   - Samples may differ in the length of axes that are symbolic in the graph, as sentences do. Samples of one
//     shape make a part ([Data.Parts]); rows are numbered through all parts, and no batch mixes shapes. They
//     come from ONNX test data with sets of several shapes, from several files ([OpenAll]), or from padded
//     arrays in an .npz file with an array "lengths" of how many leading positions of each sample are real
//     ([Open]).
//   - Values are read straight into the type the graph wants. Any number may become a float, the nearest
//     float32; a float becomes an integer only when it is one; an integer must be in the range of its type.
//     Nothing wraps or is clipped.
//   - Files are untrusted. No size that a file declares is believed before it is compared with the bytes at hand.
//     [Options.MaxBytes] bounds what is kept in memory and [Options.MaxDisk] what does not fit there, see package
//     spill.
//   - Every refusal is of kind [ErrData], says which file, array, row and column, and has a Hint that says what to do.
//   - The same file, seed and arguments give the same samples in the same order on every machine.
package dataset

import (
	"github.com/softmerge/softmerge/gating/dataset/spill"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/advice"
)

// Field describes one input of a graph, as far as data must fit it.
type Field struct {
	// Name is the graph's name of the input.
	Name string
	// Type is the element type the graph wants; zero takes the type the data has.
	Type onnx.DataType
	// Shape has the batch axis first; -1 is a symbolic axis and fits any length. The length of the batch axis does not
	// restrict how many samples the data has. A nil Shape (rank unknown) fits every array with a batch axis; a Shape of
	// rank 0 cannot be fed samples and is refused.
	Shape []int
	// Below is the length of the table that the input's integers look things up in, such as a vocabulary: they are at
	// least -Below and less than Below, as ONNX counts the rows of a table. 0 says that any number may be fed.
	Below int64
}

// Column holds one array of samples, row-major, sample after sample.
type Column struct {
	// Name is the graph's name of the input, or the key the label was found under.
	Name string
	// Type is the type the graph wants (for labels: the type the file has).
	Type onnx.DataType
	// Shape is the shape of one sample, without the batch axis; empty for one number a sample.
	Shape []int
	// Floats has the values of float types of any width.
	Floats []float32
	// Ints has the values of integer types, and of bool as 0 and 1.
	Ints []int64
	// Sets says of integer labels that every sample has a set of classes, filled up with -1, see [Data.MultiHot].
	Sets bool
}

// Data is a set of samples: one column per graph input, in the order of the graph's inputs, and the label.
type Data struct {
	// Inputs hold the samples of one shape: all of them, unless there are more [Data.Parts].
	Inputs []Column
	// Label is nil when the file has none. A floating point label keeps its shape; an integer label of shape [N,1] is
	// read as [N].
	Label *Column
	// More are further labels, in the order of Options.More.
	More []Column
	// Warnings are what the user should know of how the files were read, of kind [ErrData].
	Warnings advice.Warnings
	// Notes say what the user did not name: which arrays were taken for inputs and label, and which were left.
	Notes []string

	others  []*Data      // samples of other shapes, each of one shape; their rows follow
	store   *spill.Store // where the arrays are and copies of them go; nil for what was not read
	path    string       // where it was read from, for messages; may be empty
	origins []origin     // where each row was read from; nil if row i is row i of path
	folders *classNames  // of samples in folders; nil for others
	placed  []string     // columns of a table whose order alone says what they are; nil for others
	groups  *groups      // that samples are reported by; nil for none
}

// origin is the place of a sample in a file.
type origin struct {
	path string
	row  int
}

// Len returns the number of samples of all shapes.
func (d *Data) Len() int {
	n := d.own()
	for _, p := range d.others {
		n += p.own()
	}
	return n
}

// own returns the number of samples of the first shape, the same in every column.
func (d *Data) own() int {
	if len(d.Inputs) > 0 {
		return d.Inputs[0].Len()
	}
	if d.Label != nil {
		return d.Label.Len()
	}
	return 0
}

// Len returns the number of samples.
func (c *Column) Len() int {
	if c.Floats != nil {
		return len(c.Floats) / c.Size()
	}
	return len(c.Ints) / c.Size()
}

// Size returns the number of elements of one sample, at least 1.
func (c *Column) Size() int {
	size := 1
	for _, n := range c.Shape {
		size *= n
	}
	return size
}

// Gather copies the given rows, one after another, into floats if the column holds floats and into ints if it holds
// integers; the other may be nil. The one written to must have room for len(rows)*Size() elements. Rows may repeat.
func (c *Column) Gather(rows []int, floats []float32, ints []int64) {
	if c.Floats != nil {
		gather(floats, c.Floats, rows, c.Size())
		return
	}
	gather(ints, c.Ints, rows, c.Size())
}

func gather[T any](dst, src []T, rows []int, size int) {
	if size == 1 {
		for i, row := range rows {
			dst[i] = src[row]
		}
		return
	}
	for i, row := range rows {
		copy(dst[i*size:(i+1)*size], src[row*size:(row+1)*size])
	}
}
