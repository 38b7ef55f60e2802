package onnx

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/onnx/advice"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// Opening and editing a file of 64 MB takes kilobytes: the weights stay in it.
func TestOpenAllocatesLittle(t *testing.T) {
	p := smallModel()
	weights := emptyTensor("large", Float32, []int{16 << 20})
	weights.RawData = make([]byte, 64<<20)
	p.Graph.Initializer = append(p.Graph.Initializer, weights)
	path := filepath.Join(t.TempDir(), "large.onnx")
	writeFiles(t, filepath.Dir(path), map[string][]byte{"large.onnx": encoded(t, p)})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	m := opened(t, path)
	v := must(m.With(SetValues(initializer(t, m, "large"), fixed()), SetMetadata("a", "b")))(t)
	violations := Check(v)
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 256<<10 {
		t.Errorf("%d bytes were allocated", got)
	}
	if len(violations) > 0 {
		t.Error(violations)
	}
}

// A file that is not ONNX is named for what it looks like.
func TestMistakenFiles(t *testing.T) {
	for content, want := range map[string]string{
		"version https://git-lfs.github.com/spec/v1\n": "git lfs pull",
		"\n <!DOCTYPE html>":                           "web page",
		"PK\x03\x04":                                   "export the model",
		"PAR1\x15\x04":                                 "before each file",
		"":                                             "empty",
		"\x08":                                         "complete ONNX model",
	} {
		path := filepath.Join(t.TempDir(), "m.onnx")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(path)
		wantInvalid(t, err, path)
		if hint := advice.Hint(err); !strings.Contains(hint, want) {
			t.Errorf("%q: got hint %v, want %q", content, hint, want)
		}
	}
	if _, err := Open(filepath.Join(t.TempDir(), "absent")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if _, err := Open(t.TempDir()); err == nil {
		t.Error("a folder is opened")
	}
}

func TestPathOfViews(t *testing.T) {
	path := externalModel(t, t.TempDir(), "weights.bin")
	m := opened(t, path)
	if v := must(m.With(SetMetadata("a", "b")))(t); v.Path() != path || parsed(t, smallModel()).Path() != "" {
		t.Errorf("got %q", v.Path())
	}
}

// Tensors may be read, and views made, by several goroutines.
func TestConcurrentUse(t *testing.T) {
	m := opened(t, externalModel(t, t.TempDir(), "weights.bin"))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for _, name := range []string{"w", "b"} {
				for _, init := range m.Proto().GetGraph().GetInitializer() {
					if init.GetName() != name {
						continue
					}
					v, err := m.With(SetInput(m.Proto().GetGraph().GetNode()[0], 0, "b"), SetMetadata("k", name))
					if err != nil {
						t.Error(err)
						return
					}
					if _, err := v.Tensor(init).Floats(nil); err != nil {
						t.Error(err)
					}
					Check(v)
				}
			}
		})
	}
	wg.Wait()
}

// A violation about external data says what to do.
func TestViolationHints(t *testing.T) {
	p := smallModel()
	external(p.Graph.Initializer[0], "../w", "", "")
	found := Check(parsed(t, p))
	if len(found) != 1 || !strings.Contains(found[0].Hint(), "beside the model") {
		t.Errorf("got %v", found)
	}
}

func TestNewTensorOfEveryType(t *testing.T) {
	tests := []struct {
		p    *onnxpb.TensorProto
		want DataType
	}{
		{mustTensor(NewTensor("", []int{1}, []float32{1})), Float32},
		{mustTensor(NewTensor("", []int{1}, []float64{1})), Float64},
		{mustTensor(NewTensor("", []int{1}, []int8{1})), Int8},
		{mustTensor(NewTensor("", []int{1}, []int16{1})), Int16},
		{mustTensor(NewTensor("", []int{1}, []int32{1})), Int32},
		{mustTensor(NewTensor("", []int{1}, []int64{1})), Int64},
		{mustTensor(NewTensor("", []int{1}, []uint8{1})), Uint8},
		{mustTensor(NewTensor("", []int{1}, []uint16{1})), Uint16},
		{mustTensor(NewTensor("", []int{1}, []uint32{1})), Uint32},
		{mustTensor(NewTensor("", []int{1}, []uint64{1})), Uint64},
		{mustTensor(NewTensor("", []int{1}, []bool{true})), Bool},
		{mustTensor(NewFloatTensor("", Float16, []int{1}, []float64{1})), Float16},
	}
	for _, test := range tests {
		x := TensorOf(test.p)
		if got := numbers(t, x); x.DataType() != test.want || !slices.Equal(got, []float64{1}) {
			t.Errorf("%s: got %v of %s", test.want, got, x.DataType())
		}
	}
}

// Tensors inside the attributes and subgraphs of a training graph are checked.
func TestCheckTrainingGraphs(t *testing.T) {
	p := smallModel()
	algorithm := proto.CloneOf(p.Graph)
	algorithm.Node[2].Attribute[0].T.Dims[0] = 9
	algorithm.Node[4].Attribute[0].G.Initializer[0].Dims[0] = 9
	algorithm.SparseInitializer = []*onnxpb.SparseTensorProto{{}}
	p.TrainingInfo = []*onnxpb.TrainingInfoProto{{Algorithm: algorithm}}
	if found := Check(parsed(t, p)); len(found) != 3 {
		t.Errorf("got %v", found)
	}
}
