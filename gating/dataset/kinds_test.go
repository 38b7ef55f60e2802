package dataset_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/csv"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"log"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/sbinet/npyio/npz"
	"gonum.org/v1/gonum/mat"
	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// pictures are samples of 2x3 pixels with classes, in the order of the classes: the order in which a folder of
// images has them.
type pictures struct {
	pixels [][6]uint8
	labels []int64
}

const height, width = 2, 3

// drawPictures draws a few of each class.
func drawPictures(random *rand.Rand) pictures {
	var p pictures
	for class := range int64(3) {
		for range 1 + random.IntN(4) {
			var pixels [height * width]uint8
			for i := range pixels {
				pixels[i] = uint8(random.UintN(256))
			}
			p.pixels, p.labels = append(p.pixels, pixels), append(p.labels, class)
		}
	}
	return p
}

// flat are all pixels in one list.
func (p pictures) flat() (list []uint8) {
	for _, pixels := range p.pixels {
		list = append(list, pixels[:]...)
	}
	return list
}

// kinds write the same pictures in every way that Open knows, and return the path to open. Each uses another
// library than the package under test, or writes the format by hand.
var kinds = map[string]func(t testing.TB, dir string, p pictures) string{
	"npz":         writeNPZ,
	"csv":         func(t testing.TB, dir string, p pictures) string { return writeTable(t, dir, p, "data.csv", ',') },
	"tsv":         func(t testing.TB, dir string, p pictures) string { return writeTable(t, dir, p, "data.TSV", '\t') },
	"idx":         func(t testing.TB, dir string, p pictures) string { return writeIDX(t, dir, p, false) },
	"idx.gz":      func(t testing.TB, dir string, p pictures) string { return writeIDX(t, dir, p, true) },
	"images":      writeImages,
	"onnx":        func(t testing.TB, dir string, p pictures) string { return writeSets(t, dir, p, len(p.labels)) },
	"onnx by one": func(t testing.TB, dir string, p pictures) string { return writeSets(t, dir, p, 1) },
}

// write writes one file, making its folder.
func write(t testing.TB, path string, content []byte) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func writeNPZ(t testing.TB, dir string, p pictures) string {
	path := filepath.Join(dir, "data.npz")
	w, err := npz.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	pixels := mat.NewDense(len(p.labels), height*width, nil)
	for i, v := range p.flat() {
		pixels.Set(i/(height*width), i%(height*width), float64(v))
	}
	for name, array := range map[string]any{"picture": pixels, "label": p.labels} {
		if err := w.Write(name+".npy", array); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func writeTable(t testing.TB, dir string, p pictures, name string, comma rune) string {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.Comma = comma
	head := []string{"label"}
	for i := range height * width {
		head = append(head, fmt.Sprint("picture", i))
	}
	w.Write(head)
	for i, pixels := range p.pixels {
		row := []string{strconv.FormatInt(p.labels[i], 10)}
		for _, v := range pixels {
			row = append(row, strconv.Itoa(int(v)))
		}
		w.Write(row)
	}
	w.Flush()
	return write(t, filepath.Join(dir, name), b.Bytes())
}

// writeIDX writes the MNIST format: zero, zero, type 8 (unsigned byte), number of axes, lengths, values.
func writeIDX(t testing.TB, dir string, p pictures, compressed bool) string {
	idx := func(values []uint8, shape ...uint32) []byte {
		b := []byte{0, 0, 8, uint8(len(shape))}
		for _, n := range shape {
			b = binary.BigEndian.AppendUint32(b, n)
		}
		return append(b, values...)
	}
	suffix, pack := "", func(b []byte) []byte { return b }
	if compressed {
		suffix = ".gz"
		pack = func(b []byte) []byte {
			var out bytes.Buffer
			w := gzip.NewWriter(&out)
			w.Write(b)
			w.Close()
			return out.Bytes()
		}
	}
	n := uint32(len(p.labels))
	var labels []uint8
	for _, l := range p.labels {
		labels = append(labels, uint8(l))
	}
	write(t, filepath.Join(dir, "train-labels-idx1-ubyte"+suffix), pack(idx(labels, n)))
	return write(t, filepath.Join(dir, "train-images-idx3-ubyte"+suffix), pack(idx(p.flat(), n, height, width)))
}

func writeImages(t testing.TB, dir string, p pictures) string {
	for i, pixels := range p.pixels {
		img := image.NewGray(image.Rect(0, 0, width, height))
		for at, v := range pixels {
			img.SetGray(at%width, at/width, color.Gray{Y: v})
		}
		var b bytes.Buffer
		if err := png.Encode(&b, img); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, fmt.Sprint("class", p.labels[i]), fmt.Sprintf("%03d.png", i)), b.Bytes())
	}
	return dir
}

