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

// sized is a value of a drawn network with its channels, the second axis of [batch, channels, 6, 6].
type sized struct {
	name     string
	channels int
}

// imagePieces are the pieces that random image networks are made of.
var imagePieces = []func(d *graphtest.Builder, plan *rand.Rand, name string, live []sized, k int) sized{
	convPiece, convPiece, groupedPiece, depthwisePiece, normPiece, normPiece, groupNormPiece, residualPiece,
	concatPiece, splitPiece, slicePiece,
	squeezePiece, poolPiece, unpoolPiece, slopePiece, shufflePiece, channelMeanPiece, scalePiece, transposedPiece,
	weavePiece, viewPiece, fusedPiece, batchedPiece, lastPiece,
}

func convPiece(d *graphtest.Builder, plan *rand.Rand, name string, live []sized, k int) sized {
	out := 2 * (1 + plan.IntN(4))
	return sized{d.Node(name+".relu", "Relu", []string{d.Conv(name, live[k].name, live[k].channels, out, 3, 1)}), out}
}

func groupedPiece(d *graphtest.Builder, plan *rand.Rand, name string, live []sized, k int) sized {
	if live[k].channels%2 != 0 {
		return live[k]
	}
	out := 2 * (1 + plan.IntN(4))
	return sized{d.Conv(name, live[k].name, live[k].channels, out, 1, 2), out}
}

func depthwisePiece(d *graphtest.Builder, _ *rand.Rand, name string, live []sized, k int) sized {
	c := live[k].channels
	return sized{d.Conv(name, live[k].name, c, c, 3, c), c}
}

func normPiece(d *graphtest.Builder, _ *rand.Rand, name string, live []sized, k int) sized {
	c := live[k].channels
	variance := make([]float32, c)
	for i := range variance {
		variance[i] = 0.5 + d.Rng.Float32()
	}
	return sized{d.Node(name, "BatchNormalization", []string{live[k].name, d.Weight(name+".weight", c),
		d.Weight(name+".bias", c),
		d.Weight(name+".mean", c), d.Tensor(name+".var", []int{c}, variance)}), c}
}

func groupNormPiece(d *graphtest.Builder, _ *rand.Rand, name string, live []sized, k int) sized {
	c := live[k].channels
	if c%2 != 0 {
		return live[k]
	}
	return sized{d.Node(name, "GroupNormalization", []string{live[k].name, d.Weight(name+".weight", c),
		d.Weight(name+".bias", c)}, "num_groups", 2), c}
}

func residualPiece(d *graphtest.Builder, _ *rand.Rand, name string, live []sized, k int) sized {
	c := live[k].channels
	y := d.Node(name+".relu", "Relu", []string{d.Conv(name+".up", live[k].name, c, 6, 3, 1)})
	return sized{d.Node(name, "Add", []string{live[k].name, d.Conv(name+".down", y, 6, c, 1, 1)}), c}
}

func concatPiece(d *graphtest.Builder, plan *rand.Rand, name string, live []sized, k int) sized {
	other := live[plan.IntN(len(live))]
	if live[k].channels+other.channels > 24 {
		return live[k]
	}
	return sized{d.Node(name, "Concat", []string{live[k].name, other.name}, "axis", 1), live[k].channels +
		other.channels}
}

// splitPiece multiplies the two halves of the channels.
func splitPiece(d *graphtest.Builder, _ *rand.Rand, name string, live []sized, k int) sized {
	c := live[k].channels
	if c%2 != 0 {
		return live[k]
	}
	first := d.Node(name, "Split", []string{live[k].name}, "axis", 1)
	n := d.Model.Graph.Node[len(d.Model.Graph.Node)-1]
	n.Output = append(n.Output, name+"_second")
	return sized{d.Node(name+".mul", "Mul", []string{first, name + "_second"}), c / 2}
}

// slicePiece takes some of the channels.
func slicePiece(d *graphtest.Builder, plan *rand.Rand, name string, live []sized, k int) sized {
	c := live[k].channels
	if c < 3 {
		return live[k]
	}
	from := plan.IntN(c - 1)
	to := from + 1 + plan.IntN(c-from)
	return sized{d.Node(name, "Slice", []string{live[k].name, d.Ints(name+".from", int64(from)),
		d.Ints(name+".to", int64(to)), d.Ints(name+".axes", 1)}), to - from}
}

// squeezePiece weighs channels by what is in them (squeeze and excitation).
func squeezePiece(d *graphtest.Builder, _ *rand.Rand, name string, live []sized, k int) sized {
	c := live[k].channels
	y := d.Node(name+".pool", "GlobalAveragePool", []string{live[k].name})
	y = d.Node(name+".relu", "Relu", []string{d.Conv(name+".down", y, c, 4, 1, 1)})
	y = d.Node(name+".sigmoid", "Sigmoid", []string{d.Conv(name+".up", y, 4, c, 1, 1)})
	return sized{d.Node(name, "Mul", []string{live[k].name, y}), c}
}

