package dataset

import (
	"fmt"
	"testing"
)

// picks are keys of a file and inputs of a graph, and which belongs to which.
var picks = []struct {
	keys, inputs []string
	label        string
	want         []string // one key per input
	wantLabel    string
}{
	{[]string{"x", "y"}, []string{"x"}, "", []string{"x"}, "y"},
	{[]string{"y", "x"}, []string{"x"}, "", []string{"x"}, "y"},
	{[]string{"images", "label"}, []string{"input.1"}, "", []string{"images"}, "label"},
	{[]string{"images", "classes"}, []string{"input.1"}, "classes", []string{"images"}, "classes"},
	{[]string{"images"}, []string{"input.1"}, "", []string{"images"}, "-"},
	{[]string{"x", "classes"}, []string{"x"}, "", []string{"x"}, "classes"},
	{[]string{"x", "ids", "weights"}, []string{"x"}, "", []string{"x"}, "-"},
	{[]string{"x", "y", "label", "target"}, []string{"x"}, "", []string{"x"}, "label"},
	{[]string{"x", "y", "target"}, []string{"x"}, "target", []string{"x"}, "target"},
	{[]string{"y", "target"}, []string{"y"}, "", []string{"y"}, "target"},
	{[]string{"x"}, []string{"x"}, "x", []string{"x"}, "x"},
	{[]string{"ids", "mask", "y"}, []string{"mask", "ids"}, "", []string{"mask", "ids"}, "y"},
	{[]string{"ids", "mask", "answer"}, []string{"mask", "ids"}, "", []string{"mask", "ids"}, "answer"},
	{[]string{"arr_0", "arr_1"}, []string{"x"}, "", []string{"arr_0"}, "arr_1"},
	{[]string{"arr_0", "arr_1", "arr_2"}, []string{"a", "b"}, "", []string{"arr_0", "arr_1"}, "arr_2"},
	{[]string{"arr_0", "arr_1"}, []string{"a", "b"}, "", []string{"arr_0", "arr_1"}, "-"},
	{[]string{"arr_0", "arr_1"}, []string{"x"}, "arr_0", []string{"arr_1"}, "arr_0"},
	{[]string{"b", "y", "a"}, nil, "", []string{"b", "a"}, "y"},
}

// TestPick names for every set of keys which array feeds which input; "-" is no label.
func TestPick(t *testing.T) {
	for _, c := range picks {
		t.Run(fmt.Sprint(c.keys, c.inputs, c.label), func(t *testing.T) {
			p, err := pick(keyed(c.keys), Options{Inputs: fields(c.inputs), Label: c.label}, "")
			if err != nil {
				t.Fatal(err)
			}
			if got := names(p.inputs); fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("inputs are %v, want %v", got, c.want)
			}
			got := "-"
			if len(p.labels) > 0 {
				got = p.labels[0].name
			}
			if got != c.wantLabel {
				t.Errorf("label is %q, want %q", got, c.wantLabel)
			}
		})
	}
}

func TestPickRefused(t *testing.T) {
	for _, c := range []struct {
		keys, inputs []string
		label        string
		says         []string
	}{
		{[]string{"inptu", "other", "y"}, []string{"input"},
			"", []string{`input "input"`, `"inptu", "other", "y"`, `the label "y"`, `did you mean "inptu"`}},
		{[]string{"a", "b", "c"}, []string{"input"}, "", []string{"no label", `under the name "input"`}},
		{[]string{"a", "y"}, []string{"a", "b"}, "", []string{`input "b"`}},
		{[]string{"a", "y"}, []string{"a"}, "labels", []string{`no label "labels"`, `"a", "y"`}},
		{[]string{"a", "lables"}, []string{"a"}, "labels", []string{`did you mean "lables"`}},
		{[]string{"y"}, nil, "", []string{`only the label "y"`}},
		{[]string{"y"}, []string{"x"}, "", []string{`input "x"`}},
		{[]string{"x_train", "y_train", "x_test", "y_test"}, []string{"x"},
			"", []string{`test ("x_test", "y_test"), train ("x_train", "y_train")`, "FILE#test"}},
		{[]string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"}, []string{"zzzz"},
			"", []string{"and 2 more"}},
		{nil, []string{"x"}, "", []string{"has none"}},
	} {
		t.Run(fmt.Sprint(c.keys, c.inputs, c.label), func(t *testing.T) {
			_, err := pick(keyed(c.keys), Options{Inputs: fields(c.inputs), Label: c.label}, "")
			wantRefusal(t, err, c.says...)
		})
	}
}

func keyed(keys []string) []named {
	var out []named
	for _, k := range keys {
		out = append(out, named{k, classArray{0, 1}})
	}
	return out
}

func fields(names []string) []Field {
	var out []Field
	for _, n := range names {
		out = append(out, Field{Name: n})
	}
	return out
}
