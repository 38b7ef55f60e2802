package dataset

import (
	"errors"
	"fmt"
	"math"

	"github.com/softmerge/softmerge/gating/dataset/spill"
	"github.com/softmerge/softmerge/onnx"
)

// plan is a column whose values are still to be read.
type plan struct {
	Column
	array array
	shape []int  // of the array, for messages
	role  string // "input" or "label"
	below int64  // that integers are, see Field.Below
}

// planInput checks the header of the array of one graph input.
func planInput(f Field, a array) (plan, error) {
	typ, shape, err := a.header()
	if err != nil {
		return plan{}, err
	}
	sample, err := fit(f, shape)
	if err != nil {
		return plan{}, err
	}
	if f.Type != onnx.Undefined {
		typ = f.Type
	}
	return plan{Column{Name: f.Name, Type: typ, Shape: sample}, a, shape, "input", f.Below}, nil
}

// planLabel checks the header of the label, which keeps the type that the file has.
func planLabel(a named) (plan, error) {
	typ, shape, err := a.header()
	if err != nil {
		return plan{}, err
	}
	sample, err := fit(Field{}, shape)
	if err != nil {
		return plan{}, err
	}
	sets := holdsSets(a.array)
	if !typ.IsFloat() && len(sample) == 1 && sample[0] == 1 && !sets {
		sample = sample[:0]
	}
	return plan{Column{Name: a.name, Type: typ, Shape: sample, Sets: sets}, a, shape, "label", 0}, nil
}

// fill reads the values and checks each.
func (p *plan) fill(b *spill.Store) (err error) {
	switch {
	case p.Type.IsFloat():
		p.Floats, err = p.array.floats(b)
		if err == nil {
			err = checkFinite(p.Floats)
		}
	case p.Type.IsInteger() || p.Type == onnx.Bool:
		p.Ints, err = p.array.ints(b)
		if err == nil {
			err = checkRange(p.Ints, p.Type)
		}
		if err == nil {
			err = p.checkLookups()
		}
	default:
		return fail("only inputs of numbers can be fed", "the graph's input wants %s", p.Type)
	}
	if bad := (*badValue)(nil); errors.As(err, &bad) {
		return fail("correct or drop these rows; "+p.Type.String()+" is wanted", "%s: %s", where(bad.index, p.shape),
			bad.what)
	}
	return err
}

// checkFinite finds the first value that is not a finite number.
func checkFinite(values []float32) error {
	if i := onnx.FirstNonFinite(values); i >= 0 {
		return &badValue{index: i, what: fmt.Sprintf("the value %v is not a finite float32", values[i])}
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

// checkLookups finds the first number that the table it looks things up in does not have.
func (p *plan) checkLookups() error {
	if p.below == 0 {
		return nil
	}
	for i, v := range p.Ints {
		if v < -p.below || v >= p.below {
			return fail("give ids of the models' own vocabulary, counted from 0; the tokenizer may be another model's",
				"%s: id %d is beyond the %d that the model has (0 to %d)", where(i, p.shape), v, p.below, p.below-1)
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
