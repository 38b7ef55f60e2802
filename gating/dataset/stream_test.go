package dataset_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/onnx"
)

// little is memory that no array of the tests below fits in, but what is read piece by piece does.
const little = 64_000

// manyPictures are so many that their arrays are worth files of their own.
func manyPictures() pictures {
	random := rand.New(rand.NewPCG(3, 4))
	var p pictures
	for class := range int64(3) {
		for range 1000 {
			var pixels [height * width]uint8
			for i := range pixels {
				pixels[i] = uint8(random.UintN(256))
			}
			p.pixels, p.labels = append(p.pixels, pixels), append(p.labels, class)
		}
	}
	return p
}

// openBoth opens data in memory and with little of it, and closes what is on disk at the end.
func openBoth(t *testing.T, o dataset.Options, paths ...string) (memory, disk *dataset.Data) {
	t.Helper()
	memory, err := dataset.OpenAll(paths, o)
	if err != nil {
		t.Fatal(err)
	}
	o.MaxBytes = little
	if disk, err = dataset.OpenAll(paths, o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := disk.Close(); err != nil {
			t.Error(err)
		}
	})
	if notes := strings.Join(disk.Notes, "; "); !strings.Contains(notes, "do not fit in the memory") {
		t.Fatalf("nothing is on disk: %s", notes)
	}
	return memory, disk
}

// equalData compares two data sets value by value, in all parts.
func equalData(t *testing.T, what string, got, want *dataset.Data) {
	t.Helper()
	parts, others := got.Parts(), want.Parts()
	if len(parts) != len(others) || got.Len() != want.Len() {
		t.Fatalf("%s: %d samples of %d shapes, want %d of %d", what, got.Len(), len(parts), want.Len(), len(others))
	}
	same := func(a, b dataset.Column) bool {
		return a.Name == b.Name && a.Type == b.Type && slices.Equal(a.Shape, b.Shape) &&
			slices.Equal(a.Floats, b.Floats) && slices.Equal(a.Ints, b.Ints)
	}
	for i, p := range parts {
		if !slices.EqualFunc(p.Inputs, others[i].Inputs, same) || (p.Label == nil) != (others[i].Label == nil) ||
			p.Label != nil && !same(*p.Label, *others[i].Label) {
			t.Fatalf("%s: part %d differs", what, i)
		}
	}
}

func pictureInput(kind onnx.DataType) dataset.Options {
	return dataset.Options{Inputs: []dataset.Field{{Name: "picture", Type: kind, Shape: []int{-1, 1, height, width}}}}
}

// Data on disk is the data in memory, whatever its format and whatever is made of it.
func TestEveryKindOnDisk(t *testing.T) {
	p := manyPictures()
	for name, writeKind := range kinds {
		if name == "onnx by one" {
			continue // sets of one sample are small arrays
		}
		t.Run(name, func(t *testing.T) {
			path := writeKind(t, t.TempDir(), p)
			for _, kind := range []onnx.DataType{onnx.Uint8, onnx.Float32} {
				memory, disk := openBoth(t, pictureInput(kind), path)
				equalData(t, "opened", disk, memory)
				equalDerived(t, memory, disk)
			}
		})
	}
}

// equalDerived compares what is made of two data sets.
func equalDerived(t *testing.T, memory, disk *dataset.Data) {
	t.Helper()
	for name, divide := range map[string]func(*dataset.Data) (a, b *dataset.Data, err error){
		"split": func(d *dataset.Data) (a, b *dataset.Data, err error) { return d.Split(0.3, 5) },
		"fold":  func(d *dataset.Data) (a, b *dataset.Data, err error) { return d.Fold(1, 3, 5) },
	} {
		a, b, err := divide(memory)
		if err != nil {
			t.Fatal(err)
		}
		c, d, err := divide(disk)
		if err != nil {
			t.Fatal(err)
		}
		equalData(t, name, c, a)
		equalData(t, name+", held out", d, b)
	}
	equalData(t, "head", disk.Head(50), memory.Head(50))
	rows := []int{5, 1, 1, 2000}
	equalData(t, "selected", disk.Select(rows), memory.Select(rows))
	counted, first := dataset.Overlap(memory, disk)
	if wanted, from := dataset.Overlap(memory, memory); counted != wanted || first != from {
		t.Errorf("%d samples overlap from %v on, want %d from %v", counted, first, wanted, from)
	}
}

