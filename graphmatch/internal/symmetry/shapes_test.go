package symmetry_test

import (
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/graphmatch/internal/flow"
	"github.com/softmerge/softmerge/graphmatch/internal/graphtest"
	"github.com/softmerge/softmerge/graphmatch/internal/symmetry"
	"github.com/softmerge/softmerge/graphmatch/random"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// shapeProgram computes vectors of whole numbers from the shape of an input x, as exporters do.
type shapeProgram struct {
	*graphtest.Builder
	g       *random.Generator
	vectors []string
	lengths []int // of the vectors
	nodes   int
}

func (d *shapeProgram) put(op string, length int, in []string, attributes ...any) {
	d.nodes++
	d.vectors = append(d.vectors, d.Node(join("n", d.nodes), op, in, attributes...))
	d.lengths = append(d.lengths, length)
}

// ints stores numbers under a new name.
func (d *shapeProgram) ints(values ...int64) string {
	d.nodes++
	return d.Ints(join("c", d.nodes), values...)
}

// step adds one random node.
func (d *shapeProgram) step() {
	k := d.g.IntN(len(d.vectors))
	v, n := d.vectors[k], d.lengths[k]
	switch d.g.IntN(8) {
	case 0:
		which := make([]int64, 1+d.g.IntN(3))
		for i := range which {
			which[i] = int64(d.g.IntN(2*n) - n)
		}
		d.put("Gather", len(which), []string{v, d.ints(which...)}, "axis", 0)
	case 1:
		from := d.g.IntN(n)
		to := from + 1 + d.g.IntN(n-from)
		start := int64([]int{from, from - n}[d.g.IntN(2)])
		d.put("Slice", to-from, []string{v, d.ints(start), d.ints(int64(to)), d.ints(0)})
	case 2:
		other := d.g.IntN(len(d.vectors))
		if n+d.lengths[other] < 20 {
			d.put("Concat", n+d.lengths[other], []string{v, d.vectors[other]}, "axis", 0)
		}
	case 3:
		d.put("ReduceProd", 1, []string{v}, "keepdims", 1)
	case 4:
		d.put("Cast", n, []string{v}, "to", int(onnx.Int64))
	case 5:
		d.put("Unsqueeze", n, []string{v, d.ints(0)})
		d.put("Reshape", n, []string{d.vectors[len(d.vectors)-1], d.ints(-1)})
		d.vectors = slices.Delete(d.vectors, len(d.vectors)-2, len(d.vectors)-1)
		d.lengths = slices.Delete(d.lengths, len(d.lengths)-2, len(d.lengths)-1)
	default:
		op := []string{"Add", "Sub", "Mul", "Div", "Mod"}[d.g.IntN(5)]
		d.put(op, n, []string{v, d.ints(int64(1 + d.g.IntN(3)))})
	}
}

// drawShapes is a program on the shape of x, whose axes are as long as given; the file tells some of the lengths only.
func drawShapes(t *testing.T, seed uint64) (d *shapeProgram, lengths []int) {
	d = &shapeProgram{Builder: graphtest.New(t, seed+1), g: random.New(seed, 25)}
	d.Model.OpsetImport[0].Version = proto.Int64(18)
	dims := []int64{}
	for i := range 2 + d.g.IntN(3) {
		length := 2 + i // what a test runs with where the file does not tell
		dims = append(dims, 0)
		if d.g.IntN(2) == 0 {
			length = 1 + d.g.IntN(6)
			dims[i] = int64(length)
		}
		lengths = append(lengths, length)
	}
	d.put("Shape", len(dims), []string{d.Shaped("x", dims...)})
	for range 1 + d.g.IntN(5) {
		d.step()
	}
	d.Output(d.Node("out", "Cast", []string{d.vectors[len(d.vectors)-1]}, "to", int(onnx.Float32)))
	return d, lengths
}

// Whatever is known of numbers that a graph computes from shapes is what the network computes.
func TestRandomShapeArithmeticAgainstTheNetwork(t *testing.T) {
	known, symbols, all := 0, 0, 0
	for seed := range uint64(400) {
		d, lengths := drawShapes(t, seed)
		m := d.Load()
		v, err := flow.Read(m)
		if err != nil {
			t.Fatal(err)
		}
		truth := graphtest.Outputs(t, m)[0].F
		traced := symmetry.TracedNumbers(v, v.Outputs[0])
		if len(traced) != len(truth) {
			t.Fatalf("seed %d: %d numbers are followed, the network computes %v", seed, len(traced), truth)
		}
		for i, x := range traced {
			all++
			want := int(truth[i])
			switch {
			case x.Known:
				known++
				if x.N != want {
					t.Fatalf("seed %d: number %d is %d, the network computes %v", seed, i, x.N, truth)
				}
			case x.Axis >= 0:
				symbols++
				if x.Factor*lengths[x.Axis] != want {
					t.Fatalf("seed %d: number %d is %d times the length of axis %d, the network computes %v for %v",
						seed,
						i, x.Factor, x.Axis, truth, lengths)
				}
			case want%x.Factor != 0:
				t.Fatalf("seed %d: number %d is a multiple of %d, the network computes %v", seed, i, x.Factor, truth)
			}
		}
	}
	if known < all/4 || symbols < all/10 {
		t.Errorf("%d of %d numbers are known, %d more as multiples of a length", known, all, symbols)
	}
}

// checkShapes compares the shapes that the trace derives for every array with those of the network. It returns how many
// lengths the trace knows, and how many there are.
func checkShapes(t *testing.T, p *onnxpb.ModelProto, what any) (known, all int) {
	t.Helper()
	p.Graph.Output = nil
	for _, n := range p.Graph.Node {
		p.Graph.Output = append(p.Graph.Output, graphtest.FloatInfo(n.GetOutput()[0]))
	}
	m := graphtest.Load(t, p)
	v, err := flow.Read(m)
	if err != nil {
		t.Fatal(err)
	}
	traced := symmetry.TracedShapes(v)
	for i, out := range graphtest.Outputs(t, m) {
		shape, ok := traced(v.Outputs[i])
		if !ok {
			continue
		}
		if len(shape) != len(out.Shape) {
			t.Fatalf("%v: %s has shape %v, the network computes %v", what, p.Graph.Node[i].GetName(), shape, out.Shape)
		}
		for k, n := range shape {
			all++
			if n > 0 {
				known++
			}
			if n > 0 && n != out.Shape[k] {
				t.Fatalf("%v: %s has shape %v, the network computes %v", what, p.Graph.Node[i].GetName(), shape,
					out.Shape)
			}
		}
	}
	return known, all
}

// The lengths that the trace derives for the arrays of random networks are those that they compute.
func TestShapesOfRandomChains(t *testing.T) {
	known, all := 0, 0
	for seed := range uint64(300) {
		c := newChain(t, seed)
		c.follow(keeping, 1+c.g.IntN(5))
		c.finish()
		k, n := checkShapes(t, c.Model, c.steps)
		known, all = known+k, all+n
	}
	if known < all*9/10 {
		t.Errorf("%d of %d lengths are known", known, all)
	}
}

// Windows of convolutions and pools of any size, step and padding leave as many positions as the network computes.
func TestShapesOfRandomWindows(t *testing.T) {
	known, all := 0, 0
	for seed := range uint64(200) {
		g := random.New(seed, 26)
		d := graphtest.New(t, seed+1)
		axes := 1 + g.IntN(3)
		x, w, kernel := []int64{2, 3}, []int{4, 3}, []int{}
		for range axes {
			x, kernel = append(x, int64(5+g.IntN(3))), append(kernel, 1+g.IntN(3))
		}
		h := d.Shaped("x", x...)
		attributes := window(g, axes, kernel)
		if g.IntN(4) == 0 {
			attributes = append(attributes[:2], "auto_pad", []string{"SAME_UPPER", "VALID"}[g.IntN(2)])
		}
		if g.IntN(2) == 0 {
			h = d.Node("conv", "Conv", []string{h, d.Weight("w", append(w, kernel...)...)}, attributes...)
		} else {
			sizes := []int64{}
			for _, n := range kernel {
				sizes = append(sizes, int64(n))
			}
			h = d.Node("pool", "MaxPool", []string{h},
				append(attributes, "kernel_shape", sizes, "ceil_mode", g.IntN(2))...)
		}
		d.Node("mean", "GlobalAveragePool", []string{h})
		k, n := checkShapes(t, d.Model, join("seed ", seed))
		known, all = known+k, all+n
	}
	if known < all/2 {
		t.Errorf("%d of %d lengths are known", known, all)
	}
}