func poolPiece(d *graphtest.Builder, _ *rand.Rand, name string, live []sized, k int) sized {
	return sized{d.Node(name, "MaxPool", []string{live[k].name}, "kernel_shape", []int64{3, 3}, "pads",
		[]int64{1, 1, 1, 1}), live[k].channels}
}

// unpoolPiece puts the values of other channels where a pool found its maxima. The indices count positions
// through all channels, which fixes the order of the pool's.
func unpoolPiece(d *graphtest.Builder, _ *rand.Rand, name string, live []sized, k int) sized {
	c := live[k].channels
	d.Node(name+".pool", "MaxPool", []string{live[k].name}, "kernel_shape", []int64{2, 2}, "strides", []int64{2, 2})
	n := d.Model.Graph.Node[len(d.Model.Graph.Node)-1]
	n.Output = append(n.Output, name+"_indices")
	y := d.Conv(name+".conv", n.Output[0], c, c, 3, 1)
	return sized{d.Node(name, "MaxUnpool", []string{y, name + "_indices"}, "kernel_shape", []int64{2, 2}, "strides",
		[]int64{2, 2}), c}
}

func slopePiece(d *graphtest.Builder, _ *rand.Rand, name string, live []sized, k int) sized {
	c := live[k].channels
	return sized{d.Node(name, "PRelu", []string{live[k].name, d.Weight(name+".weight", c, 1, 1)}), c}
}

// shufflePiece interleaves channels, which fixes their order.
func shufflePiece(d *graphtest.Builder, _ *rand.Rand, name string, live []sized, k int) sized {
	c := live[k].channels
	if c%2 != 0 {
		return live[k]
	}
	y := d.Node(name+".cut", "Reshape", []string{live[k].name, d.Ints(name+".5d", 2, 2, int64(c/2), 6, 6)})
	y = d.Node(name+".turn", "Transpose", []string{y}, "perm", []int64{0, 2, 1, 3, 4})
	return sized{d.Node(name+".join", "Reshape", []string{y, d.Ints(name+".4d", 2, int64(c), 6, 6)}), c}
}

// channelMeanPiece subtracts the mean over channels.
func channelMeanPiece(d *graphtest.Builder, _ *rand.Rand, name string, live []sized, k int) sized {
	mean := d.Node(name+".mean", "ReduceMean", []string{live[k].name, d.Ints(name+".axes", 1)})
	return sized{d.Node(name, "Sub", []string{live[k].name, mean}), live[k].channels}
}

func scalePiece(d *graphtest.Builder, _ *rand.Rand, name string, live []sized, k int) sized {
	c := live[k].channels
	y := d.Node(name+".mul", "Mul", []string{live[k].name, d.Weight(name+".scale", 1, c, 1, 1)})
	return sized{d.Node(name+".add", "Add", []string{d.Weight(name+".shift", c, 1, 1), y}), c}
}

func transposedPiece(d *graphtest.Builder, _ *rand.Rand, name string, live []sized, k int) sized {
	return sized{d.Node(name, "ConvTranspose", []string{live[k].name,
		d.Weight(name+".weight", live[k].channels, 4, 1, 1), d.Weight(name+".bias", 4)}), 4}
}

// RandomImageNet draws an image network of random pieces with a linear head.
func RandomImageNet(t testing.TB, shape, seed uint64) *onnx.Model {
	return graphtest.Load(t, randomImageNet(t, shape, seed))
}

func randomImageNet(t testing.TB, shape, seed uint64) *onnxpb.ModelProto {
	d, plan := graphtest.New(t, seed), rand.New(rand.NewPCG(shape, 13))
	d.Model.OpsetImport[0].Version = proto.Int64(21)
	live := []sized{{d.Input("x"), 3}}
	d.Model.Graph.Input[0].Type.GetTensorType().Shape = graphtest.FixedShape(2, 3, 6, 6)
	live = append(live, convPiece(d, plan, "stem", live, 0))
	for i := range 4 + plan.IntN(8) {
		k := plan.IntN(len(live)-1) + 1
		made := imagePieces[plan.IntN(len(imagePieces))](d, plan, fmt.Sprintf("piece%d", i), live, k)
		if plan.IntN(3) == 0 {
			live = append(live, made)
		} else {
			live[k] = made
		}
	}
	for i, s := range live[1:] {
		name := fmt.Sprintf("head%d", i)
		y := d.Node(name+".flat", "Flatten", []string{s.name})
		y = d.Node(name+".hidden", "Gemm", []string{y, d.Weight(name+".hidden.weight", 7, s.channels*36),
			d.Weight(name+".hidden.bias", 7)}, "transB", 1)
		d.Output(d.Node(name, "MatMul", []string{d.Node(name+".relu", "Relu", []string{y}),
			d.Weight(name+".weight", 7, 3)}))
	}
	return d.Model
}
