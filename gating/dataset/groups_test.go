package dataset

import (
	"fmt"
	"image/color"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating/dataset/spill"
)

// groupText writes the name of every sample's group, part after part.
func groupText(d *Data) string {
	var list []string
	for _, i := range d.Groups() {
		list = append(list, d.GroupNames()[i])
	}
	return strings.Join(list, ",")
}

var pair = []Field{{Name: "x", Shape: []int{-1, 2}}}

// TestGroupsOfNumPy reads what NumPy wrote, in every type; no group goes to the model.
func TestGroupsOfNumPy(t *testing.T) {
	const words = "photo,grüße 東京,sketch,photo"
	for key, want := range map[string]string{
		"domain": words, "big": words, "column": words, "site": "b,a,a,b", "year": "2024,2009,2024,2009",
		"area": "10,9,9,10", "night": "1,0,0,1", "label": "1,0,1,0",
	} {
		d := mustOpen(t, filepath.Join(formats, "groups.npz"), Options{Inputs: pair, Group: key})
		if got := groupText(d); got != want {
			t.Errorf("%s: got %q, want %q", key, got, want)
		}
		if len(d.Inputs) != 1 || d.Inputs[0].Name != "x" || d.Label == nil || d.Label.Name != "label" {
			t.Errorf("%s: inputs %v, label %v", key, d.inputNames(), d.Label)
		}
		if strings.Contains(strings.Join(d.Notes, " "), strconv.Quote(key)) {
			t.Errorf("%s is said to be left over: %q", key, d.Notes)
		}
	}
	d := mustOpen(t, filepath.Join(formats, "groups.npz"), Options{Inputs: pair, Group: "area"})
	if got := fmt.Sprint(d.GroupNames()); got != "[9 10]" { // as numbers are ordered
		t.Errorf("names %s", got)
	}
}

// groupFiles are data of two samples of groups b and a in every format.
func groupFiles(t *testing.T) map[string]struct {
	path, key, want string
} {
	dir := storeAll(t, map[string][]byte{
		"text.csv":  []byte("x0,domain,x1,label\n1,b,2,0\n3,a,4,1\n"),
		"only.csv":  []byte("p,domain,q,label\n1,b,2,0\n3,a,4,1\n"),
		"label.csv": []byte("x0,x1,y\n1,2,7\n3,4,5\n"),
		"a.jsonl":   []byte(`{"x":[1,2],"label":0,"domain":"b"}` + "\n" + `{"x":[3,4],"label":1,"domain":"a"}` + "\n"),
		"n.jsonl":   []byte(`{"x":[1,2],"label":0,"n":7}` + "\n" + `{"x":[3,4],"label":1,"n":-5}` + "\n"),
		"parts.npz": npzOf(t, floatsIn("x_train", 1, 2), intsIn("y_train", 1), intsIn("domain_train", 1),
			entry{"x_test", npyOf("<f4", "(2, 2)", []float32{1, 2, 3, 4})},
			entry{"y_test", npyOf("<i8", "(2,)", []int64{0, 1})},
			entry{"domain_test", npyOf("|S1", "(2,)", []byte("ba"))}),
		"set/" + set0 + in0:   tensorFile(t, []int{2, 2}, []float32{1, 2, 3, 4}),
		"set/" + set0 + out0:  tensorFile(t, []int{2}, []int64{0, 1}),
		"cats/cat/1.png":      pngOf(t, 2, 2, color.White),
		"cats/dog/1.png":      pngOf(t, 2, 2, color.Black),
		"lengths.npz":         npzOf(t, padded(classes, all, entry{"part", npyOf("|S1", "(3,)", []byte("abc"))})...),
		"mnist/t-images.idx3": idxOf(8, []uint32{2, 1, 2}, []byte{1, 2, 3, 4}),
		"mnist/t-labels.idx1": idxOf(8, []uint32{2}, []byte{4, 3}),
	})
	return map[string]struct{ path, key, want string }{
		"csv":                  {dir + "/text.csv", "domain", "b,a"},
		"csv without x0":       {dir + "/only.csv", "domain", "b,a"},
		"csv by label":         {dir + "/label.csv", "y", "7,5"},
		"json lines":           {dir + "/a.jsonl", "domain", "b,a"},
		"json lines, numbers":  {dir + "/n.jsonl", "n", "7,-5"},
		"json lines, by label": {dir + "/n.jsonl", "label", "0,1"},
		"a part":               {dir + "/parts.npz#test", "domain", "b,a"},
		"a part, whole name":   {dir + "/parts.npz#test", "domain_test", "b,a"},
		"IDX":                  {dir + "/mnist/t-images.idx3", "label", "4,3"},
	}
}

