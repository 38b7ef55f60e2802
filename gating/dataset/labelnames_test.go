package dataset

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// numpyText is an array of text as NumPy writes it, four bytes a character.
func numpyText(width int, texts ...string) []byte {
	var chars []uint32
	for _, text := range texts {
		runes := []rune(text)
		for i := range width {
			if i < len(runes) {
				chars = append(chars, uint32(runes[i]))
			} else {
				chars = append(chars, 0)
			}
		}
	}
	return npyOf(fmt.Sprintf("<U%d", width), fmt.Sprintf("(%d,)", len(texts)), chars)
}

// Labels that are names become the numbers of their places in --classes, else of their own order, in every kind of
// file; which class has which number is said.
func TestLabelsThatAreNames(t *testing.T) {
	files := map[string][]byte{
		"x.csv":     []byte("x,label\n1,dog\n2,cat\n3,dog\n"),
		"x.jsonl":   []byte(`{"x":1,"label":"dog"}` + "\n" + `{"x":2,"label":"cat"}` + "\n" + `{"x":3,"label":"dog"}`),
		"list.json": []byte(` [{"x":1,"label":"dog"}, {"x":2,"label":"cat"},` + "\n" + `{"x":3,"label":"dog"}]`),
		"x.npz": npzOf(t, entry{"x", npyOf("<f4", "(3, 1)", []float32{1, 2, 3})},
			entry{"label", numpyText(4, "dog", "cat", "dog")}),
	}
	for name, content := range files {
		path := store(t, name, content)
		d := mustOpen(t, path, Options{})
		if got := fmt.Sprint(d.Label.Ints, d.ClassNames()); got != "[1 0 1] [cat dog]" {
			t.Errorf("%s: %s", name, got)
		}
		if note := strings.Join(d.Notes, "; "); !strings.Contains(note,
			`classes of label "label", in the order of their names: 0 "cat", 1 "dog"`) {
			t.Errorf("%s: notes %s", name, note)
		}
		d = mustOpen(t, path, Options{Classes: []string{"dog", "bird", "cat"}})
		if got := fmt.Sprint(d.Label.Ints, d.CheckLabels(3)); got != "[0 2 0] <nil>" {
			t.Errorf("%s with classes: %s", name, got)
		}
		_, err := Open(path, Options{Classes: []string{"dog", "bird"}})
		wantRefusal(t, err, `"cat" is none of the 2 classes named`)
		if err := mustOpen(t, path, Options{}).CheckLabels(3); err == nil {
			t.Errorf("%s: two names say which of three classes they are", name)
		}
	}
}

// A file without a label in one row is refused with its place; sets of classes may be empty.
func TestLabelGaps(t *testing.T) {
	for name, c := range map[string]struct{ content, want string }{
		"x.csv":   {"x,label\n1,dog\n\"2\n\",\n", "line 3: there is no label"},
		"x.jsonl": {`{"x":1,"label":"dog"}` + "\n" + `{"x":2,"label":" "}`, "row 1: there is no label"},
	} {
		_, err := Open(store(t, name, []byte(c.content)), Options{Label: "label"})
		wantRefusal(t, err, c.want)
	}
}

// Lists of several lengths are sets of classes, however they are written; lists beside inputs of the same lengths are
// labels of positions.
func TestSetsOfClasses(t *testing.T) {
	for name, content := range map[string]string{
		"lists.jsonl": `{"x":1,"label":[3,1]}` + "\n" + `{"x":2,"label":[]}` + "\n" + `{"x":3,"label":[0]}`,
		"text.jsonl":  `{"x":1,"label":"3;1"}` + "\n" + `{"x":2,"label":""}` + "\n" + `{"x":3,"label":"0"}`,
		"semi.csv":    "x,label\n1,3;1\n2,\n3,0\n",
		"pandas.csv":  "x,label\n1,\"[3, 1]\"\n2,[]\n3,[0]\n",
		"bars.csv":    "x,label\n1,3|1\n2,\n3,0\n",
	} {
		d := mustOpen(t, store(t, name, []byte(content)), Options{})
		if got := fmt.Sprint(d.Label.Sets, d.Label.Ints); got != "true [3 1 -1 -1 0 -1]" {
			t.Errorf("%s: %s", name, got)
			continue
		}
		hot, err := d.MultiHot(4)
		if err != nil || !slices.Equal(hot.Label.Floats, []float32{0, 1, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0}) {
			t.Errorf("%s: %v, %v", name, hot.Label, err)
		}
		half, err := d.Select([]int{2, 1}).MultiHot(4)
		if err != nil || !slices.Equal(half.Label.Floats, []float32{1, 0, 0, 0, 0, 0, 0, 0}) {
			t.Errorf("%s: %v, %v", name, half, err)
		}
		_, err = d.MultiHot(3)
		wantRefusal(t, err, "row 0: class 3 is outside of the graph's 3 classes")
	}
	tagged := `{"x":[1,2],"label":[3,1]}` + "\n" + `{"x":[2],"label":[0]}`
	d := mustOpen(t, store(t, "tagged.jsonl", []byte(tagged)), Options{Inputs: []Field{{Name: "x", Shape: []int{-1, -1}}}})
	if d.Label.Sets || len(d.Parts()) != 2 {
		t.Errorf("a label for every position: %+v", d.Label)
	}
	_, err := mustOpen(t, store(t, "x.csv", []byte("x,label\n1,2\n")), Options{}).MultiHot(3)
	wantRefusal(t, err, "no sets of classes")
}

// Labels that are whole numbers as text are the numbers of classes, not sets of one: in quotes they mean what they mean
// without.
func TestLabelsThatAreNumbersAsText(t *testing.T) {
	for name, content := range map[string][]byte{
		"x.jsonl": []byte(`{"x":1,"label":"7"}` + "\n" + `{"x":2,"label":"-100"}` + "\n" + `{"x":3,"label":" 0"}`),
		"x.npz": npzOf(t, entry{"x", npyOf("<f4", "(3, 1)", []float32{1, 2, 3})},
			entry{"label", numpyText(4, "7", "-100", "0")}),
	} {
		d := mustOpen(t, store(t, name, content), Options{})
		mustWell(t, d)
		if !slices.Equal(d.Label.Ints, []int64{7, -100, 0}) || d.Label.Sets || len(d.Label.Shape) > 0 || d.ClassNames() != nil {
			t.Errorf("%s: %v%v, sets %v, classes %v", name, d.Label.Ints, d.Label.Shape, d.Label.Sets, d.ClassNames())
		}
	}
	d := mustOpen(t, store(t, "sets.jsonl", []byte(`{"x":1,"label":"7"}`+"\n"+`{"x":2,"label":"[3, 7]"}`)), Options{})
	if !slices.Equal(d.Label.Ints, []int64{7, -1, 3, 7}) {
		t.Errorf("sets: %v", d.Label.Ints)
	}
}
