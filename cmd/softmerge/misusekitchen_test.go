package main

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/sbinet/npyio/npz"
	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// kitchen makes the files of a misuse in a folder of its own.
type kitchen struct {
	*testing.T
	dir string
}

func (k *kitchen) ok(err error) {
	k.Helper()
	if err != nil {
		k.Fatal(err)
	}
}

// path is that of a file to make; the folders above it are there.
func (k *kitchen) path(name string) string {
	path := filepath.Join(k.dir, filepath.FromSlash(name))
	k.ok(os.MkdirAll(filepath.Dir(path), 0o755))
	return path
}

// file makes a file with a content.
func (k *kitchen) file(name, content string) string {
	path := k.path(name)
	k.ok(os.WriteFile(path, []byte(content), 0o644))
	return path
}

// fixture is the path of one of the project's files.
func (k *kitchen) fixture(name string) string {
	return filepath.Join(fixtures(), filepath.FromSlash(name))
}

// mlps are fine-tunes of one start.
func (k *kitchen) mlps() []string { return k.family("mlp", 3) }

// family is the first few fine-tunes of a family.
func (k *kitchen) family(name string, n int) []string {
	var list []string
	for i := range n {
		list = append(list, k.fixture(fmt.Sprintf("%s/ft%d.onnx", name, i)))
	}
	return list
}

// out is the file to write.
func (k *kitchen) out() string { return filepath.Join(k.dir, "merged.onnx") }

// merge is a short merge of some models; more flags may follow.
func (k *kitchen) merge(data string, models []string, more ...string) []string {
	args := append([]string{"merge", "-o", k.out(), "--data", data, "--method", "soft", "--max-steps", "4"}, models...)
	return append(args, more...)
}

// uniform is an average without data.
func (k *kitchen) uniform(models []string, more ...string) []string {
	return append(append([]string{"merge", "-o", k.out(), "--method", "uniform"}, models...), more...)
}

// digits is the data that users have: images of 0 to 1, and labels.
type digits struct {
	x []float32 // [N,1,8,8]
	y []int64
}

var readDigits = sync.OnceValues(func() (digits, error) {
	var d digits
	r, err := npz.Open(filepath.Join(fixtures(), "val.npz"))
	if err != nil {
		return d, err
	}
	defer r.Close()
	if err := r.Read("input.npy", &d.x); err != nil {
		return d, err
	}
	return d, r.Read("label.npy", &d.y)
})

// digits is a copy of the first n samples.
func (k *kitchen) digits(n int) digits {
	d, err := readDigits()
	k.ok(err)
	return digits{append([]float32{}, d.x[:64*n]...), append([]int64{}, d.y[:n]...)}
}

// arrays writes an .npz file.
func (k *kitchen) arrays(name string, list ...array) string {
	path := k.path(name)
	k.ok(writeNPZ(path, list))
	return path
}

// array writes an .npy file.
func (k *kitchen) array(name string, a array) string {
	var file bytes.Buffer
	k.ok(a.write(&file))
	return k.file(name, file.String())
}

// npz writes samples as they should be.
func (k *kitchen) npz(name string, d digits) string { return k.arrays(name, input(d), label(d)) }

func input(d digits) array { return array{"input", "<f4", []int{len(d.y), 1, 8, 8}, d.x} }
func label(d digits) array { return array{"label", "<i8", []int{len(d.y)}, d.y} }

// pixels writes samples with other pixels.
func (k *kitchen) pixels(name string, change func(float32) float32) string {
	d := k.digits(300)
	for i := range d.x {
		d.x[i] = change(d.x[i])
	}
	return k.npz(name, d)
}

// labels writes samples with other labels.
func (k *kitchen) labels(name string, change func(i int, label int64) int64) string {
	d := k.digits(300)
	for i := range d.y {
		d.y[i] = change(i, d.y[i])
	}
	return k.npz(name, d)
}

// csv writes samples as a table: a column a pixel, and the label's text in the last.
func (k *kitchen) csv(name string, d digits, header bool, label func(int64) string) string {
	var s strings.Builder
	if header {
		for i := range 64 {
			fmt.Fprintf(&s, "p%d,", i)
		}
		s.WriteString("label\n")
	}
	for i, y := range d.y {
		for _, v := range d.x[64*i : 64*i+64] {
			fmt.Fprintf(&s, "%g,", v)
		}
		s.WriteString(label(y) + "\n")
	}
	return k.file(name, s.String())
}

