package dataset

import (
	"fmt"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/onnx"
)

// floatsIn and intsIn are arrays of a file by key, shape and type; their values are all 0.
func floatsIn(key string, shape ...int) entry { return entryOf(key, "<f4", shape, 4) }

func intsIn(key string, shape ...int) entry { return entryOf(key, "<i8", shape, 8) }

func entryOf(key, descr string, shape []int, size int) entry {
	text := strings.TrimSuffix(strings.ReplaceAll(strings.Trim(fmt.Sprint(shape), "[]"), " ", ", "), ",") + ","
	return entry{key, npyOf(descr, "("+text+")", make([]byte, product(shape)*size))}
}

// What real files have beside samples and labels: weights, ids, other parts. Who saved them must get the arrays that he
// means, be told which these are, or be asked.
func TestGuess(t *testing.T) {
	image := Field{Name: "input.1", Type: onnx.Float32, Shape: []int{-1, 1, 8, 8}}
	tokens := Field{Name: "input_ids", Type: onnx.Int64, Shape: []int{-1, -1}}
	for _, c := range []struct {
		name        string
		field       Field
		entries     []entry
		part, label string
		want        string   // the label taken, "-" for none
		n           int      // samples
		says        []string // by the notes, or by the error if want is empty
	}{
		{"weights", image, []entry{floatsIn("x", 5, 8, 8), intsIn("y", 5), floatsIn("sample_weight", 5)}, "", "", "y",
			5,
			[]string{`"x" is taken for input "input.1"`, `not used: "sample_weight"`}},
		{"ids", image, []entry{intsIn("ids", 5), floatsIn("pixels", 5, 1, 8, 8), intsIn("digit_class", 5)}, "", "",
			"digit_class", 5, []string{`"pixels" is taken`, `"digit_class" for the label`, `not used: "ids"`}},
		{"only by shape", image, []entry{floatsIn("mean", 8, 8), floatsIn("a", 5, 8, 8), floatsIn("b", 5, 3),
			intsIn("labels", 5)}, "", "", "labels", 5, []string{`"a" is taken`, `not used: "mean", "b"`}},
		{"two fit", image, []entry{floatsIn("a", 5, 8, 8), floatsIn("b", 5, 8, 8), intsIn("y", 5)}, "", "", "", 0,
			[]string{`its type and shape fit "a", "b"`, `input "input.1"`}},
		{"floats for integers", tokens, []entry{floatsIn("emb", 5, 8), intsIn("tok", 5, 8), intsIn("y", 5)}, "", "",
			"y", 5,
			[]string{`"tok" is taken`, `"emb"`}},
		{"one pair", image, []entry{floatsIn("x_val", 5, 8, 8), intsIn("y_val", 5)}, "", "", "y_val", 5,
			[]string{`the part "validation" is taken: "x_val", "y_val"`}},
		{"pair and spare", image, []entry{floatsIn("x_val", 5, 8, 8), intsIn("y_val", 5), floatsIn("w_val", 5)}, "", "",
			"y_val", 5, []string{`not used: "w"`}},
		{"keras", image, []entry{floatsIn("x_train", 7, 8, 8), intsIn("y_train", 7), floatsIn("x_test", 5, 8, 8),
			intsIn("y_test", 5)}, "", "", "", 0, []string{`train ("x_train", "y_train")`, "FILE#test"}},
		{"keras, test", image, []entry{floatsIn("x_train", 7, 8, 8), intsIn("y_train", 7), floatsIn("x_test", 5, 8, 8),
			intsIn("y_test", 5)}, "test", "", "y_test", 5, []string{`the part "test" is taken`}},
		{"keras, by label", image, []entry{floatsIn("x_train", 7, 8, 8), intsIn("y_train", 7),
			floatsIn("x_test", 5, 8, 8),
			intsIn("y_test", 5)}, "", "y_train", "y_train", 7, []string{`the part "train" is taken`}},
		{"no such part", image, []entry{floatsIn("x_train", 7, 8, 8), intsIn("y_train", 7)}, "test", "", "", 0,
			[]string{`no part "test"`, "train"}},
		{"a part beside the whole", image, []entry{floatsIn("x", 7, 8, 8), intsIn("y", 7), floatsIn("x_val", 5, 8, 8),
			intsIn("y_val", 5)}, "", "", "", 0, []string{`and "x", "y"`}},
		{"labels of two grains", image, []entry{floatsIn("data", 5, 8, 8), intsIn("fine_labels", 5),
			intsIn("coarse_labels",
				5)}, "", "", "", 0, []string{`"fine_labels", "coarse_labels"`, "--label fine_labels"}},
		{"no label", image, []entry{floatsIn("x", 5, 8, 8), floatsIn("sample_weight", 5), intsIn("ids", 5)}, "", "",
			"-", 5,
			[]string{"no label was found"}},
		{"a constant is no label", image, []entry{floatsIn("x", 5, 8, 8), intsIn("seed", 1)}, "", "", "-", 5,
			[]string{`not used: "seed"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := store(t, "x.npz", npzOf(t, c.entries...))
			if c.part != "" {
				path += "#" + c.part
			}
			d, err := Open(path, Options{Inputs: []Field{c.field}, Label: c.label})
			if c.want == "" {
				wantRefusal(t, err, c.says...)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got := "-"
			if d.Label != nil {
				got = d.Label.Name
			}
			notes := strings.Join(d.Notes, "\n")
			for _, s := range c.says {
				if !strings.Contains(notes, s) {
					t.Errorf("the notes %q do not say %q", notes, s)
				}
			}
			if got != c.want || d.Len() != c.n {
				t.Errorf("label %q of %d samples, want %q of %d", got, d.Len(), c.want, c.n)
			}
		})
	}
}

// A file whose own name has a # is that file; data without parts has none to choose from.
func TestPartInName(t *testing.T) {
	path := store(t, "x#1.npz", npzOf(t, floatsIn("x", 5, 2)))
	mustOpen(t, path, Options{})
	_, err := Open(store(t, "x.csv", []byte("x0,label\n1,0\n"))+"#test", Options{})
	wantRefusal(t, err, "no parts", "#test")
}
