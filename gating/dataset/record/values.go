package record

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/softmerge/softmerge/onnx"
)

// Values is a column in memory, to which rows are appended.
type Values struct {
	Key  string
	kind Kind
	typ  onnx.DataType
	deep int
	rows []value
	used bool // the kind is known
}

// value is one row. Integers that a column of floats has are in reals.
type value struct {
	ints  []int64
	reals []float64
	text  string
	shape []int
}

// Name returns the key.
func (v *Values) Name() string { return v.Key }

// Kind returns what the rows hold.
func (v *Values) Kind() Kind { return v.kind }

// Type returns Int64 where all numbers are whole, else Float64, and Bool where all are true or false.
func (v *Values) Type() onnx.DataType { return v.typ }

// Lists returns how deep numbers are nested.
func (v *Values) Lists() int { return v.deep }

// Rows returns the number of rows.
func (v *Values) Rows() int { return len(v.rows) }

// Each visits the rows.
func (v *Values) Each(visit func(Value) error) error {
	var reals []float64
	for _, r := range v.rows {
		out := Value{Ints: r.ints, Floats: r.reals, Shape: r.shape}
		if v.kind == Text {
			out.Bytes = []byte(r.text)
		}
		if v.typ.IsFloat() && r.reals == nil {
			reals = reals[:0]
			for _, i := range r.ints {
				reals = append(reals, float64(i))
			}
			out.Ints, out.Floats = nil, reals
		}
		if err := visit(out); err != nil {
			return err
		}
	}
	return nil
}

// AddText appends a text.
func (v *Values) AddText(text string) error {
	return v.add(Text, 0, value{text: text})
}

// AddInt appends a number.
func (v *Values) AddInt(i int64) error {
	if v.typ == onnx.Undefined || v.typ == onnx.Bool {
		v.typ = onnx.Int64
	}
	return v.add(Number, 0, value{ints: []int64{i}})
}

// add appends a row, which must be as those before.
func (v *Values) add(kind Kind, deep int, row value) error {
	if v.used && (kind != v.kind || deep != v.deep) {
		return fmt.Errorf("%q holds %s, before %s", v.Key, inLists(kind, deep), inLists(v.kind, v.deep))
	}
	v.used, v.kind, v.deep = true, kind, deep
	v.rows = append(v.rows, row)
	return nil
}

// AddJSON appends a value of a JSON document that was decoded with UseNumber: a number, true or false, a text, or lists
// of numbers that are equally long on each level. It returns roughly how many bytes it takes in memory.
func (v *Values) AddJSON(x any) (size int, err error) {
	switch x := x.(type) {
	case string:
		return len(x) + 64, v.AddText(x)
	case json.Number, bool, []any:
		var row value
		deep, err := row.flatten(v, x, nil)
		if err != nil {
			return 0, err
		}
		if len(row.shape) == 1 && row.shape[0] == 0 && v.used {
			deep = v.deep // an empty list of whatever
		}
		return 8*(len(row.ints)+len(row.reals)) + 128, v.add(Number, deep, row)
	case nil:
		return 0, fmt.Errorf("%q has no value (null)", v.Key)
	}
	return 0, v.other()
}

// other makes the column one that cannot be fed.
func (v *Values) other() error { return v.add(Other, 0, value{}) }

// flatten appends the numbers of x. at are the places of x in the lists around it.
func (r *value) flatten(v *Values, x any, at []int) (deep int, err error) {
	list, ok := x.([]any)
	if !ok {
		return 0, r.number(v, x)
	}
	const deepest = 8
	level := len(at)
	if level == deepest {
		return 0, fmt.Errorf("%q has lists nested more than %d times", v.Key, deepest)
	}
	if level == len(r.shape) {
		r.shape = append(r.shape, len(list))
	} else if r.shape[level] != len(list) {
		return 0, fmt.Errorf("%q holds lists of %d and of %d elements in one row", v.Key, r.shape[level], len(list))
	}
	deep = 1
	for i, element := range list {
		below, err := r.flatten(v, element, append(slices.Clip(at), i))
		if err != nil {
			return 0, err
		}
		if i > 0 && below+1 != deep {
			return 0, fmt.Errorf("%q mixes numbers and lists", v.Key)
		}
		deep = below + 1
	}
	return deep, nil
}

func (r *value) number(v *Values, x any) error {
	switch x := x.(type) {
	case bool:
		if v.typ == onnx.Undefined {
			v.typ = onnx.Bool
		}
		bit := int64(0)
		if x {
			bit = 1
		}
		return r.append(bit, float64(bit))
	case json.Number:
		i, err := strconv.ParseInt(string(x), 10, 64)
		if err == nil {
			if v.typ == onnx.Undefined || v.typ == onnx.Bool {
				v.typ = onnx.Int64
			}
			return r.append(i, float64(i))
		}
		real, err := x.Float64()
		if err != nil {
			return fmt.Errorf("%q holds the number %.40s", v.Key, x)
		}
		v.typ = onnx.Float64
		r.toReals()
		r.reals = append(r.reals, real)
		return nil
	}
	return fmt.Errorf("%q holds lists of what are not numbers", v.Key)
}

func (r *value) append(i int64, real float64) error {
	if r.reals != nil {
		r.reals = append(r.reals, real)
		return nil
	}
	r.ints = append(r.ints, i)
	return nil
}

// toReals makes the row one of floats.
func (r *value) toReals() {
	if r.reals != nil {
		return
	}
	r.reals = make([]float64, 0, len(r.ints)+1)
	for _, i := range r.ints {
		r.reals = append(r.reals, float64(i))
	}
	r.ints = nil
}

// inLists names values that stand in so many lists.
func inLists(k Kind, deep int) string {
	switch deep {
	case 0:
		return k.String()
	case 1:
		return "a list of " + k.String()
	}
	return fmt.Sprintf("%d lists of %s", deep, k)
}