// images writes samples as a folder of PNG files a class, and returns the folder above.
func (k *kitchen) images(name string, d digits, class func(int64) string) string {
	for i, y := range d.y {
		grey := image.NewGray(image.Rect(0, 0, 8, 8))
		for j, v := range d.x[64*i : 64*i+64] {
			grey.SetGray(j%8, j/8, color.Gray{Y: uint8(math.Round(float64(v) * 255))})
		}
		k.png(fmt.Sprintf("%s/%s/%04d.png", name, class(y), i), grey)
	}
	return filepath.Join(k.dir, name)
}

// mnist writes samples as MNIST's two files.
func (k *kitchen) mnist(name string, d digits) {
	images := []byte{0, 0, 8, 3}
	labels := []byte{0, 0, 8, 1}
	for _, n := range []int{len(d.y), 8, 8} {
		images = binary.BigEndian.AppendUint32(images, uint32(n))
	}
	labels = binary.BigEndian.AppendUint32(labels, uint32(len(d.y)))
	for _, v := range d.x {
		images = append(images, uint8(math.Round(float64(v)*255)))
	}
	for _, y := range d.y {
		labels = append(labels, uint8(y))
	}
	k.file(name+"-images-idx3-ubyte", string(images))
	k.file(name+"-labels-idx1-ubyte.gz", packed(labels))
}

// packed is what gzip makes of bytes.
func packed(content []byte) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(content); err != nil {
		panic(err)
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.String()
}

// coco is what of annotations users get wrong.
type coco struct {
	Images      []map[string]any `json:"images"`
	Annotations []struct {
		ID       int       `json:"id"`
		Image    int       `json:"image_id"`
		Category int       `json:"category_id"`
		Box      []float64 `json:"bbox"`
	} `json:"annotations"`
	Categories []cocoCategory `json:"categories"`
}

type cocoCategory struct {
	ID   int    `json:"id"`
	Name string `json:"name"`
}

// annotated is a folder of the detector's pictures with other annotations.
func (k *kitchen) annotated(change func(*coco)) string {
	from := k.fixture("tasks/detector/val")
	k.ok(os.CopyFS(k.path("scenes/images"), os.DirFS(filepath.Join(from, "images"))))
	content, err := os.ReadFile(filepath.Join(from, "annotations.json"))
	k.ok(err)
	var c coco
	k.ok(json.Unmarshal(content, &c))
	change(&c)
	content, err = json.Marshal(c)
	k.ok(err)
	k.file("scenes/annotations.json", string(content))
	return filepath.Join(k.dir, "scenes")
}

// ones are so many numbers.
func ones(n int) []float32 {
	list := make([]float32, n)
	for i := range list {
		list[i] = 1
	}
	return list
}

// png writes an image.
func (k *kitchen) png(name string, img image.Image) string {
	var b bytes.Buffer
	k.ok(png.Encode(&b, img))
	return k.file(name, b.String())
}

// digitName is the folder of a class whose names are in the order of the classes.
func digitName(y int64) string { return fmt.Sprint("digit", y) }

// model writes a model like another, changed.
func (k *kitchen) model(from, name string, change func(*onnxpb.ModelProto)) string {
	data, err := os.ReadFile(from)
	k.ok(err)
	m := &onnxpb.ModelProto{}
	k.ok(proto.Unmarshal(data, m))
	change(m)
	data, err = proto.Marshal(m)
	k.ok(err)
	return k.file(name, string(data))
}

// weights writes a model like another, with other numbers in the tensors of some names.
func (k *kitchen) weights(from, name string, change func(tensor string, i int, w float32) float32) string {
	return k.model(from, name, func(m *onnxpb.ModelProto) {
		for _, t := range m.Graph.Initializer {
			values := floatsOf(t)
			for i := range values {
				values[i] = change(t.GetName(), i, values[i])
			}
			setFloats(t, values)
		}
	})
}

// floatsOf are the numbers of a float32 tensor of the fixtures, which keep them as bytes.
func floatsOf(t *onnxpb.TensorProto) []float32 {
	values := make([]float32, len(t.RawData)/4)
	for i := range values {
		values[i] = math.Float32frombits(binary.LittleEndian.Uint32(t.RawData[4*i:]))
	}
	return values
}

func setFloats(t *onnxpb.TensorProto, values []float32) {
	t.RawData = t.RawData[:0]
	for _, v := range values {
		t.RawData = binary.LittleEndian.AppendUint32(t.RawData, math.Float32bits(v))
	}
}

// noise are numbers that look random and are always the same.
func noise(i int) float32 {
	x := uint32(i)*2654435761 + 12345
	x ^= x >> 15
	x *= 2246822519
	x ^= x >> 13
	return float32(x)/float32(math.MaxUint32)*2 - 1
}
