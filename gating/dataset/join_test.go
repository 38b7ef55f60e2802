package dataset

import (
	"slices"
	"testing"

	"github.com/softmerge/softmerge/onnx"
)

// TestOpenAll joins files: those of one length follow one another, those of others are parts.
func TestOpenAll(t *testing.T) {
	short := store(t, "short.npz", npzOf(t, entry{"ids", npyOf("<i4", "(1, 2)", []int32{1, 2})},
		entry{"y", npyOf("<i8", "(1,)", []int64{0})}))
	long := store(t, "long.npz", npzOf(t, entry{"ids", npyOf("<i8", "(2, 3)", []int64{3, 4, 5, 6, 7, 8})},
		entry{"y", npyOf("<i4", "(2,)", []int32{1, 9})}))
	other := store(t, "other.npz", npzOf(t, entry{"x", npyOf("<i4", "(1, 2)", []int32{1, 2})},
		entry{"y", npyOf("<i8", "(1,)", []int64{0})}))
	o := Options{Inputs: []Field{tokens}}
	for _, c := range []struct {
		paths []string
		want  []string
	}{
		{[]string{short}, []string{"ids int64 [2] [1 2]; y int64 [] [0]"}},
		{[]string{short, short}, []string{"ids int64 [2] [1 2 1 2]; y int64 [] [0 0]"}},
		{[]string{short, long, short}, []string{"ids int64 [2] [1 2 1 2]; y int64 [] [0 0]",
			"ids int64 [3] [3 4 5 6 7 8]; y int32 [] [1 9]"}},
		{[]string{short, long}, []string{"ids int64 [3] [3 4 5 6 7 8]; y int32 [] [1 9]",
			"ids int64 [2] [1 2]; y int64 [] [0]"}},
	} {
		d, err := OpenAll(c.paths, o)
		if err != nil {
			t.Fatal(err)
		}
		if got := partTexts(t, d); !slices.Equal(got, c.want) {
			t.Errorf("%d files: got  %q\nwant %q", len(c.paths), got, c.want)
		}
	}
	d, err := OpenAll([]string{short, long, short}, o)
	if err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, d.CheckLabels(3), "long.npz: label", "row 1: class 9")

	floats := store(t, "floats.npz", npzOf(t, entry{"ids", npyOf("<i4", "(1, 2)", []int32{1, 2})},
		entry{"y", npyOf("<f8", "(1,)", []float64{.5})}))
	bare := store(t, "bare.npz", npzOf(t, entry{"ids", npyOf("<i4", "(1, 2)", []int32{1, 2})}))
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
			[]string{"long.npz", "[2 3]", "[N 2]"}},
		{[]string{short, short}, Options{Inputs: o.Inputs, MaxBytes: 40}, []string{"40 bytes allowed"}},
		{[]string{short, other}, Options{}, []string{"other.npz has the inputs \"x\"", "short.npz has \"ids\""}},
	} {
		_, err := OpenAll(c.paths, c.o)
		wantRefusal(t, err, c.says...)
	}
}
