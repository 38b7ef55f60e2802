package dataset

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/onnx"
)

// pngOf is an image of one colour.
func pngOf(t testing.TB, width, height int, c color.Color) []byte {
	t.Helper()
	img := image.NewNRGBA(image.Rect(0, 0, width, height))
	for i := range width * height {
		img.Set(i%width, i/width, c)
	}
	var buf bytes.Buffer
	if err := png.Encode(&buf, img); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestImageFolders(t *testing.T) {
	dir := storeAll(t, map[string][]byte{
		"cat/2.png":       pngOf(t, 2, 2, color.NRGBA{255, 0, 51, 255}),
		"cat/1.PNG":       pngOf(t, 4, 6, color.NRGBA{0, 255, 0, 255}),
		"cat/notes.txt":   []byte("not an image"),
		"cat/.hidden.png": []byte("not an image"),
		"dog/1.png":       pngOf(t, 2, 2, color.NRGBA{102, 102, 102, 0}), // transparent
		".git/1.png":      []byte("not an image"),
		"labels.txt":      []byte("not a folder"),
	})
	for _, c := range []struct {
		shape []int
		want  string // the first values of every image
	}{
		{[]int{-1, 3, 1, 1}, "[3 1 1]: [0 1 0] [1 0 0.2] [0.4 0.4 0.4]"},
		{[]int{1, 3, 2, 3}, "[3 2 3]: [0 0 0] [1 1 1] [0.4 0.4 0.4]"},
		{[]int{-1, 2, 2, 3}, "[2 2 3]: [0 1 0] [1 0 0.2] [0.4 0.4 0.4]"},
		{[]int{-1, 4, 4, 1},
			"[4 4 1]: [0.5882353 0.5882353 0.5882353] [0.32156864 0.32156864 0.32156864] [0.4 0.4 0.4]"},
	} {
		d := mustOpen(t, dir, Options{Inputs: []Field{{Name: "x", Type: onnx.Float32, Shape: c.shape}}})
		mustWell(t, d)
		if !slices.Equal(d.Label.Ints, []int64{0, 0, 1}) {
			t.Errorf("classes are %v", d.Label.Ints)
		}
		x := d.Inputs[0]
		got := fmt.Sprint(x.Shape, ":")
		for i := range d.Len() {
			got += fmt.Sprint(" ", x.Floats[i*x.Size():][:3])
		}
		if got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

// TestImageKinds reads the same grey square from every kind of file.
func TestImageKinds(t *testing.T) {
	grey := image.NewGray(image.Rect(3, 5, 11, 13)) // an origin that is not 0
	for i := range grey.Pix {
		grey.Pix[i] = 102
	}
	var asGIF, asJPEG, asPNG bytes.Buffer
	if err := gif.Encode(&asGIF, grey, nil); err != nil {
		t.Fatal(err)
	}
	if err := jpeg.Encode(&asJPEG, grey, &jpeg.Options{Quality: 100}); err != nil {
		t.Fatal(err)
	}
	if err := png.Encode(&asPNG, grey); err != nil {
		t.Fatal(err)
	}
	dir := storeAll(t, map[string][]byte{"a/1.gif": asGIF.Bytes(), "a/2.jpeg": asJPEG.Bytes(),
		"a/3.jpg": asJPEG.Bytes(), "a/4.png": asPNG.Bytes()})
	d := mustOpen(t, dir, Options{Inputs: []Field{{Name: "x", Type: onnx.Float32, Shape: []int{-1, 3, -1, -1}}}})
	if !slices.Equal(d.Inputs[0].Shape, []int{3, 8, 8}) || d.Len() != 4 {
		t.Fatalf("got %d samples of %v", d.Len(), d.Inputs[0].Shape)
	}
	for i, v := range d.Inputs[0].Floats {
		if math.Abs(float64(v)-.4) > 2.0/255 {
			t.Fatalf("value %d is %v, want 0.4", i, v)
		}
	}
}

// bombPNG declares a size in its head that its few bytes cannot have.
func bombPNG(width, height uint32) []byte {
	chunk := append([]byte("IHDR"), make([]byte, 13)...)
	binary.BigEndian.PutUint32(chunk[4:], width)
	binary.BigEndian.PutUint32(chunk[8:], height)
	chunk[12], chunk[13] = 8, 2
	out := append([]byte("\x89PNG\r\n\x1a\n"), 0, 0, 0, 13)
	out = append(out, chunk...)
	return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(chunk))
}

// TestImagesWithoutFolders: images that lie in no folder of a class have no labels; folders beside them are classes.
func TestImagesWithoutFolders(t *testing.T) {
	o := Options{Inputs: []Field{{Name: "x", Type: onnx.Float32, Shape: []int{-1, 3, 2, 2}}}}
	files := map[string][]byte{"1.png": pngOf(t, 2, 2, color.White), "2.png": pngOf(t, 2, 2, color.Black),
		"read.me": nil, ".3.png": nil}
	d := mustOpen(t, storeAll(t, files), o)
	mustWell(t, d)
	if d.Len() != 2 || d.Label != nil || d.Inputs[0].Floats[0] != 1 || d.Inputs[0].Floats[12] != 0 {
		t.Errorf("%d samples, label %v, pixels %v", d.Len(), d.Label, d.Inputs[0].Floats)
	}
	o.Sample = 1
	if d = mustOpen(t, storeAll(t, files), o); d.Len() != 1 {
		t.Errorf("%d samples, want one", d.Len())
	}
	files["a/4.png"] = files["1.png"]
	if d = mustOpen(t, storeAll(t, files), Options{Inputs: o.Inputs}); d.Len() != 1 || d.Label == nil {
		t.Errorf("%d samples beside a class's, label %v", d.Len(), d.Label)
	}
}

func TestImagesRefused(t *testing.T) {
	good := pngOf(t, 2, 2, color.White)
	colour := []Field{{Name: "x", Type: onnx.Float32, Shape: []int{-1, 3, 2, 2}}}
	free := []Field{{Name: "x", Type: onnx.Float32, Shape: []int{-1, 3, -1, -1}}}
	for name, c := range map[string]struct {
		files map[string][]byte
		o     Options
		says  []string
	}{
		"nothing": {nil, Options{Inputs: colour}, []string{"neither ONNX test data nor folders of images"}},
		"no folders for classes": {map[string][]byte{"1.png": good}, Options{Inputs: colour, Classes: []string{"a"}},
			[]string{"one folder per class"}},
		"an empty class": {map[string][]byte{"a/1.png": good, "b/x.txt": nil}, Options{Inputs: colour},
			[]string{`"b"`, "shift the numbers"}},
		"not an image": {map[string][]byte{"a/1.png": []byte("hello")}, Options{Inputs: colour},
			[]string{"1.png", "no PNG"}},
		"half an image": {map[string][]byte{"a/1.png": good[:len(good)-20]}, Options{Inputs: colour},
			[]string{"1.png", "cannot be decoded"}},
		"a bomb": {map[string][]byte{"a/1.png": bombPNG(1<<16, 1<<16)}, Options{Inputs: colour},
			[]string{"65536 x 65536"}},
		"sizes differ": {map[string][]byte{"a/1.png": good, "a/2.png": pngOf(t, 3, 2, color.White)},
			Options{Inputs: free}, []string{"2.png", "2 x 3 pixels", "2 x 2"}},
		"not an image free": {map[string][]byte{"a/1.png": []byte("hello")}, Options{Inputs: free}, []string{"no PNG"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Open(storeAll(t, c.files), c.o)
			wantRefusal(t, err, c.says...)
		})
	}
}

// Images for a graph that takes none, or none of that size.
func TestImagesForOtherGraphs(t *testing.T) {
	files := map[string][]byte{"a/1.png": pngOf(t, 2, 2, color.White)}
	for name, c := range map[string]struct {
		o    Options
		says []string
	}{
		"a table's graph": {Options{Inputs: []Field{{Name: "x", Shape: []int{-1, 4}}}}, []string{`input "x"`,
			"[N 4] takes no images"}},
		"two channels": {Options{Inputs: []Field{{Name: "x", Shape: []int{-1, 2, 8, 8}}}},
			[]string{"takes no images"}},
		"two inputs": {Options{Inputs: fields([]string{"a", "b"})},
			[]string{"the graph has 2"}},
		"huge input": {Options{Inputs: []Field{{Name: "x", Shape: []int{-1, 3, 1 << 40, 1 << 40}}}},
			[]string{"more elements"}},
		"large input": {Options{Inputs: []Field{{Name: "x", Shape: []int{-1, 3, 1 << 20, 1 << 20}}}},
			[]string{"do not fit"}},
		"another label": {Options{Inputs: []Field{{Name: "x", Shape: []int{-1, 3, 2, 2}}}, Label: "kind"},
			[]string{`no label "kind"`}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Open(storeAll(t, files), c.o)
			wantRefusal(t, err, c.says...)
		})
	}
}

// A folder may have the name of an image.
func TestFolderNamedAsImage(t *testing.T) {
	dir := storeAll(t, map[string][]byte{"a/1.png/x": nil})
	_, err := Open(dir, Options{Inputs: []Field{{Name: "x", Type: onnx.Float32, Shape: []int{-1, 3, 2, 2}}}})
	wantRefusal(t, err, "1.png")
}
