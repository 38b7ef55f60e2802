package imaging

import (
	"bytes"
	"errors"
	"image"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sbinet/npyio/npz"
)

// TestKinds decodes one picture from every kind of file as Pillow does (fixtures/preprocess.py). Kinds without loss
// must be equal. What JPEG and WebP lose on the way back to colours depends on the rounding of their libraries.
func TestKinds(t *testing.T) {
	file, err := npz.Open("testdata/kinds.npz")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, key := range file.Keys() {
		var want []uint8
		if err := file.Read(key, &want); err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(key, ".npy")
		picture, err := os.ReadFile("testdata/kinds/" + name)
		if err != nil {
			t.Fatal(err)
		}
		pipe, err := Fit(Preprocess{Resize: Resize{Mode: Keep}}, []int{-1, 37, 51, 3}, false)
		if err != nil {
			t.Fatal(err)
		}
		got := make([]int64, pipe.Len())
		if err := pipe.Ints(got, bytes.NewReader(picture)); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		worst, sum := 0, 0
		for i, v := range got {
			d := max(int(v)-int(want[i]), int(want[i])-int(v))
			worst, sum = max(worst, d), sum+d
		}
		most, mean := 0, 0.0
		if strings.HasSuffix(name, ".jpg") {
			most, mean = 2, 0.05
		}
		if worst > most || float64(sum) > mean*float64(len(got)) {
			t.Errorf("%s: want at most %d of 255 away, mean %v", name, most, mean)
		}
		t.Logf("%-16s at most %3d of 255 away, mean %.3f", name, worst, float64(sum)/float64(len(got)))
	}
}

// FuzzDecode: whatever the bytes, they are an image of the size that they declare, or refused.
func FuzzDecode(f *testing.F) {
	names, err := filepath.Glob("testdata/kinds/*")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range names {
		file, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(file)
		f.Add(file[:len(file)*2/3])
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		size, err := Size(bytes.NewReader(file))
		if err != nil {
			if !errors.Is(err, ErrImage) {
				t.Fatal(err)
			}
			return
		}
		if size.X*size.Y > 1<<16 { // as slow as large
			return
		}
		for _, channels := range []int{1, 3} {
			pipe, err := Fit(ImageNet(), []int{-1, channels, 9, 7}, channels == 3)
			if channels == 1 {
				pipe, err = Fit(Preprocess{}, []int{-1, 9, 7}, true)
			}
			if err != nil {
				t.Fatal(err)
			}
			dst := make([]float32, pipe.Len())
			if err := pipe.Floats(dst, bytes.NewReader(file)); err != nil && !errors.Is(err, ErrImage) {
				t.Fatal(err)
			}
		}
	})
}

// FuzzResize compares the two passes in fixed point with the plain definition in floats: a weighted mean over all
// pixels across, cut off at black and white, and then down. Rounding twice makes a level and a half of difference.
func FuzzResize(f *testing.F) {
	f.Add(uint8(9), uint8(13), uint8(4), uint8(20), uint8(1), []byte("colours"))
	f.Add(uint8(40), uint8(3), uint8(1), uint8(50), uint8(4), []byte{0, 255})
	f.Fuzz(func(t *testing.T, width, height, across, down, which uint8, seed []byte) {
		how := Interpolations[int(which)%len(Interpolations)]
		p := plane{1 + int(width)%48, 1 + int(height)%48, nil}
		p.pix = make([]uint8, p.width*p.height)
		for i := range p.pix {
			p.pix[i] = uint8(i * 37)
			if len(seed) > 0 {
				p.pix[i] = seed[i%len(seed)] ^ uint8(i/len(seed))
			}
		}
		size := image.Pt(1+int(across)%48, 1+int(down)%48)
		got := p.resize(how, span{size.X, 0, size.X}, span{size.Y, 0, size.Y})
		window := p.resize(how, span{size.X, size.X / 3, size.X}, span{size.Y, 0, (size.Y + 1) / 2})
		for y := range size.Y {
			for x := range size.X {
				v := got.pix[y*size.X+x]
				if x >= size.X/3 && y < (size.Y+1)/2 && window.pix[y*window.width+x-size.X/3] != v {
					t.Fatalf("%s: a part of the image differs from the whole at %d, %d", how, x, y)
				}
				if how == Nearest || how == Box { // they have edges, and rounding decides what lies on one
					continue
				}
				want := math.Min(255, math.Max(0, defined(p, how, size, x, y)))
				if math.Abs(want-float64(v)) > 1.6 {
					t.Fatalf("%s, %dx%d to %v: pixel %d, %d is %d, want %.2f", how, p.width, p.height, size, x, y, v,
						want)
				}
			}
		}
	})
}

// defined is a pixel of a resized plane by the definition of its filter.
func defined(p plane, how Interpolation, size image.Point, x, y int) float64 {
	weights := func(at, source, target int) []float64 {
		if source == target { // left alone
			list := make([]float64, source)
			list[at] = 1
			return list
		}
		scale := float64(source) / float64(target)
		wide := math.Max(1, scale)
		if how == Aliased { // no wider when an image shrinks
			wide = 1
		}
		list, sum := make([]float64, source), 0.0
		for i := range list {
			w := filters[how].at((float64(i) - (float64(at)+0.5)*scale + 0.5) / wide)
			list[i] = w
			sum += w
		}
		for i := range list {
			list[i] /= sum
		}
		return list
	}
	sum := 0.0
	columns := weights(x, p.width, size.X)
	for j, down := range weights(y, p.height, size.Y) {
		row := 0.0
		for i, across := range columns {
			row += across * float64(p.pix[j*p.width+i])
		}
		sum += down * math.Min(255, math.Max(0, row))
	}
	return sum
}
