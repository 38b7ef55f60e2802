package dataset

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/onnx"
)

// TestSeveralLabels reads further labels by their keys, in the order asked for, from every kind of file that has keys;
// an array may be the label of two outputs, or input and label.
func TestSeveralLabels(t *testing.T) {
	fields := []Field{{Name: "x", Type: onnx.Float32, Shape: []int{-1, 2}}}
	csv := store(t, "d.csv", []byte("x0,x1,kind,size\n1,2,0,0.5\n3,4,1,1.5\n5,6,0,2.5\n"))
	lines := store(t, "d.jsonl", []byte(`{"x":[1,2],"kind":0,"size":0.5}
{"x":[3,4],"kind":1,"size":1.5}
{"x":[5,6],"kind":0,"size":2.5}
`))
	for _, path := range []string{csv, lines} {
		d := mustOpen(t, path, Options{Inputs: fields, Label: "size", More: []string{"kind", "size"}})
		if d.Labels() != 3 || d.Label.Name != "size" || d.LabelAt(1).Name != "kind" || d.LabelAt(3) != nil {
			t.Fatalf("%s: labels %v, %v", path, d.Label, d.More)
		}
		held := d.Select([]int{2, 1})
		if got := held.LabelAt(1).Ints; !slices.Equal(got, []int64{0, 1}) {
			t.Errorf("%s: selected %v", path, got)
		}
		if got := held.OnlyLabel(1); got.Labels() != 1 || got.Label.Name != "kind" || d.Labels() != 3 {
			t.Errorf("%s: only one: %v", path, got.Label)
		}
		if got := mustJoin(t, d, held); got.Len() != 5 || !slices.Equal(got.LabelAt(1).Ints, []int64{0, 1, 0, 0, 1}) {
			t.Errorf("%s: joined %v", path, got.LabelAt(1))
		}
		if _, err := Open(path, Options{Inputs: fields, Label: "size", More: []string{"kin"}}); !errors.Is(err, ErrData) ||
			!strings.Contains(err.Error(), `no label "kin"`) {
			t.Errorf("%s: a label that is not there: %v", path, err)
		}
	}
}

func mustJoin(t *testing.T, list ...*Data) *Data {
	t.Helper()
	d, err := Join(list...)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