// TestGroupsOfFormats: groups come from every kind of file, and the inputs are the same without them.
func TestGroupsOfFormats(t *testing.T) {
	for name, c := range groupFiles(t) {
		d := mustOpen(t, c.path, Options{Inputs: pair, Group: c.key})
		if got := groupText(d); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
		if got := columnText(d.Inputs[0]); name != "IDX" && !strings.HasSuffix(got, "[1 2 3 4]") {
			t.Errorf("%s: the model gets %s", name, got)
		}
	}
}

// Folders group by the names of classes, ONNX test data by an output, samples of several lengths keep their groups, and
// files are groups themselves.
func TestGroupsElsewhere(t *testing.T) {
	groupsOf := func(o Options, paths ...string) string {
		t.Helper()
		d, err := OpenAll(paths, o)
		if err != nil {
			t.Fatal(err)
		}
		return groupText(d)
	}
	files := groupFiles(t)
	dir := filepath.Dir(files["csv"].path)
	if got := groupsOf(Options{Inputs: twoByTwo, Group: "label"}, dir+"/cats"); got != "cat,dog" {
		t.Errorf("folder: %q", got)
	}
	if got := groupsOf(Options{Inputs: pair, Group: "t"}, dir+"/set"); got != "0,1" {
		t.Errorf("test data: %q", got)
	}
	o := graph
	o.Group = "part"
	if got := groupsOf(o, dir+"/lengths.npz"); got != "a,c,b" {
		t.Errorf("lengths: %q", got)
	}
	o = Options{Inputs: pair, Group: GroupByFile}
	plain := store(t, "plain.csv", []byte("x0,x1,y\n1,2,7\n3,4,5\n"))
	byLabel := files["csv by label"].path
	if got := groupsOf(o, plain, byLabel); got != strings.Join([]string{plain, plain, byLabel, byLabel}, ",") {
		t.Errorf("by file: %q", got)
	}
	o.Group = "domain"
	second := store(t, "second.csv", []byte("x0,x1,domain,label\n1,2,c,0\n3,4,a,1\n"))
	if got := groupsOf(o, files["csv"].path, second); got != "b,a,c,a" {
		t.Errorf("joined: %q", got)
	}
}

// TestGroupsFollow draws data at random: groups stay with their samples through everything that is done to data.
func TestGroupsFollow(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 1))
	for range 50 {
		d := drawn(random)
		for _, p := range append([]*Data{d}, d.others...) {
			p.groups = &groups{names: []string{"even", "odd"}}
			for _, row := range p.Label.Ints {
				p.groups.of = append(p.groups.of, int(row%2))
			}
		}
		var labels []*Column
		for _, p := range d.Parts() {
			labels = append(labels, p.Label)
		}
		joined, err := Join(d, d.Head(3))
		if err != nil {
			t.Fatal(err)
		}
		list := []*Data{d, joined, d.Head(random.IntN(d.Len()) + 1), d.WithLabels(labels),
			d.Select([]int{d.Len() - 1, 0, 0})}
		if a, b, err := d.Fold(1, 2, 3); err == nil {
			list = append(list, a, b)
		}
		if a, b, err := d.Split(.3, 3); err == nil {
			list = append(list, a, b)
		}
		for i, d := range list {
			var want []string
			for _, p := range d.Parts() {
				for _, row := range p.Label.Ints {
					want = append(want, []string{"even", "odd"}[row%2])
				}
			}
			if got := groupText(d); got != strings.Join(want, ",") {
				t.Fatalf("%d: got %s, want %v", i, got, want)
			}
		}
	}
}

