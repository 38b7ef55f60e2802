package dataset

import (
	"fmt"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/onnx"
)

// TestOpenAll joins files: those of one length follow one another, those of others are parts.
// sentences writes samples of one length with labels of some type; no label where kind is empty.
func sentences(t *testing.T, name, key string, length int, ids []int64, kind string, labels any) string {
	t.Helper()
	n := len(ids) / length
	list := []entry{{key, npyOf("<i8", fmt.Sprintf("(%d, %d)", n, length), ids)}}
	if kind != "" {
		list = append(list, entry{"y", npyOf(kind, fmt.Sprintf("(%d,)", n), labels)})
	}
	return store(t, name+".npz", npzOf(t, list...))
}

func TestOpenAll(t *testing.T) {
	short := sentences(t, "short", "ids", 2, []int64{1, 2}, "<i8", []int64{0})
	long := sentences(t, "long", "ids", 3, []int64{3, 4, 5, 6, 7, 8}, "<i4", []int32{1, 9})
	const alone, twice = "ids int64 [2] [1 2]; y int64 [] [0]", "ids int64 [2] [1 2 1 2]; y int64 [] [0 0]"
	const longer = "ids int64 [3] [3 4 5 6 7 8]; y int32 [] [1 9]"
	for _, c := range []struct{ paths, want []string }{
		{[]string{short}, []string{alone}},
		{[]string{short, short}, []string{twice}},
		{[]string{short, long, short}, []string{twice, longer}},
		{[]string{short, long}, []string{longer, alone}},
	} {
		d, err := OpenAll(c.paths, Options{Inputs: []Field{tokens}})
		if err != nil {
			t.Fatal(err)
		}
		if got := partTexts(t, d); !slices.Equal(got, c.want) {
			t.Errorf("%d files: got  %q\nwant %q", len(c.paths), got, c.want)
		}
	}
	d, err := OpenAll([]string{short, long, short}, Options{Inputs: []Field{tokens}})
	if err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, d.CheckLabels(3), "long.npz: label", "row 1: class 9")
}

// Files that do not belong together are named, and what tells them apart.
func TestOpenAllRefused(t *testing.T) {
	short := sentences(t, "short", "ids", 2, []int64{1, 2}, "<i8", []int64{0})
	long := sentences(t, "long", "ids", 3, []int64{3, 4, 5}, "<i4", []int32{1})
	other := sentences(t, "other", "x", 2, []int64{1, 2}, "<i8", []int64{0})
	floats := sentences(t, "floats", "ids", 2, []int64{1, 2}, "<f8", []float64{.5})
	bare := sentences(t, "bare", "ids", 2, []int64{1, 2}, "", nil)
	o := Options{Inputs: []Field{tokens}}
	for _, c := range []struct {
		paths []string
		o     Options
		says  []string
	}{
		{[]string{short, floats}, o, []string{"floats.npz", `"y" holds float64`, "short.npz it holds int64"}},
		{[]string{short, bare}, o, []string{"short.npz has labels, but", "bare.npz has none"}},
		{[]string{bare, short}, o, []string{"short.npz has labels, but", "bare.npz has none"}},
		{nil, o, []string{"no data to join"}},
		{[]string{short, "none.npz"}, o, []string{"none.npz: no such file"}},
		{[]string{short, long}, Options{Inputs: []Field{{Name: "ids", Type: onnx.Int64, Shape: []int{-1, 2}}}},
			[]string{"long.npz", "[1 3]", "[N 2]"}},
		{[]string{short, short}, Options{Inputs: o.Inputs, MaxBytes: 40, MaxDisk: -1}, []string{"40 bytes allowed"}},
		{[]string{short, other}, Options{}, []string{"other.npz has the inputs \"x\"", "short.npz has \"ids\""}},
	} {
		_, err := OpenAll(c.paths, c.o)
		wantRefusal(t, err, c.says...)
	}
}
