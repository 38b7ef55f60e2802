package graphmatch

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// sized is a value of a drawn network with its channels, the second axis of [batch, channels, 6, 6].
type sized struct {
	name     string
	channels int
}

// imagePieces are the pieces that random image networks are made of.
var imagePieces = []func(d *drawing, plan *rand.Rand, name string, live []sized, k int) sized{
	convPiece, convPiece, groupedPiece, depthwisePiece, normPiece, normPiece, groupNormPiece, residualPiece, concatPiece, splitPiece, slicePiece,
	squeezePiece, poolPiece, unpoolPiece, slopePiece, shufflePiece, channelMeanPiece, scalePiece, transposedPiece,
	weavePiece, viewPiece, fusedPiece, batchedPiece, lastPiece,
}

func (d *drawing) conv(name, x string, in, out, kernel, group int) string {
	pad := int64(kernel / 2)
	return d.node(name, "Conv", []string{x, d.weight(name+".weight", out, in/group, kernel, kernel), d.weight(name+".bias", out)},
		"group", group, "pads", []int64{pad, pad, pad, pad})
}

func convPiece(d *drawing, plan *rand.Rand, name string, live []sized, k int) sized {
	out := 2 * (1 + plan.IntN(4))
	return sized{d.node(name+".relu", "Relu", []string{d.conv(name, live[k].name, live[k].channels, out, 3, 1)}), out}
}

func groupedPiece(d *drawing, plan *rand.Rand, name string, live []sized, k int) sized {
	if live[k].channels%2 != 0 {
		return live[k]
	}
	out := 2 * (1 + plan.IntN(4))
	return sized{d.conv(name, live[k].name, live[k].channels, out, 1, 2), out}
}

func depthwisePiece(d *drawing, _ *rand.Rand, name string, live []sized, k int) sized {
	c := live[k].channels
	return sized{d.conv(name, live[k].name, c, c, 3, c), c}
}

func normPiece(d *drawing, _ *rand.Rand, name string, live []sized, k int) sized {
	c := live[k].channels
	variance := make([]float32, c)
	for i := range variance {
		variance[i] = 0.5 + d.rng.Float32()
	}
	return sized{d.node(name, "BatchNormalization", []string{live[k].name, d.weight(name+".weight", c), d.weight(name+".bias", c),
		d.weight(name+".mean", c), d.tensor(name+".var", []int{c}, variance)}), c}
}

func groupNormPiece(d *drawing, _ *rand.Rand, name string, live []sized, k int) sized {
	c := live[k].channels
	if c%2 != 0 {
		return live[k]
	}
	return sized{d.node(name, "GroupNormalization", []string{live[k].name, d.weight(name+".weight", c), d.weight(name+".bias", c)}, "num_groups", 2), c}
}

func residualPiece(d *drawing, _ *rand.Rand, name string, live []sized, k int) sized {
	c := live[k].channels
	y := d.node(name+".relu", "Relu", []string{d.conv(name+".up", live[k].name, c, 6, 3, 1)})
	return sized{d.node(name, "Add", []string{live[k].name, d.conv(name+".down", y, 6, c, 1, 1)}), c}
}

func concatPiece(d *drawing, plan *rand.Rand, name string, live []sized, k int) sized {
	other := live[plan.IntN(len(live))]
	if live[k].channels+other.channels > 24 {
		return live[k]
	}
	return sized{d.node(name, "Concat", []string{live[k].name, other.name}, "axis", 1), live[k].channels + other.channels}
}

// splitPiece multiplies the two halves of the channels.
func splitPiece(d *drawing, _ *rand.Rand, name string, live []sized, k int) sized {
	c := live[k].channels
	if c%2 != 0 {
		return live[k]
	}
	first := d.node(name, "Split", []string{live[k].name}, "axis", 1)
	n := d.model.Graph.Node[len(d.model.Graph.Node)-1]
	n.Output = append(n.Output, name+"_second")
	return sized{d.node(name+".mul", "Mul", []string{first, name + "_second"}), c / 2}
}

// slicePiece takes some of the channels.
func slicePiece(d *drawing, plan *rand.Rand, name string, live []sized, k int) sized {
	c := live[k].channels
	if c < 3 {
		return live[k]
	}
	from := plan.IntN(c - 1)
	to := from + 1 + plan.IntN(c-from)
	return sized{d.node(name, "Slice", []string{live[k].name, d.ints(name+".from", int64(from)), d.ints(name+".to", int64(to)), d.ints(name+".axes", 1)}), to - from}
}

// squeezePiece weighs channels by what is in them (squeeze and excitation).
func squeezePiece(d *drawing, _ *rand.Rand, name string, live []sized, k int) sized {
	c := live[k].channels
	y := d.node(name+".pool", "GlobalAveragePool", []string{live[k].name})
	y = d.node(name+".relu", "Relu", []string{d.conv(name+".down", y, c, 4, 1, 1)})
	y = d.node(name+".sigmoid", "Sigmoid", []string{d.conv(name+".up", y, 4, c, 1, 1)})
	return sized{d.node(name, "Mul", []string{live[k].name, y}), c}
}

