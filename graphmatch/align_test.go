package graphmatch

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/graphmatch/internal/graphtest"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

var update = flag.Bool("update", false, "write the golden alignments anew")

// open opens files under testdata; they are closed when the test ends.
func open(t testing.TB, names ...string) []*onnx.Model {
	t.Helper()
	var models []*onnx.Model
	for _, name := range names {
		m, err := onnx.Open(filepath.Join("testdata", name+".onnx"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { m.Close() })
		models = append(models, m)
	}
	return models
}

// summary writes an alignment as one line a layer: a parameter is its role, shape, channel axis and, for
// each model, the tensor, the number of its sites if not one, and a T if stored transposed.
func summary(a *Alignment) string {
	var s strings.Builder
	for _, l := range a.Layers {
		fmt.Fprintf(&s, "%s %s %s %s\n", l.Name, l.Op, l.Status, l.Reason)
		for _, p := range l.Params {
			fmt.Fprintf(&s, "    %s %v@%d", p.Role, p.Shape, p.ChannelAxis)
			for _, u := range p.Uses {
				fmt.Fprintf(&s, " %q", u.Name)
				if len(u.Sites) != 1 {
					fmt.Fprintf(&s, "*%d", len(u.Sites))
				}
				if u.Transposed {
					s.WriteString("T")
				}
			}
			s.WriteString("\n")
		}
	}
	return s.String()
}

// The golden alignments were read line by line against the networks in testdata/make.py when they were
// written; fresh exports share equal initializers, so their names say nothing.
func TestAlignGolden(t *testing.T) {
	for _, pair := range [][]string{
		{"resnet_fresh", "resnet_tuned"},
		{"resnet_bn_tuned", "resnet_bn_fresh"},
		{"resnet_bn_fresh", "resnet_head_tuned"},
		{"resnet_bn_fresh", "resnet_extra_tuned"},
		{"resnet_extra_tuned", "resnet_bn_fresh"},
		{"resnet_bn_tuned", "resnet_tuned"},
		{"transformer_fresh", "transformer17_tuned"},
		{"tied_tuned", "tied_fresh"},
		{"tied_tuned", "transformer_tuned"},
		{"mixed_fresh", "mixed_unfolded_tuned"},
		{"recurrent_fresh", "recurrent_tuned"},
		{"siamese_fresh", "siamese_tuned"},
	} {
		name := strings.Join(pair, "-")
		t.Run(name, func(t *testing.T) {
			got := summary(align(t, open(t, pair...)...))
			path := filepath.Join("testdata", name+".golden")
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), got); d != "" {
				t.Errorf("alignment (-want +got):\n%s", d)
			}
		})
	}
}

func TestAlignWithItselfIsIdentical(t *testing.T) {
	files, err := filepath.Glob("testdata/*.onnx")
	if err != nil || len(files) == 0 {
		t.Fatal("no test models", err)
	}
	for _, file := range files {
		m := open(t, strings.TrimSuffix(filepath.Base(file), ".onnx"))[0]
		a := align(t, m, m, m)
		if len(a.Layers) == 0 {
			t.Errorf("%s: no layers", file)
		}
		for _, l := range a.Layers {
			if l.Status != Identical {
				t.Errorf("%s: layer %s is %s: %s", file, l.Name, l.Status, l.Reason)
			}
			for _, p := range l.Params {
				if p.Uses[0].Tensor != p.Uses[1].Tensor || p.Uses[0].Tensor != p.Uses[2].Tensor {
					t.Errorf("%s: layer %s: %s is not paired with itself", file, l.Name, p.Role)
				}
			}
		}
	}
}

func TestAlignStructureReadsNoWeights(t *testing.T) {
	d := graphtest.New(t, 1)
	x := d.Input("x")
	big := &onnxpb.TensorProto{Name: proto.String("fc.weight"), DataType: proto.Int32(1),
		Dims:         []int64{1 << 15, 1 << 15},
		DataLocation: onnxpb.TensorProto_EXTERNAL.Enum(),
		ExternalData: []*onnxpb.StringStringEntryProto{
			{Key: proto.String("location"), Value: proto.String("absent.bin")},
		}}
	d.Model.Graph.Initializer = append(d.Model.Graph.Initializer, big)
	d.Output(d.Node("fc", "MatMul", []string{x, "fc.weight"}))
	m := d.Load()
	a, err := AlignStructure([]*onnx.Model{m, m}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Layers) != 1 || a.Layers[0].Status != Matched {
		t.Errorf("got %v, want one matched layer though the weights' file is absent", a.Layers)
	}
	if err := a.Compare(); err == nil {
		t.Error("comparing weights whose file is absent gave no error")
	}
}

func TestAlignRefusesBadArguments(t *testing.T) {
	m := open(t, "siamese_fresh")
	for _, base := range []int{-1, 1} {
		if _, err := Align(m, base); err == nil {
			t.Errorf("base %d of one model: no error", base)
		}
	}
	d := graphtest.New(t, 1)
	d.Output(d.Node("r", "Relu", []string{"nowhere"}))
	if _, err := Align([]*onnx.Model{d.Load()}, 0); !errors.Is(err, onnx.ErrInvalid) {
		t.Errorf("dangling input: got %v, want an error of kind ErrInvalid", err)
	}
}

// The base may be any of the models; what is paired does not depend on it.
func TestAlignBase(t *testing.T) {
	models := open(t, "resnet_bn_fresh", "resnet_bn_tuned", "resnet_bn_fresh")
	pairs := func(base int) map[*onnxpb.TensorProto]string {
		a, err := Align(models, base)
		if err != nil {
			t.Fatal(err)
		}
		found := map[*onnxpb.TensorProto]string{}
		for _, l := range a.Layers {
			for _, p := range l.Params {
				found[p.Uses[1].Tensor] = p.Uses[0].Name + " " + p.Uses[2].Name
			}
		}
		return found
	}
	want := pairs(0)
	for base := 1; base < 3; base++ {
		if got := pairs(base); !cmp.Equal(got, want, cmp.Comparer(sameTensor)) {
			t.Errorf("base %d pairs other tensors than base 0", base)
		}
	}
}

func sameTensor(a, b *onnxpb.TensorProto) bool { return a == b }
