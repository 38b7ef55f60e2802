package dataset

import (
	"errors"
	"fmt"
	"math"

	"github.com/softmerge/softmerge/onnx"
)

// input reads the array of one graph input in the type and shape that the graph wants.
func (l *loader) input(f Field, a array) (Column, error) {
	typ, shape, err := a.header()
	if err != nil {
		return Column{}, err
	}
	sample, err := fit(f, shape)
	if err != nil {
		return Column{}, err
	}
	if f.Type != onnx.Undefined {
		typ = f.Type
	}
	c := Column{Name: f.Name, Type: typ, Shape: sample}
	return c, l.fill(&c, a, shape)
}

// label reads the label in the type that the file has.
func (l *loader) label(a named) (Column, error) {
	typ, shape, err := a.header()
	if err != nil {
		return Column{}, err
	}
	sample, err := fit(Field{}, shape)
	if err != nil {
		return Column{}, err
	}
	if !typ.IsFloat() && len(sample) == 1 && sample[0] == 1 {
		sample = sample[:0]
	}
	c := Column{Name: a.name, Type: typ, Shape: sample}
	return c, l.fill(&c, a, shape)
}

// fill reads the values of a into c and checks each. shape is the array's, for messages.
func (l *loader) fill(c *Column, a array, shape []int) (err error) {
	switch {
	case c.Type.IsFloat():
		c.Floats, err = a.floats(&l.budget)
		if err == nil {
			err = checkFinite(c.Floats)
		}
	case c.Type.IsInteger() || c.Type == onnx.Bool:
		c.Ints, err = a.ints(&l.budget)
		if err == nil {
			err = checkRange(c.Ints, c.Type)
		}
	default:
		return fail("only inputs of numbers can be fed", "the graph's input wants %s", c.Type)
	}
	if bad := (*badValue)(nil); errors.As(err, &bad) {
		return fail("correct or drop these rows; the graph wants "+c.Type.String(), "%s: %s", where(bad.index, shape), bad.what)
	}
	return err
}

// checkFinite finds the first value that is not a finite number.
func checkFinite(values []float32) error {
	for i, v := range values {
		// Only NaN and the infinities differ from themselves here; one comparison a value keeps this at memory speed.
		if v-v != 0 {
			return &badValue{index: i, what: fmt.Sprintf("the value %v is not a finite float32", v)}
		}
	}
	return nil
}

// checkRange finds the first value that the integer type cannot hold.
func checkRange(values []int64, t onnx.DataType) error {
	lowest, highest := integerRange(t)
	for i, v := range values {
		if v < lowest || v > highest {
			return &badValue{index: i, what: fmt.Sprintf("the value %d is no %s", v, t)}
		}
	}
	return nil
}

func integerRange(t onnx.DataType) (lowest, highest int64) {
	switch t {
	case onnx.Bool:
		return 0, 1
	case onnx.Uint64:
		return 0, math.MaxInt64
	case onnx.Uint2, onnx.Uint4, onnx.Uint8, onnx.Uint16, onnx.Uint32:
		return 0, 1<<t.Size() - 1
	}
	highest = 1<<(t.Size()-1) - 1
	return -highest - 1, highest
}

// where names the place of a value in an array: its row, and its column or its place in the sample.
func where(index int, shape []int) string {
	at := place(index, shape, false)
	switch len(at) {
	case 1:
		return fmt.Sprintf("row %d", at[0])
	case 2:
		return fmt.Sprintf("row %d, column %d", at[0], at[1])
	}
	return fmt.Sprintf("row %d, element %v", at[0], at[1:])
}
