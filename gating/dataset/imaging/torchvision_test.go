package imaging

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/sbinet/npyio/npz"
)

// TestTorchvision compares resizing and cropping with what torchvision makes of PNG files by Pillow
// (fixtures/preprocess.py): not one level of 255 away. SOFTMERGE_PREPROCESS names a larger file of cases.
func TestTorchvision(t *testing.T) {
	agree(t, cmp.Or(os.Getenv("SOFTMERGE_PREPROCESS"), "testdata/torchvision.npz"), 0)
}

// TestAliased compares resizing without antialiasing with what torchvision makes of tensors, which rounds once.
func TestAliased(t *testing.T) { agree(t, "testdata/aliased.npz", 1) }

// TestLetterbox compares with Pillow's resizing, put in the middle of grey.
func TestLetterbox(t *testing.T) { agree(t, "testdata/letterbox.npz", 0) }

// agree compares a file's cases, of which no byte may be further away.
func agree(t *testing.T, path string, most int) {
	t.Helper()
	file, err := npz.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	worst := 0
	for _, key := range file.Keys() {
		var want []uint8
		if err := file.Read(key, &want); err != nil {
			t.Fatal(err)
		}
		got, err := replay(strings.TrimSuffix(key, ".npy"))
		if err != nil || len(got) != len(want) {
			t.Errorf("%s: %d values, want %d: %v", key, len(got), len(want), err)
			continue
		}
		for i, v := range got {
			d := max(int(v)-int(want[i]), int(want[i])-int(v))
			worst = max(worst, d)
			if d > most {
				t.Errorf("%s: value %d is %d, torchvision has %d", key, i, v, want[i])
				break
			}
		}
	}
	t.Logf("%d cases, at most %d of 255 away", len(file.Keys()), worst)
}

// replay makes what a key describes.
func replay(key string) ([]int64, error) {
	parts := strings.Split(key, "/")
	picture, err := os.ReadFile("testdata/" + parts[0] + ".png")
	if err != nil {
		return nil, err
	}
	p := Preprocess{Interpolation: Interpolation(parts[2]), Resize: Resize{Mode: Keep}}
	if strings.HasPrefix(parts[3], "letterbox") {
		var err error
		if p.Resize, err = ParseResize(parts[3]); err != nil {
			return nil, err
		}
	} else if h, w := size(parts[3]); parts[3] != "none" {
		p.Resize = Resize{Height: h, Width: w}
		if w == 0 {
			p.Resize = Resize{Mode: ShortestEdge, Edge: h}
		}
	}
	if h, w := size(parts[4]); parts[4] != "none" {
		p.Crop = Crop{Height: h, Width: cmp.Or(w, h)}
	}
	pipe, err := Fit(p, []int{-1, -1, -1, map[string]int{"RGB": 3, "L": 1}[parts[1]]}, false)
	if err != nil {
		return nil, err
	}
	comes, err := pipe.Measure(bytes.NewReader(picture))
	if err != nil {
		return nil, err
	}
	if pipe, err = pipe.WithSize(comes); err != nil {
		return nil, err
	}
	out := make([]int64, pipe.Len())
	return out, pipe.Ints(out, bytes.NewReader(picture))
}

// size reads 12 as 12, 0 and 12x34 as 12, 34.
func size(text string) (height, width int) {
	h, w, _ := strings.Cut(text, "x")
	height, _ = strconv.Atoi(h)
	width, _ = strconv.Atoi(w)
	return height, width
}

func ExampleFit() {
	picture, _ := os.ReadFile("testdata/wide.png") // 44 x 31 pixels
	pipe, _ := Fit(ImageNet(), []int{-1, 3, 8, 8}, true)
	dst := make([]float32, pipe.Len())
	err := pipe.Floats(dst, bytes.NewReader(picture))
	fmt.Println(pipe.Shape(), pipe.Preprocess().Resize.Edge, err)
	// Output: [3 8 8] 9 <nil>
}
