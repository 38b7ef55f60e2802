package graphmatch

import (
	"math/rand/v2"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/graphmatch/internal/flow"
	"github.com/softmerge/softmerge/graphmatch/internal/graphtest"
	"github.com/softmerge/softmerge/graphmatch/internal/symmetry"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// weavePiece weaves the two halves of the channels into each other.
func weavePiece(d *graphtest.Builder, _ *rand.Rand, name string, live []sized, k int) sized {
	c := live[k].channels
	if c%2 != 0 || c < 4 {
		return live[k]
	}
	y := d.Node(name+".cut", "Reshape", []string{live[k].name, d.Ints(name+".groups", 0, 2, int64(c/2), 6, 6)})
	y = d.Node(name+".turn", "Transpose", []string{y}, "perm", []int64{0, 2, 1, 3, 4})
	return sized{d.Node(name, "Reshape", []string{y, d.Ints(name+".whole", 0, -1, 6, 6)}), c}
}

// viewPiece weighs channels by layers that work on a matrix.
func viewPiece(d *graphtest.Builder, _ *rand.Rand, name string, live []sized, k int) sized {
	c := live[k].channels
	y := d.Node(name+".mean", "ReduceMean", []string{live[k].name, d.Ints(name+".axes", 2, 3)}, "keepdims", 0)
	y = d.Node(name+".down", "Gemm", []string{y, d.Weight(name+".down.weight", 4, c), d.Weight(name+".down.bias", 4)},
		"transB", 1)
	y = d.Node(name+".up", "Gemm", []string{d.Node(name+".relu", "Relu", []string{y}),
		d.Weight(name+".up.weight", 4, c)})
	y = d.Node(name+".view", "Reshape", []string{d.Node(name+".sigmoid", "Sigmoid", []string{y}),
		d.Ints(name+".shape", -1, int64(c), 1, 1)})
	return sized{d.Node(name, "Mul", []string{live[k].name, y}), c}
}

// fusedPiece is attention between pixels whose queries, keys and values one layer makes.
func fusedPiece(d *graphtest.Builder, plan *rand.Rand, name string, live []sized, k int) sized {
	c := live[k].channels
	rows := pixelsLast(d, name, live[k])
	y := d.Node(name+".qkv", "MatMul", []string{rows, d.Weight(name+".qkv.weight", c, 3*4)})
	y = d.Node(name+".cut", "Reshape", []string{y, d.Ints(name+".heads", 0, 0, 3, 2, 2)})
	y = d.Node(name+".turn", "Transpose", []string{y}, "perm", []int64{2, 0, 3, 1, 4})
	part := func(i int) string {
		if plan.IntN(2) == 0 {
			return d.Node(name+".part"+string(rune('0'+i)), "Gather",
				[]string{y, d.Scalar(name+".index"+string(rune('0'+i)), int64(i))}, "axis", 0)
		}
		z := d.Node(name+".slice"+string(rune('0'+i)), "Gather",
			[]string{y, d.Scalar(name+".index"+string(rune('0'+i)), int64(i-3))})
		return d.Node(name+".clip"+string(rune('0'+i)), "Relu", []string{z})
	}
	q, key, v := part(0), part(1), part(2)
	y = d.Node(name+".scores", "MatMul", []string{q, d.Node(name+".key", "Transpose", []string{key}, "perm",
		[]int64{0, 1, 3, 2})})
	y = d.Node(name+".mixed", "MatMul", []string{d.Node(name+".softmax", "Softmax", []string{y}, "axis", -1), v})
	y = d.Node(name+".back", "Transpose", []string{y}, "perm", []int64{0, 2, 1, 3})
	y = d.Node(name+".joined", "Reshape", []string{y, d.Ints(name+".units", 0, 36, -1)})
	return sized{addPixels(d, name, live[k], y, 4), c}
}

// batchedPiece is attention between pixels with the batch folded into the heads, pixels first.
func batchedPiece(d *graphtest.Builder, _ *rand.Rand, name string, live []sized, k int) sized {
	c := live[k].channels
	rows := d.Node(name+".first", "Transpose", []string{pixelsLast(d, name, live[k])}, "perm", []int64{1, 0, 2})
	var parts []string
	for _, p := range []string{"q", "k", "v"} {
		y := d.Node(name+"."+p, "MatMul", []string{rows, d.Weight(name+"."+p+".weight", c, 6)})
		y = d.Node(name+"."+p+".add", "Add", []string{y, d.Weight(name+"."+p+".bias", 6)})
		parts = append(parts, d.Node(name+"."+p+".cut", "Reshape",
			[]string{y, d.Ints(name+"."+p+".heads", 36, 2*2, 3)}))
	}
	q := d.Node(name+".query", "Transpose", parts[:1], "perm", []int64{1, 0, 2})
	key := d.Node(name+".key", "Transpose", parts[1:2], "perm", []int64{1, 2, 0})
	v := d.Node(name+".value", "Transpose", parts[2:], "perm", []int64{1, 0, 2})
	y := d.Node(name+".softmax", "Softmax", []string{d.Node(name+".scores", "MatMul", []string{q, key})}, "axis", -1)
	y = d.Node(name+".back", "Transpose", []string{d.Node(name+".mixed", "MatMul", []string{y, v})}, "perm",
		[]int64{1, 0, 2})
	y = d.Node(name+".joined", "Reshape", []string{y, d.Ints(name+".units", -1, 2, 6)})
	y = d.Node(name+".batch", "Transpose", []string{y}, "perm", []int64{1, 0, 2})
	return sized{addPixels(d, name, live[k], y, 6), c}
}

// lastPiece works on channels as the last axis, as TensorFlow has them.
func lastPiece(d *graphtest.Builder, plan *rand.Rand, name string, live []sized, k int) sized {
	c, out := live[k].channels, 2*(1+plan.IntN(3))
	y := d.Node(name+".last", "Transpose", []string{live[k].name}, "perm", []int64{0, 2, 3, 1})
	y = d.Node(name+".scaled", "Mul", []string{y, d.Weight(name+".scale", c)})
	y = d.Node(name+".dense", "MatMul", []string{y, d.Weight(name+".weight", c, out)})
	y = d.Node(name+".sum", "Add", []string{y, d.Weight(name+".bias", out)})
	y = d.Node(name+".norm", "LayerNormalization", []string{y, d.Weight(name+".norm.scale", out),
		d.Weight(name+".norm.bias", out)})
	y = d.Node(name+".flat", "Reshape", []string{d.Node(name+".relu", "Relu", []string{y}),
		d.Ints(name+".rows", -1, int64(out))})
	y = d.Node(name+".image", "Reshape", []string{y, d.Ints(name+".size", -1, 6, 6, int64(out))})
	return sized{d.Node(name, "Transpose", []string{y}, "perm", []int64{0, 3, 1, 2}), out}
}

// pixelsLast is an image as [batch, pixels, channels].
func pixelsLast(d *graphtest.Builder, name string, x sized) string {
	y := d.Node(name+".rows", "Reshape", []string{x.name, d.Ints(name+".flat", 0, 0, -1)})
	return d.Node(name+".last", "Transpose", []string{y}, "perm", []int64{0, 2, 1})
}

// addPixels adds a linear map of [batch, pixels, width] to an image.
func addPixels(d *graphtest.Builder, name string, x sized, y string, width int) string {
	y = d.Node(name+".out", "MatMul", []string{y, d.Weight(name+".out.weight", width, x.channels)})
	y = d.Node(name+".channels", "Transpose", []string{y}, "perm", []int64{0, 2, 1})
	y = d.Node(name+".image", "Reshape", []string{y, d.Ints(name+".size", -1, int64(x.channels), 6, 6)})
	return d.Node(name, "Add", []string{x.name, y})
}

// Random networks align with themselves under every rewrite.
func TestRewrittenRandomNetworksAlign(t *testing.T) {
	count := 0
	for shape := range uint64(40) {
		for name, r := range rewrites {
			for kind, m := range map[string]*onnxpb.ModelProto{"layers": randomNet(t, shape, 1),
				"image": randomImageNet(t, shape, 1)} {
				base := graphtest.Load(t, proto.Clone(m).(*onnxpb.ModelProto))
				if why := rewrittenApart(t, base, m, r); why != "" {
					t.Errorf("%s network %d, %s: %s", kind, shape, name, why)
				}
				count++
			}
		}
	}
	t.Logf("%d rewritten networks", count)
}

// The random networks keep the tracer honest only while it finds what may move in them: heads, and sets at all.
func TestRandomNetworksHaveUnits(t *testing.T) {
	attention, heads, sets := 0, 0, 0
	for shape := range uint64(150) {
		m := randomImageNet(t, shape, 1)
		v, err := flow.Read(graphtest.Load(t, m))
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range m.Graph.Node {
			if n.GetOpType() == "Softmax" {
				attention++
			}
		}
		for _, h := range symmetry.Trace(v).Sets {
			sets++
			if h.Heads > 0 {
				heads++
			}
		}
	}
	t.Logf("%d sets, %d of heads in %d attentions", sets, heads, attention)
	if sets < 1000 || heads < 2*attention*9/10 {
		t.Errorf("%d sets, %d of heads in %d attentions", sets, heads, attention)
	}
}
