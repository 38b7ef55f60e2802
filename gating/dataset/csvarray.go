package dataset

import (
	"cmp"
	"fmt"

	"github.com/softmerge/softmerge/gating/dataset/record"
	"github.com/softmerge/softmerge/gating/dataset/spill"
	"github.com/softmerge/softmerge/onnx"
)

// columns are some columns of a table as an array of shape [rows, columns].
type columns struct {
	*table
	which []int
}

// texts reads the column that names groups.
func (c columns) texts(b *spill.Store, visit func(string) error) error {
	if t := c.text[c.which[0]]; t != nil {
		return recordError(t.Each(func(v record.Value) error { return visit(string(v.Bytes)) }))
	}
	return arrayGroups(numbersOnly{c}, nil)(b, visit)
}

func (c columns) header() (onnx.DataType, []int, error) {
	typ := onnx.Int64
	for _, i := range c.which {
		if c.wrong[i] != nil || c.text[i] != nil {
			return 0, nil, cmp.Or(c.wrong[i], fail("encode it as numbers", "column %q holds text", c.names[i]))
		}
		if !c.whole[i] {
			typ = onnx.Float64
		}
	}
	return typ, []int{c.rows, len(c.which)}, nil
}

func (c columns) floats(b *spill.Store) ([]float32, error) {
	out, err := spill.Array[float32](b, c.rows*len(c.which))
	if err != nil {
		return nil, storeError(err)
	}
	out = out[:0]
	for row := range c.cells.each() {
		for _, i := range c.which {
			out = append(out, float32(row[i]))
		}
	}
	return out, nil
}

func (c columns) ints(b *spill.Store) ([]int64, error) {
	out, err := spill.Array[int64](b, c.rows*len(c.which))
	if err != nil {
		return nil, storeError(err)
	}
	// Cells were read as float64, which holds integers up to here exactly.
	const exact = 1 << 53
	out = out[:0]
	for row := range c.cells.each() {
		for _, i := range c.which {
			v, ok := wholeNumber(row[i])
			if !ok || v > exact || v < -exact {
				return nil, fail("the graph's input wants integers up to 2^53",
					"line %.0f, column %q: %v is not such an integer", row[len(row)-1], c.names[i], fmt.Sprint(row[i]))
			}
			out = append(out, v)
		}
	}
	return out, nil
}
