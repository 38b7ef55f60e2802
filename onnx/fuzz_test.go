package onnx

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// seeds are models to start from: a good one, the small hostile fixtures, and
// one in each odd encoding.
func seeds(f *testing.F) [][]byte {
	list := [][]byte{encoded(f, smallModel()), nestedGraphs(20)}
	files := must(filepath.Glob(filepath.Join("..", "fixtures", "hostile", "*.onnx")))(f)
	for _, path := range files {
		if data := must(os.ReadFile(path))(f); len(data) < 8<<10 {
			list = append(list, data)
		}
	}
	p := smallModel()
	external(p.Graph.Initializer[0], "weights.bin", "0", "24")
	p.Graph.Initializer[1].FloatData, p.Graph.Initializer[1].RawData = []float32{1, 2, 3}, nil
	withFunctions(function("F"))(p)
	withSparse(sparseTensor([]int64{9}, []int{2}, 0, 4))(p)
	return append(list, encoded(f, p))
}

// FuzzParse: whatever the bytes, parsing, checking and reading do not panic
// and allocate in proportion to the file; what parses is written back as read.
func FuzzParse(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Parse(data, "")
		if err != nil {
			if !errors.Is(err, ErrInvalid) {
				t.Fatalf("%v is not of kind ErrInvalid", err)
			}
			return
		}
		Check(m)
		for i, el := range m.base.elements {
			if el.payload < 0 {
				continue
			}
			x := m.Tensor(m.base.messages[i].(*onnxpb.TensorProto))
			if n, err := readAny(x); err == nil && n != x.Len() {
				t.Fatalf("tensor %q: %d of %d elements", x.Name(), n, x.Len())
			}
		}
		if !bytes.Equal(written(t, m), data) {
			t.Fatal("written back, the bytes differ")
		}
	})
}

// FuzzEdit: random edits of whatever parses give a file with the view's
// message and values.
func FuzzEdit(f *testing.F) {
	for i, s := range seeds(f) {
		f.Add(s, uint64(i))
	}
	f.Fuzz(func(t *testing.T, data []byte, seed uint64) {
		m, err := Parse(data, "")
		if err != nil {
			return
		}
		rng := rand.New(rand.NewPCG(seed, 2))
		v := m
		for range 3 {
			if next, err := v.With(anyEdit(rng, m)); err == nil {
				v = next
			}
		}
		var b bytes.Buffer
		if _, err := v.WriteTo(&b); err != nil {
			return // new values for external data
		}
		r, err := Parse(b.Bytes(), "")
		if err != nil {
			t.Fatal(err)
		}
		if !proto.Equal(r.Proto(), v.Proto()) {
			t.Fatalf("the file has\n%v\nthe view\n%v", r.Proto(), v.Proto())
		}
		sameTensors(t, r.Proto().GetGraph(), v.Proto().GetGraph(), r, v)
	})
}

// sameTensors compares the initializers of two models' graphs.
func sameTensors(t *testing.T, a, b *onnxpb.GraphProto, am, bm *Model) {
	t.Helper()
	for i := range a.GetInitializer() {
		x, xerr := am.Tensor(a.GetInitializer()[i]).Raw()
		y, yerr := bm.Tensor(b.GetInitializer()[i]).Raw()
		if (xerr == nil) != (yerr == nil) || !bytes.Equal(x, y) {
			t.Fatalf("initializer %d is %x, %v in the file and %x, %v in the view", i, x, xerr, y, yerr)
		}
	}
}

// anyEdit edits a random message of the file, if it can be edited.
func anyEdit(rng *rand.Rand, m *Model) Edit {
	switch msg := m.base.messages[rng.IntN(len(m.base.messages))].(type) {
	case *onnxpb.TensorProto:
		n := m.Tensor(msg).Len()
		return SetValues(msg, func() ([]float64, error) { return make([]float64, n), nil })
	case *onnxpb.NodeProto:
		if rng.IntN(4) == 0 {
			return DropNode(msg)
		}
		return SetInput(msg, rng.IntN(4), string(make([]byte, rng.IntN(150))))
	case *onnxpb.GraphProto:
		if rng.IntN(2) == 0 {
			var before *onnxpb.NodeProto
			if nodes := msg.GetNode(); len(nodes) > 0 {
				before = nodes[rng.IntN(len(nodes))]
			}
			return AddNode(msg, before, node("Fuzz", string(make([]byte, rng.IntN(150))), "x"))
		}
		return AddInitializer(msg, "fuzz", BFloat16, []int{2}, fixed(1, 2))
	default:
		return SetMetadata("fuzz", "1")
	}
}

// FuzzExternal: whatever location, offset and length say, nothing outside the
// model's folder is read.
func FuzzExternal(f *testing.F) {
	root := f.TempDir()
	secret := bytes.Repeat([]byte{0xAA}, 64)
	writeFiles(f, root, map[string][]byte{"secret": secret, "model/data": make([]byte, 64),
		"model/sub/data": make([]byte, 64)})
	dir := filepath.Join(root, "model")
	for _, link := range []string{"link", "sub/link"} {
		if err := os.Symlink(filepath.Join(root, "secret"), filepath.Join(dir, filepath.FromSlash(link))); err != nil {
			f.Fatal(err)
		}
	}
	for _, location := range []string{"data", "../secret", "link", "sub/link", "sub/../data",
		"sub/../../secret", filepath.Join(root, "secret"), "data/.", "//data"} {
		f.Add(location, "0", "24", int64(6))
		f.Add(location, "40", "", int64(6))
	}
	f.Add("data", "9223372036854775807", "9223372036854775807", int64(1)<<61)
	f.Fuzz(func(t *testing.T, location, offset, length string, dim int64) {
		p := smallModel()
		external(p.Graph.Initializer[0], location, offset, length).Dims = []int64{dim}
		m := must(Parse(encoded(t, p), dir))(t)
		defer m.Close()
		raw, err := m.Tensor(initializer(t, m, "w")).Raw()
		if err == nil && bytes.Contains(raw, []byte{0xAA}) {
			t.Fatalf("%q leads to the secret", location)
		}
		if err == nil && int64(len(raw)) != 4*dim {
			t.Fatalf("%d bytes for %d elements", len(raw), dim)
		}
	})
}
