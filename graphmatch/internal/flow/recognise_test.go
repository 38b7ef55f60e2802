package flow_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/graphmatch/internal/flow"
	"github.com/softmerge/softmerge/graphmatch/internal/graphtest"
	"github.com/softmerge/softmerge/onnx"
)

// read reads a model as layers.
func read(t testing.TB, m *onnx.Model) *flow.Network {
	t.Helper()
	v, err := flow.Read(m)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// describe writes the layers of a model: operator and roles with shapes.
func describe(v *flow.Network) string {
	var list []string
	for _, u := range v.Units {
		s := u.Op
		for _, p := range u.Params {
			s += fmt.Sprintf(" %s%v", p.Role, u.CanonicalShape(p))
		}
		list = append(list, s)
	}
	return strings.Join(list, "; ")
}

// eps is the epsilon of all normalisations here.
const eps = 1e-5

// number adds a constant of a decomposition.
func number(d *graphtest.Builder, name string, value float32) string {
	return d.Tensor(name+"::c", nil, []float32{value})
}

// deviation draws 1/sqrt(mean(square) + eps) over the last axis.
func deviation(d *graphtest.Builder, square string) string {
	mean := d.Node("variance", "ReduceMean", []string{square}, "axes", []int64{-1})
	return d.Node("root", "Sqrt", []string{d.Node("stable", "Add", []string{mean, number(d, "eps", eps)})})
}

// decompositions are the ways that exporters write a normalisation of x [2, 6] with parameters scale and bias, by the
// operator that they mean.
var decompositions = map[string]map[string]func(d *graphtest.Builder, x string) string{
	"LayerNormalization": {
		"PyTorch": func(d *graphtest.Builder, x string) string {
			c := centred(d, "diff", x)
			y := d.Node("div", "Div", []string{c, deviation(d,
				d.Node("square", "Pow", []string{c, number(d, "two", 2)}))})
			return d.Node("shift", "Add", []string{d.Node("scaled", "Mul", []string{y, "scale"}), "bias"})
		},
		"centred twice": func(d *graphtest.Builder, x string) string {
			c := centred(d, "again", x)
			y := d.Node("div", "Div", []string{centred(d, "diff", x),
				deviation(d, d.Node("square", "Mul", []string{c, c}))})
			return d.Node("shift", "Add", []string{"bias", d.Node("scaled", "Mul", []string{"scale", y})})
		},
		"Keras": func(d *graphtest.Builder, x string) string {
			mean := d.Node("mean", "ReduceMean", []string{x}, "axes", []int64{-1})
			c := d.Node("diff", "Sub", []string{x, mean})
			inverse := d.Node("inverse", "Reciprocal", []string{deviation(d, d.Node("square", "Mul", []string{c, c}))})
			w := d.Node("weight", "Mul", []string{inverse, "scale"})
			shift := d.Node("shift", "Sub", []string{"bias", d.Node("means", "Mul", []string{mean, w})})
			return d.Node("sum", "Add", []string{d.Node("scaled", "Mul", []string{x, w}), shift})
		},
		"Keras, the mean first": func(d *graphtest.Builder, x string) string {
			mean := d.Node("mean", "ReduceMean", []string{x}, "axes", []int64{-1})
			c := d.Node("diff", "Sub", []string{mean, x})
			inverse := d.Node("inverse", "Reciprocal", []string{deviation(d, d.Node("square", "Mul", []string{c, c}))})
			w := d.Node("weight", "Mul", []string{inverse, "scale"})
			shift := d.Node("shift", "Sub", []string{"bias", d.Node("means", "Mul", []string{w, mean})})
			return d.Node("sum", "Add", []string{d.Node("scaled", "Mul", []string{w, x}), shift})
		},
	},
	"RMSNormalization": {
		"Div": func(d *graphtest.Builder, x string) string {
			y := d.Node("div", "Div", []string{x, deviation(d, d.Node("square", "Mul", []string{x, x}))})
			return d.Node("shift", "Add", []string{d.Node("scaled", "Mul", []string{y, "scale"}), "bias"})
		},
		"Reciprocal": func(d *graphtest.Builder, x string) string {
			inverse := d.Node("inverse", "Reciprocal", []string{deviation(d, d.Node("square", "Mul", []string{x, x}))})
			y := d.Node("times", "Mul", []string{x, inverse})
			return d.Node("shift", "Add", []string{d.Node("scaled", "Mul", []string{"scale", y}), "bias"})
		},
		"one by": func(d *graphtest.Builder, x string) string {
			root := deviation(d, d.Node("square", "Pow", []string{x, number(d, "two", 2)}))
			inverse := d.Node("inverse", "Div", []string{number(d, "one", 1), root})
			y := d.Node("times", "Mul", []string{inverse, x})
			return d.Node("shift", "Add", []string{d.Node("scaled", "Mul", []string{y, "scale"}), "bias"})
		},
	},
}

func centred(d *graphtest.Builder, name, x string) string {
	mean := d.Node(name+".mean", "ReduceMean", []string{x}, "axes", []int64{-1})
	return d.Node(name, "Sub", []string{x, mean})
}

// normalised is a network of two layers with a normalisation between them.
func normalised(t testing.TB, norm func(d *graphtest.Builder, x string) string) *onnx.Model {
	d := graphtest.New(t, 5)
	x := d.Node("first", "MatMul", []string{d.Shaped("x", 2, 3), d.Weight("w1", 3, 6)})
	d.Weight("scale", 6)
	d.Weight("bias", 6)
	d.Output(d.Node("last", "MatMul", []string{norm(d, x), d.Weight("w2", 6, 4)}))
	return d.Load()
}

// byDefinition computes the normalisation of rows from its formula.
func byDefinition(op string, rows [][]float64, scale, bias []float64) {
	for _, row := range rows {
		mean, square := 0.0, 0.0
		for _, x := range row {
			mean += x / float64(len(row))
		}
		if op == "RMSNormalization" {
			mean = 0
		}
		for _, x := range row {
			square += (x - mean) * (x - mean) / float64(len(row))
		}
		for i, x := range row {
			row[i] = (x-mean)/math.Sqrt(square+eps)*scale[i] + bias[i]
		}
	}
}

// Every way to write a normalisation is recognised as the operator whose formula it computes.
func TestDecomposedNormalisations(t *testing.T) {
	for op, ways := range decompositions {
		for way, norm := range ways {
			t.Run(op+" "+way, func(t *testing.T) {
				m := normalised(t, norm)
				want := "MatMul weight[3 6]; " + op + " scale[6] bias[6]; MatMul weight[6 4]"
				if got := describe(read(t, m)); got != want {
					t.Errorf("got  %s\nwant %s", got, want)
				}
				// The formula is computed on what the network without normalisation hands to it.
				plain := normalised(t, func(d *graphtest.Builder, x string) string { d.Output(x); return x })
				rows := matrix(graphtest.Outputs(t, plain)[0].F, 6)
				byDefinition(op, rows, values(t, m, "scale"), values(t, m, "bias"))
				compare(t, graphtest.Outputs(t, m)[0].F, times(rows, values(t, m, "w2"), 4))
			})
		}
	}
}

// values are a stored tensor's.
func values(t testing.TB, m *onnx.Model, name string) []float64 {
	t.Helper()
	for _, x := range m.Proto().GetGraph().GetInitializer() {
		if x.GetName() == name {
			v, err := m.Tensor(x).Doubles(nil)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
	}
	t.Fatalf("no tensor %q", name)
	return nil
}

// matrix cuts a list into rows.
func matrix(list []float32, width int) (rows [][]float64) {
	for i := 0; i < len(list); i += width {
		row := make([]float64, width)
		for k := range row {
			row[k] = float64(list[i+k])
		}
		rows = append(rows, row)
	}
	return rows
}

// times is a product of matrices, the second stored by rows.
func times(rows [][]float64, w []float64, width int) (out []float64) {
	for _, row := range rows {
		for c := range width {
			sum := 0.0
			for i, x := range row {
				sum += x * w[i*width+c]
			}
			out = append(out, sum)
		}
	}
	return out
}

func compare(t *testing.T, got []float32, want []float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d numbers, want %d", len(got), len(want))
	}
	for i, x := range got {
		if math.Abs(float64(x)-want[i]) > 1e-4*(1+math.Abs(want[i])) {
			t.Fatalf("number %d is %v, want %v", i, x, want[i])
		}
	}
}

// What only looks like a normalisation is none: each differs from one in a single place.
func TestAlmostNormalisations(t *testing.T) {
	for name, norm := range map[string]func(d *graphtest.Builder, x string) string{
		"mean of something else": func(d *graphtest.Builder, x string) string {
			mean := d.Node("mean", "ReduceMax", []string{x}, "axes", []int64{-1})
			c := d.Node("diff", "Sub", []string{x, mean})
			y := d.Node("div", "Div", []string{x, d.Node("root", "Sqrt",
				[]string{d.Node("sq", "Mul", []string{c, c})})})
			return d.Node("shift", "Add", []string{d.Node("scaled", "Mul", []string{y, "scale"}), "bias"})
		},
		"no square": func(d *graphtest.Builder, x string) string {
			y := d.Node("div", "Div", []string{x, deviation(d, d.Node("abs", "Abs", []string{x}))})
			return d.Node("shift", "Add", []string{d.Node("scaled", "Mul", []string{y, "scale"}), "bias"})
		},
		"Keras with another mean": func(d *graphtest.Builder, x string) string {
			mean := d.Node("mean", "ReduceMean", []string{x}, "axes", []int64{-1})
			other := d.Node("other", "ReduceMean", []string{d.Node("abs", "Abs", []string{x})}, "axes", []int64{-1})
			c := d.Node("diff", "Sub", []string{x, mean})
			inverse := d.Node("inverse", "Reciprocal", []string{deviation(d, d.Node("square", "Mul", []string{c, c}))})
			w := d.Node("weight", "Mul", []string{inverse, "scale"})
			shift := d.Node("shift", "Sub", []string{"bias", d.Node("means", "Mul", []string{other, w})})
			return d.Node("sum", "Add", []string{d.Node("scaled", "Mul", []string{x, w}), shift})
		},
	} {
		got := describe(read(t, normalised(t, norm)))
		if strings.Contains(got, "LayerNorm") || strings.Contains(got, "RMSNorm") {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// A group normalisation composed of reshapes and an InstanceNormalization with unit scale.
func TestDecomposedGroupNormalisation(t *testing.T) {
	group := func(unit float32) *onnx.Model {
		d := graphtest.New(t, 6)
		x := d.Conv("first", d.Shaped("x", 1, 3, 2, 2), 3, 6, 1, 1)
		x = d.Node("cut", "Reshape", []string{x, d.Ints("groups", 1, 2, 12)})
		ones := d.Tensor("gn::scale", []int{2}, []float32{unit, unit})
		zeros := d.Tensor("gn::bias", []int{2}, []float32{0, 0})
		x = d.Node("norm", "InstanceNormalization", []string{x, ones, zeros})
		x = d.Node("back", "Reshape", []string{x, d.Ints("image", 1, 6, 2, 2)})
		x = d.Node("scaled", "Mul", []string{x, d.Weight("scale", 6, 1, 1)})
		d.Output(d.Conv("last", d.Node("shift", "Add", []string{x, d.Weight("bias", 6, 1, 1)}), 6, 2, 1, 1))
		return d.Load()
	}
	if got := describe(read(t, group(1))); !strings.Contains(got, "GroupNormalization scale[6] bias[6]") {
		t.Errorf("unit scale: %s", got)
	}
	if got := describe(read(t, group(2))); strings.Contains(got, "GroupNormalization") {
		t.Errorf("a scale of two is lost: %s", got)
	}
}

// Weights counted along the channel axis: changing those of one channel changes that channel's output only.
func TestChannelAxis(t *testing.T) {
	for name, build := range map[string]func(d *graphtest.Builder) (output string, axis int){
		"Conv": func(d *graphtest.Builder) (string, int) {
			return d.Node("y", "Conv", []string{d.Shaped("x", 1, 2, 3, 3), d.Weight("w", 4, 2, 2, 2)}), 1
		},
		"grouped Conv": func(d *graphtest.Builder) (string, int) {
			return d.Node("y", "Conv", []string{d.Shaped("x", 1, 4, 3, 3), d.Weight("w", 4, 2, 2, 2)}, "group", 2), 1
		},
		"ConvTranspose": func(d *graphtest.Builder) (string, int) {
			return d.Node("y", "ConvTranspose", []string{d.Shaped("x", 1, 2, 3, 3), d.Weight("w", 2, 4, 2, 2)}), 1
		},
		"Gemm": func(d *graphtest.Builder) (string, int) {
			return d.Node("y", "Gemm", []string{d.Shaped("x", 2, 3), d.Weight("w", 3, 4)}), 1
		},
		"Gemm with transB": func(d *graphtest.Builder) (string, int) {
			return d.Node("y", "Gemm", []string{d.Shaped("x", 2, 3), d.Weight("w", 4, 3)}, "transB", 1), 1
		},
		"MatMul": func(d *graphtest.Builder) (string, int) {
			return d.Node("y", "MatMul", []string{d.Shaped("x", 2, 3), d.Weight("w", 3, 4)}), 1
		},
		"MatMul behind a Transpose": func(d *graphtest.Builder) (string, int) {
			w := d.Node("turn", "Transpose", []string{d.Weight("w", 4, 3)}, "perm", []int64{1, 0})
			return d.Node("y", "MatMul", []string{d.Shaped("x", 2, 3), w}), 1
		},
		"Conv behind a Reshape": func(d *graphtest.Builder) (string, int) {
			w := d.Node("view", "Reshape", []string{d.Weight("w", 4, 2), d.Ints("to", 4, 2, 1, 1)})
			return d.Node("y", "Conv", []string{d.Shaped("x", 1, 2, 3, 3), w}), 1
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := graphtest.New(t, 2)
			out, channels := build(d)
			d.Output(out)
			m := d.Load()
			u := read(t, m).Units[0]
			p := u.Param("weight")
			axis := u.ChannelAxis(p)
			if axis < 0 {
				t.Fatal("no channel axis")
			}
			before := graphtest.Outputs(t, m)[0]
			for c := range before.Shape[channels] {
				after := graphtest.Outputs(t, changed(t, m, p, axis, c))[0]
				if got := changedAlong(before.F, after.F, before.Shape, channels); !slices.Equal(got, []int{c}) {
					t.Errorf("weights of channel %d change the outputs %v", c, got)
				}
			}
		})
	}
}

// changed is a model with the weights at one position of an axis made larger.
func changed(t *testing.T, m *onnx.Model, p *flow.Param, axis, at int) *onnx.Model {
	t.Helper()
	shape := p.C.FileShape()
	inner := 1
	for _, n := range shape[axis+1:] {
		inner *= n
	}
	moved, err := m.With(onnx.SetValues(p.C.Tensor, func() ([]float64, error) {
		list, err := m.Tensor(p.C.Tensor).Doubles(nil)
		for i := range list {
			if i/inner%shape[axis] == at {
				list[i] += 1
			}
		}
		return list, err
	}))
	if err != nil {
		t.Fatal(err)
	}
	return moved
}

// changedAlong lists the positions of an axis at which two arrays differ.
func changedAlong(a, b []float32, shape []int, axis int) (list []int) {
	inner := 1
	for _, n := range shape[axis+1:] {
		inner *= n
	}
	for i := range a {
		if p := i / inner % shape[axis]; a[i] != b[i] && !slices.Contains(list, p) {
			list = append(list, p)
		}
	}
	slices.Sort(list)
	return list
}
