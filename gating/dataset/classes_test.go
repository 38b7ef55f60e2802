package dataset

import (
	"fmt"
	"image/color"
	"slices"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/onnx"
)

// classFolder has one white image for each class.
func classFolder(t *testing.T, classes ...string) string {
	t.Helper()
	files := map[string][]byte{}
	for _, c := range classes {
		files[c+"/1.png"] = pngOf(t, 2, 2, color.White)
	}
	return storeAll(t, files)
}

var twoByTwo = []Field{{Name: "x", Type: onnx.Float32, Shape: []int{-1, 3, 2, 2}}}

// TestNumericFolders: 10 is after 2, said with a warning, and the other order can be had.
func TestNumericFolders(t *testing.T) {
	d := mustOpen(t, classFolder(t, "0", "1", "2", "10"), Options{Inputs: twoByTwo})
	if got := fmt.Sprint(d.ClassNames(), d.Label.Ints); got != "[0 1 2 10] [0 1 3 2]" { // files come in order of names
		t.Errorf("got %s", got)
	}
	if len(d.Warnings) != 1 || !strings.Contains(d.Warnings[0].Error(), `"10" before "2"`) {
		t.Errorf("warnings %v", d.Warnings)
	}
	other := d.OtherOrder()
	if got := fmt.Sprint(other.ClassNames(), other.Label.Ints); got != "[0 1 10 2] [0 1 2 3]" {
		t.Errorf("other order: %s", got)
	}
	for _, settled := range []*Data{d.SettleOrder(false), d.SettleOrder(true)} {
		if settled.OtherOrder() != nil || len(settled.Warnings) > 0 {
			t.Errorf("the order is not settled: %v", settled.Warnings)
		}
	}
	if !slices.Equal(d.SettleOrder(true).Label.Ints, other.Label.Ints) || len(d.Warnings) != 1 {
		t.Error("the settled order is another, or the data has changed")
	}
	if kept := d.Select([]int{2, 3}); kept.OtherOrder() == nil {
		t.Error("selected rows have forgotten their classes")
	}
	for _, folders := range [][]string{{"0", "1", "2"}, {"a", "b"}, {"1", "01", "2", "10"}, {"1", "2", "x10"}} {
		d := mustOpen(t, classFolder(t, folders...), Options{Inputs: twoByTwo})
		if d.OtherOrder() != nil || len(d.Warnings) > 0 || !slices.IsSorted(d.Label.Ints) {
			t.Errorf("%v: classes %v, labels %v, %v", folders, d.ClassNames(), d.Label.Ints, d.Warnings)
		}
	}
}

// TestClassesGiven: names decide, in whichever order; a subset is fine.
func TestClassesGiven(t *testing.T) {
	d := mustOpen(t, classFolder(t, "cat", "dog"), Options{Inputs: twoByTwo, Classes: []string{"dog", "eel", "cat"}})
	if !slices.Equal(d.Label.Ints, []int64{2, 0}) {
		t.Errorf("labels %v", d.Label.Ints)
	}
	if err := d.CheckLabels(3); err != nil {
		t.Error(err)
	}
	wantRefusal(t, d.CheckLabels(4), "3 classes are named", "has 4")
	_, err := Open(classFolder(t, "cat", "dgo"), Options{Inputs: twoByTwo, Classes: []string{"dog", "cat"}})
	wantRefusal(t, err, `"dgo" is none of`, `did you mean "dog"`)
}

// TestFewerFoldersThanClasses: which classes they are nobody can know.
func TestFewerFoldersThanClasses(t *testing.T) {
	d := mustOpen(t, classFolder(t, "cat", "dog"), Options{Inputs: twoByTwo})
	if err := d.CheckLabels(2); err != nil {
		t.Error(err)
	}
	wantRefusal(t, d.CheckLabels(3), `2 classes, "cat", "dog"`, "the model has 3", "--classes")
	wantRefusal(t, d.CheckLabels(1), "class 1 is outside")
}

// TestFoldersOfOtherClasses: the numbers of a second folder must mean the same.
func TestFoldersOfOtherClasses(t *testing.T) {
	a, b := classFolder(t, "cat", "dog"), classFolder(t, "cat", "eel")
	_, err := OpenAll([]string{a, b}, Options{Inputs: twoByTwo})
	wantRefusal(t, err, `"cat", "eel"`, `"cat", "dog"`)
	if err := CheckClasses(mustOpen(t, a, Options{Inputs: twoByTwo}),
		mustOpen(t, b, Options{Inputs: twoByTwo})); err == nil {
		t.Error("other classes are taken for the same")
	}
	d, err := OpenAll([]string{a, b}, Options{Inputs: twoByTwo, Classes: []string{"cat", "dog", "eel"}})
	if err != nil || !slices.Equal(d.Label.Ints, []int64{0, 1, 0, 2}) {
		t.Errorf("got %v, %v", d, err)
	}
}

// TestSample: as many as asked for, of all classes.
func TestSample(t *testing.T) {
	files := map[string][]byte{}
	for i := range 20 {
		files[fmt.Sprintf("%d/%02d.png", i/5, i)] = pngOf(t, 2, 2, color.White)
	}
	d := mustOpen(t, storeAll(t, files), Options{Inputs: twoByTwo, Sample: 8})
	if !slices.Equal(d.Label.Ints, []int64{0, 0, 1, 1, 2, 2, 3, 3}) {
		t.Errorf("labels %v", d.Label.Ints)
	}
}

func TestParseClasses(t *testing.T) {
	for file, want := range map[string]string{
		"cat\r\ndog\n\n":                         `["cat" "dog"]`,
		" tench, Tinca tinca\ngoldfish ":         `["tench, Tinca tinca" "goldfish"]`,
		`["b", "a"]`:                             `["b" "a"]`,
		`{"id2label": {"1": "dog", "0": "cat"}}`: `["cat" "dog"]`,
	} {
		got, err := ParseClasses([]byte(file))
		if err != nil || fmt.Sprintf("%q", got) != want {
			t.Errorf("%q: got %q, %v", file, got, err)
		}
	}
	for file, want := range map[string]string{
		"": "no classes", "a\n\nb": `class 1 is called ""`, "a\nb\na": `class 2 is called "a", as class 0`, "[1]": "no list of names",
		"{": "no object", `{"id2label": {"0": "a", "2": "b"}}`: `number "2"`, `{"id2label": {"0": "a", "00": "b"}}`: `number "0`,
	} {
		_, err := ParseClasses([]byte(file))
		wantRefusal(t, err, want)
	}
}