func poolPiece(d *drawing, _ *rand.Rand, name string, live []sized, k int) sized {
	return sized{d.node(name, "MaxPool", []string{live[k].name}, "kernel_shape", []int64{3, 3}, "pads", []int64{1, 1, 1, 1}), live[k].channels}
}

// unpoolPiece puts the values of other channels where a pool found its maxima. The indices count positions
// through all channels, which fixes the order of the pool's.
func unpoolPiece(d *drawing, _ *rand.Rand, name string, live []sized, k int) sized {
	c := live[k].channels
	d.node(name+".pool", "MaxPool", []string{live[k].name}, "kernel_shape", []int64{2, 2}, "strides", []int64{2, 2})
	n := d.model.Graph.Node[len(d.model.Graph.Node)-1]
	n.Output = append(n.Output, name+"_indices")
	y := d.conv(name+".conv", n.Output[0], c, c, 3, 1)
	return sized{d.node(name, "MaxUnpool", []string{y, name + "_indices"}, "kernel_shape", []int64{2, 2}, "strides", []int64{2, 2}), c}
}

func slopePiece(d *drawing, _ *rand.Rand, name string, live []sized, k int) sized {
	c := live[k].channels
	return sized{d.node(name, "PRelu", []string{live[k].name, d.weight(name+".weight", c, 1, 1)}), c}
}

// shufflePiece interleaves channels, which fixes their order.
func shufflePiece(d *drawing, _ *rand.Rand, name string, live []sized, k int) sized {
	c := live[k].channels
	if c%2 != 0 {
		return live[k]
	}
	y := d.node(name+".cut", "Reshape", []string{live[k].name, d.ints(name+".5d", 2, 2, int64(c/2), 6, 6)})
	y = d.node(name+".turn", "Transpose", []string{y}, "perm", []int64{0, 2, 1, 3, 4})
	return sized{d.node(name+".join", "Reshape", []string{y, d.ints(name+".4d", 2, int64(c), 6, 6)}), c}
}

// channelMeanPiece subtracts the mean over channels.
func channelMeanPiece(d *drawing, _ *rand.Rand, name string, live []sized, k int) sized {
	mean := d.node(name+".mean", "ReduceMean", []string{live[k].name, d.ints(name+".axes", 1)})
	return sized{d.node(name, "Sub", []string{live[k].name, mean}), live[k].channels}
}

func scalePiece(d *drawing, _ *rand.Rand, name string, live []sized, k int) sized {
	c := live[k].channels
	y := d.node(name+".mul", "Mul", []string{live[k].name, d.weight(name+".scale", 1, c, 1, 1)})
	return sized{d.node(name+".add", "Add", []string{d.weight(name+".shift", c, 1, 1), y}), c}
}

func transposedPiece(d *drawing, _ *rand.Rand, name string, live []sized, k int) sized {
	return sized{d.node(name, "ConvTranspose", []string{live[k].name, d.weight(name+".weight", live[k].channels, 4, 1, 1), d.weight(name+".bias", 4)}), 4}
}

// ints adds an initializer of whole numbers.
func (d *drawing) ints(name string, values ...int64) string {
	t, err := onnx.NewTensor(name, []int{len(values)}, values)
	if err != nil {
		d.t.Fatal(err)
	}
	d.model.Graph.Initializer = append(d.model.Graph.Initializer, t)
	return name
}

// RandomImageNet draws an image network of random pieces with a linear head.
func RandomImageNet(t testing.TB, shape, seed uint64) *onnx.Model {
	return load(t, randomImageNet(t, shape, seed))
}

func randomImageNet(t testing.TB, shape, seed uint64) *onnxpb.ModelProto {
	d, plan := draw(t, seed), rand.New(rand.NewPCG(shape, 13))
	d.model.OpsetImport[0].Version = proto.Int64(21)
	live := []sized{{d.input("x"), 3}}
	d.model.Graph.Input[0].Type.GetTensorType().Shape = fixedShape(2, 3, 6, 6)
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
		y := d.node(name+".flat", "Flatten", []string{s.name})
		y = d.node(name+".hidden", "Gemm", []string{y, d.weight(name+".hidden.weight", 7, s.channels*36), d.weight(name+".hidden.bias", 7)}, "transB", 1)
		d.output(d.node(name, "MatMul", []string{d.node(name+".relu", "Relu", []string{y}), d.weight(name+".weight", 7, 3)}))
	}
	return d.model
}

func fixedShape(dims ...int64) *onnxpb.TensorShapeProto {
	s := &onnxpb.TensorShapeProto{}
	for _, d := range dims {
		s.Dim = append(s.Dim, &onnxpb.TensorShapeProto_Dimension{Value: &onnxpb.TensorShapeProto_Dimension_DimValue{DimValue: d}})
	}
	return s
}