// Several files are one data set on disk as in memory, and what was joined is given back.
func TestJoinedOnDisk(t *testing.T) {
	p := manyPictures()
	memory, disk := openBoth(t, pictureInput(onnx.Float32), writeNPZ(t, t.TempDir(), p),
		writeTable(t, t.TempDir(), p, "data.csv", ','))
	equalData(t, "joined", disk, memory)
	note := fmt.Sprintf("%.1f GB", float64(4*6*6000)/1e9)
	if !strings.Contains(strings.Join(disk.Notes, "; "), note) {
		t.Errorf("notes %q do not say %s", disk.Notes, note)
	}
}

// npyFile writes an array of n rows of 10 numbers as numpy.save does, row-major or not.
func npyFile(t *testing.T, descr string, size, n int, columnMajor bool) string {
	t.Helper()
	order := "False"
	if columnMajor {
		order = "True"
	}
	header := fmt.Sprintf("{'descr': '%s', 'fortran_order': %s, 'shape': (%d, 10), }", descr, order, n)
	for (10+len(header)+1)%64 != 0 {
		header += " "
	}
	b := append([]byte("\x93NUMPY\x01\x00"), byte(len(header)+1), 0)
	b = append(b, header+"\n"...)
	for i := range 10 * n {
		switch descr {
		case "<f4":
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(i)/7))
		case "<f2":
			b = binary.LittleEndian.AppendUint16(b, uint16(i%0x7000))
		case "<i8":
			b = binary.LittleEndian.AppendUint64(b, uint64(i)-77)
		}
	}
	return write(t, filepath.Join(t.TempDir(), "x.npy"), b)
}

// Arrays of NumPy that lie as the graph wants them are used where they lie; others are put on disk.
func TestNPYOnDisk(t *testing.T) {
	for _, c := range []struct {
		descr       string
		size        int
		columnMajor bool
		want        onnx.DataType
		inPlace     bool
	}{
		{"<f4", 4, false, onnx.Float32, true},
		{"<f4", 4, true, onnx.Float32, false},
		{"<f2", 2, false, onnx.Float32, false},
		{"<i8", 8, false, onnx.Int64, true},
		{"<i8", 8, true, onnx.Int64, false},
		{"<i8", 8, false, onnx.Float32, false},
	} {
		t.Run(fmt.Sprint(c.descr, c.columnMajor, c.want), func(t *testing.T) {
			o := dataset.Options{Inputs: []dataset.Field{{Name: "x", Type: c.want, Shape: []int{-1, 10}}}}
			memory, disk := openBoth(t, o, npyFile(t, c.descr, c.size, 5000, c.columnMajor))
			equalData(t, "opened", disk, memory)
			equalDerived(t, memory, disk)
			if got := strings.Contains(strings.Join(disk.Notes, ";"), "where they lie"); got != c.inPlace {
				t.Errorf("used in place: %v; notes %q", got, disk.Notes)
			}
		})
	}
}

// A value that is refused in memory is refused on disk, with its place.
func TestRefusedOnDisk(t *testing.T) {
	path := npyFile(t, "<f4", 4, 5000, false)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	binary.LittleEndian.PutUint32(content[len(content)-4:], math.Float32bits(float32(math.NaN())))
	write(t, path, content)
	_, err = dataset.Open(path, dataset.Options{MaxBytes: little})
	if !errors.Is(err, dataset.ErrData) || !strings.Contains(err.Error(), "row 4999, column 9") {
		t.Errorf("error %v", err)
	}
}

// The bound on disk holds for all that is made of the data, and a refusal leaves nothing behind.
func TestDiskIsBounded(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	path := npyFile(t, "<f2", 2, 5000, false)
	o := dataset.Options{MaxBytes: little, MaxDisk: 4*50_000 - 1}
	if _, err := dataset.Open(path, o); !errors.Is(err, dataset.ErrData) ||
		!strings.Contains(err.Error(), "199999 bytes of disk allowed") {
		t.Errorf("error %v", err)
	}
	o.MaxDisk = 4*50_000 + 4*40_000
	d, err := dataset.Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := d.Split(0.5, 1); !errors.Is(err, dataset.ErrData) ||
		!strings.Contains(err.Error(), "bytes of disk allowed") {
		t.Errorf("split: error %v", err)
	}
	d.Close()
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("files are left: %v, %v", left, err)
	}
}