// writeSets writes ONNX test data, so many samples a set.
func writeSets(t testing.TB, dir string, p pictures, size int) string {
	tensor := func(name string, kind onnx.DataType, raw []byte, dims ...int64) []byte {
		b, err := proto.Marshal(&onnxpb.TensorProto{Name: proto.String(name), DataType: proto.Int32(int32(kind)),
			Dims: dims, RawData: raw})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	flat := p.flat()
	for set := 0; set*size < len(p.labels); set++ {
		from, to := set*size, min((set+1)*size, len(p.labels))
		var labels []byte
		for _, l := range p.labels[from:to] {
			labels = binary.LittleEndian.AppendUint64(labels, uint64(l))
		}
		folder := filepath.Join(dir, fmt.Sprint("test_data_set_", set))
		pixels := flat[from*height*width : to*height*width]
		write(t, filepath.Join(folder, "input_0.pb"),
			tensor("picture", onnx.Uint8, pixels, int64(to-from), 1, height, width))
		write(t, filepath.Join(folder, "output_0.pb"), tensor("class", onnx.Int64, labels, int64(to-from)))
	}
	return dir
}

// Whatever the format, the same samples come out, in the same order, in the type that the graph wants.
func TestEveryKindGivesTheSameData(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for name, writeKind := range kinds {
		t.Run(name, func(t *testing.T) {
			for range 5 {
				p := drawPictures(random)
				path := writeKind(t, t.TempDir(), p)
				scale := float32(1)
				if slices.Contains([]string{"images", "idx", "idx.gz"}, name) { // float pixels are 0 to 1
					scale = 255
				}
				for _, kind := range []onnx.DataType{onnx.Uint8, onnx.Int64, onnx.Float32} {
					checkPictures(t, path, kind, scale, p)
				}
			}
		})
	}
}

// checkPictures opens a file for a graph whose input has a type, and compares; floats are divided by a scale.
func checkPictures(t *testing.T, path string, kind onnx.DataType, scale float32, p pictures) {
	t.Helper()
	d, err := dataset.Open(path, dataset.Options{
		Inputs: []dataset.Field{{Name: "picture", Type: kind, Shape: []int{-1, 1, height, width}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	got, n := d.Inputs[0], len(p.labels)
	if d.Len() != n || got.Type != kind || !slices.Equal(got.Shape, []int{1, height, width}) {
		t.Fatalf("%d samples of %s%v, want %d of %s", d.Len(), got.Type, got.Shape, n, kind)
	}
	for i, want := range p.flat() {
		if kind == onnx.Float32 && got.Floats[i] != float32(want)/scale || kind != onnx.Float32 &&
			got.Ints[i] != int64(want) {
			t.Fatalf("%s value %d of %v and %v, want %d", kind, i, got.Floats, got.Ints, want)
		}
	}
	if d.Label == nil || !slices.Equal(d.Label.Ints, p.labels) {
		t.Errorf("labels %v, want %v", d.Label, p.labels)
	}
}

// scratch is a folder for an example, and what removes it.
func scratch() (dir string, remove func()) {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	return dir, func() { os.RemoveAll(dir) }
}

// put writes a file for an example.
func put(path, content string) string {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		log.Fatal(err)
	}
	return path
}

// show prints the first input's values and the labels of a data set.
func show(d *dataset.Data, err error) {
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range d.Inputs {
		fmt.Println(c.Name, c.Shape, c.Floats, c.Ints)
	}
	if d.Label != nil {
		fmt.Println("label", d.Label.Shape, d.Label.Floats, d.Label.Ints)
	}
}

// A table feeds an input from the columns that bear its name, with numbers where there are several.
func ExampleOpen_csv() {
	dir, remove := scratch()
	defer remove()
	path := put(filepath.Join(dir, "houses.csv"), "room_0,room_1,age,price\n4,2.5,30,1e5\n3,2,1,2e5\n")
	show(dataset.Open(path, dataset.Options{
		Inputs: []dataset.Field{
			{Name: "room", Type: onnx.Float32, Shape: []int{-1, 2}},
			{Name: "age", Type: onnx.Int64, Shape: []int{-1}},
		},
		Label: "price",
	}))
	// Output:
	// room [2] [4 2.5 3 2] []
	// age [] [] [30 1]
	// label [1] [100000 200000] []
}

// Images and labels of the MNIST format find each other by their names; pixels of a float input are 0 to 1.
func ExampleOpen_idx() {
	dir, remove := scratch()
	defer remove()
	path := put(filepath.Join(dir, "t10k-images-idx3-ubyte"),
		"\x00\x00\x08\x03\x00\x00\x00\x02\x00\x00\x00\x01\x00\x00\x00\x02"+
			"\x00\xff\x33\x66")
	put(filepath.Join(dir, "t10k-labels-idx1-ubyte"), "\x00\x00\x08\x01\x00\x00\x00\x02\x07\x01")
	show(dataset.Open(path, dataset.Options{
		Inputs: []dataset.Field{{Name: "image", Type: onnx.Float32, Shape: []int{-1, 1, 1, 2}}},
	}))
	// Output:
	// image [1 1 2] [0 1 0.2 0.4] []
	// label [] [] [7 1]
}

// A folder of images has a folder for each class; pixels of a float input are 0 to 1.
func ExampleOpen_images() {
	dir, remove := scratch()
	defer remove()
	for class, grey := range map[string]uint8{"cat": 0, "dog": 255} {
		img := image.NewGray(image.Rect(0, 0, 1, 1))
		img.SetGray(0, 0, color.Gray{Y: grey})
		var b bytes.Buffer
		if err := png.Encode(&b, img); err != nil {
			log.Fatal(err)
		}
		put(filepath.Join(dir, class, "1.png"), b.String())
	}
	show(dataset.Open(dir, dataset.Options{
		Inputs: []dataset.Field{{Name: "pixels", Type: onnx.Float32, Shape: []int{-1, 3, 1, 1}}},
	}))
	// Output:
	// pixels [3 1 1] [0 0 0 1 1 1] []
	// label [] [] [0 1]
}

// ONNX test data is what exporters and the model zoo write beside a model.
func ExampleOpen_onnx() {
	dir, remove := scratch()
	defer remove()
	for i, values := range [][]float32{{1, 2}, {3, 4}} {
		set := filepath.Join(dir, fmt.Sprint("test_data_set_", i))
		for name, t := range map[string][]float32{"input_0.pb": values, "output_0.pb": {values[0] + values[1]}} {
			tensor, err := onnx.NewTensor("", []int{1, len(t)}, t)
			if err != nil {
				log.Fatal(err)
			}
			b, err := proto.Marshal(tensor)
			if err != nil {
				log.Fatal(err)
			}
			put(filepath.Join(set, name), string(b))
		}
	}
	show(dataset.Open(dir, dataset.Options{
		Inputs: []dataset.Field{{Name: "x", Type: onnx.Float32, Shape: []int{-1, 2}}},
	}))
	// Output:
	// x [2] [1 2 3 4] []
	// label [1] [3 7] []
}

// Learning and judging never share a sample.
func ExampleData_Split() {
	d, err := dataset.Open("testdata/stored.npz", dataset.Options{
		Inputs: []dataset.Field{{Name: "bool", Type: onnx.Float32, Shape: []int{-1, 3}}},
	})
	if err != nil {
		log.Fatal(err)
	}
	learn, judge, err := d.Split(0.5, 1)
	if err != nil {
		log.Fatal(err)
	}
	show(learn, nil)
	show(judge, nil)
	// Output:
	// bool [3] [0 1 1] []
	// bool [3] [1 0 1] []
}