// Keys that name no groups are refused, and what would be taken for them.
func TestGroupsRefused(t *testing.T) {
	many := make([]int64, MaxGroups+1)
	for i := range many {
		many[i] = int64(i)
	}
	n := len(many)
	text := func(descr, shape string, values any) []byte {
		return npzOf(t, floatsIn("x", 2, 2), entry{"label", npyOf("<i8", "(2,)", []int64{0, 1})},
			entry{"g", npyOf(descr, shape, values)})
	}
	files := groupFiles(t)
	for name, c := range map[string]struct {
		path string
		key  string
		says []string
	}{
		"no such array": {filepath.Join(formats, "groups.npz"), "domains",
			[]string{`no group "domains"`, `did you mean "domain"`}},
		"no such column": {files["csv"].path, "area", []string{`no group "area"`, `"domain"`}},
		"no such key":    {files["json lines"].path, "area", []string{`no group "area"`, `"domain"`}},
		"an input":       {files["csv"].path, "x", []string{"input of the model"}},
		"not whole": {store(t, "f.npz", text("<f4", "(2,)", []float32{.5, 1})), "g",
			[]string{"whole numbers or text"}},
		"NaN": {store(t, "f.npz", text("<f4", "(2,)", []uint32{0x7fc00000, 0})), "g",
			[]string{"not a finite"}},
		"too many": {store(t, "m.npz", npzOf(t, floatsIn("x", n, 2), intsIn("label", n),
			entry{"g", npyOf("<i8", fmt.Sprintf("(%d,)", n), many)})), "g", []string{"more than 1000"}},
		"two a sample": {store(t, "w.npz", text("<i8", "(2, 2)", []int64{1, 2, 3, 4})), "g",
			[]string{"one group for each sample"}},
		"texts a sample": {store(t, "w.npz", text("|S1", "(2, 2)", []byte("abcd"))), "g",
			[]string{"one text for each sample"}},
		"too few": {store(t, "w.npz", text("|S1", "(1,)", []byte("a"))), "g",
			[]string{"1 groups for 2 samples"}},
		"too short":      {store(t, "w.npz", text("|S9", "(2,)", []byte("ab"))), "g", []string{"truncated"}},
		"too long":       {store(t, "w.npz", text("|S1", "(2,)", []byte("abc"))), "g", []string{"too long"}},
		"objects":        {store(t, "w.npz", text("|O", "(2,)", []byte("ab"))), "g", []string{"pickle", "dtype=str"}},
		"no width":       {store(t, "w.npz", text("<U0", "(2,)", []byte{})), "g", []string{"text"}},
		"enormous":       {store(t, "w.npz", text("<U99999", "(2,)", []byte{})), "g", []string{"text"}},
		"no groups here": {files["csv"].path, "label2", []string{"no group"}},
	} {
		if _, err := Open(c.path, Options{Inputs: pair, Group: c.key}); err == nil {
			t.Errorf("%s: no error", name)
		} else {
			wantRefusal(t, err, c.says...)
		}
	}
	_, err := OpenAll([]string{files["csv"].path, files["csv by label"].path}, Options{Inputs: pair, Group: "domain"})
	wantRefusal(t, err, "label.csv", `no group "domain"`)
	_, err = Open(files["csv"].path, Options{Inputs: pair, Group: "domain", MaxBytes: 100})
	wantRefusal(t, err, "bytes allowed")
}

// FuzzGroups reads .npy files of any content as groups: refused or one text a sample.
func FuzzGroups(f *testing.F) {
	f.Add(npyOf("<U3", "(2,)",
		[]byte("a\x00\x00\x00b\x00\x00\x00\x00\x00\x00\x00c\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")))
	f.Add(npyOf("|S2", "(2,)", []byte("ab\xffd")))
	f.Add(npyOf(">i4", "(2,)", []int32{1, 2}))
	f.Add(npyOf("<f8", "(2,)", []float64{1, 2}))
	f.Add(npyOf("|O", "(2,)", []byte{}))
	if whole, err := os.ReadFile(filepath.Join(formats, "groups.npz")); err == nil {
		f.Add(whole)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var list []string
		err := arrayGroups(inMemory(data), nil)(spill.New(1<<20, 0), func(s string) error {
			list = append(list, s)
			return nil
		})
		if err != nil {
			wantRefusal(t, err)
			return
		}
		_, shape, _ := numbersOnly{inMemory(data)}.header()
		if shape != nil && shape[0] != len(list) || slices.ContainsFunc(list,
			func(s string) bool { return len(s) > len(data) }) {
			t.Fatalf("%d groups of shape %v: %q", len(list), shape, list)
		}
	})
}
