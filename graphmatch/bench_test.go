package graphmatch

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/graphmatch/internal/graphtest"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// deepNet draws residual blocks of two layers and a normalisation each; the tensors' dims are given
// without data, so that only structure can be read. without leaves one block out.
func deepNet(t testing.TB, blocks, width, without int) *onnxpb.ModelProto {
	d := graphtest.New(t, 1)
	empty := func(name string, dims ...int64) string {
		d.Model.Graph.Initializer = append(d.Model.Graph.Initializer,
			&onnxpb.TensorProto{Name: proto.String(name), Dims: dims, DataType: proto.Int32(1),
				DataLocation: onnxpb.TensorProto_EXTERNAL.Enum(),
				ExternalData: []*onnxpb.StringStringEntryProto{
					{Key: proto.String("location"), Value: proto.String("absent.bin")},
				}})
		return name
	}
	x, w := d.Input("x"), int64(width)
	for i := range blocks {
		if i == without {
			continue
		}
		n := fmt.Sprintf("blocks.%d", i)
		y := d.Node(n+".norm", "LayerNormalization", []string{x, empty(n+".norm.weight", w), empty(n+".norm.bias", w)})
		for _, part := range []string{".up", ".down"} {
			y = d.Node(n+part+"/MatMul", "MatMul", []string{y, empty(n+part+".weight", w, w)})
			y = d.Node(n+part+"/Add", "Add", []string{y, empty(n+part+".bias", w)})
		}
		x = d.Node(n+".sum", "Add", []string{x, y})
	}
	d.Output(x)
	return d.Model
}

// TestDeepNetworks aligns 1,000 layers of a billion weights that are not there to be read.
func TestDeepNetworks(t *testing.T) {
	base := graphtest.Load(t, deepNet(t, 334, 1224, -1))
	for name, test := range map[string]struct {
		without int
		renamed bool
		missing int
	}{"renamed": {-1, true, 0}, "a block less": {100, false, 3}, "a block less and renamed": {100, true, 3}} {
		t.Run(name, func(t *testing.T) {
			other := deepNet(t, 334, 1224, test.without)
			if test.renamed {
				renameAll(t, other, rand.New(rand.NewPCG(1, 1)))
			}
			a, err := AlignStructure([]*onnx.Model{base, graphtest.Load(t, other)}, 0)
			if err != nil {
				t.Fatal(err)
			}
			table := a.Table()
			if table.Unmatched != test.missing || table.Matched != 1002-test.missing {
				t.Errorf("%d matched, %d unmatched of %d; want %d unmatched", table.Matched, table.Unmatched,
					len(table.Layers), test.missing)
			}
		})
	}
}

func BenchmarkAlign(b *testing.B) {
	base := graphtest.Load(b, deepNet(b, 334, 1224, -1))
	for _, without := range []int{-1, 100} {
		other := deepNet(b, 334, 1224, without)
		renameAll(b, other, rand.New(rand.NewPCG(1, 1)))
		m := graphtest.Load(b, other)
		b.Run(fmt.Sprintf("layers=1002/without=%d", without), func(b *testing.B) {
			for b.Loop() {
				if _, err := AlignStructure([]*onnx.Model{base, m}, 0); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
