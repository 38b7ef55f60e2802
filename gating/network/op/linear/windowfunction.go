package linear

import (
	"math"

	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

// windowOps make tables that follow from their inputs alone: windows and mel filters (opset 17).
var windowOps = op.Family{
	op.WithZeroGradient("HannWindow", 17, buildWindow(0.5, 0.5, 0)),
	op.WithZeroGradient("HammingWindow", 17, buildWindow(25.0/46, 21.0/46, 0)),
	op.WithZeroGradient("BlackmanWindow", 17, buildWindow(0.42, 0.5, 0.08)),
	op.WithZeroGradient("MelWeightMatrix", 17, buildMelWeights),
}

// buildWindow is a - b cos(2 pi i/n) + c cos(4 pi i/n), with n the size, or size-1 where it is not periodic.
func buildWindow(a, b, c2 float64) op.Builder {
	return func(c *op.Call) (op.Operator, []op.Spec, error) {
		size, err := c.Ints(0)
		if err != nil {
			return nil, nil, err
		}
		if len(size) != 1 {
			return nil, nil, c.ShapeError("the size is %v, want one number", size)
		}
		shape, err := c.ShapeOf(size)
		if err != nil {
			return nil, nil, err
		}
		t, err := c.NewConstant(op.Spec{Type: onnx.DataType(c.Int("output_datatype", int64(onnx.Float32))),
			Shape: shape})
		if err != nil {
			return nil, nil, err
		}
		n := float64(size[0])
		if c.Int("periodic", 1) == 0 {
			n--
		}
		for i := range t.F {
			x := 2 * math.Pi * float64(i) / math.Max(1, n)
			t.F[i] = float32(a - b*math.Cos(x) + c2*math.Cos(2*x))
		}
		return c.AsConstant(t)
	}
}

// mel is the filter bank of MelWeightMatrix.
type mel struct {
	bands, bins int
	edges       []int // bands+2 bins: band i rises from edges[i] to edges[i+1] and falls to edges[i+2]
}

// buildMelWeights follows MelWeightMatrix: inputs num_mel_bins, dft_length, sample_rate, lower_edge_hertz and
// upper_edge_hertz.
func buildMelWeights(c *op.Call) (op.Operator, []op.Spec, error) {
	m, err := newMel(c)
	if err != nil {
		return nil, nil, err
	}
	t, err := c.NewConstant(op.Spec{Type: onnx.DataType(c.Int("output_datatype", int64(onnx.Float32))),
		Shape: []int{m.bins, m.bands}})
	if err != nil {
		return nil, nil, err
	}
	if t.F == nil && t.Len() > 0 {
		return nil, nil, c.Unsupported("output_datatype is %s", t.Type)
	}
	for i := range m.bands {
		low, center, high := m.edges[i], m.edges[i+1], m.edges[i+2]
		for j := low; j < high || j == center; j++ {
			w := 1.0
			if j < center {
				w = float64(j-low) / float64(center-low)
			} else if high > center {
				w = float64(high-j) / float64(high-center)
			}
			t.F[j*m.bands+i] = float32(w)
		}
	}
	return c.AsConstant(t)
}

// newMel reads the inputs and places the edges of the bands evenly on the mel scale.
func newMel(c *op.Call) (*mel, error) {
	var sizes [3]int64
	for i := range sizes {
		list, err := c.Ints(i)
		if err != nil {
			return nil, err
		}
		if len(list) != 1 || list[0] < 1 || list[0] > math.MaxInt32 {
			return nil, c.ShapeError("input %d is %v, want one positive number", i, list)
		}
		sizes[i] = list[0]
	}
	var bounds [2]float64
	for i := range bounds {
		list, err := c.Floats(3 + i)
		if err != nil {
			return nil, err
		}
		if len(list) != 1 {
			return nil, c.ShapeError("input %d has %d elements, want 1", 3+i, len(list))
		}
		bounds[i] = 2595 * math.Log10(1+float64(list[0])/700)
	}
	m := &mel{bands: int(sizes[0]), bins: int(sizes[1]/2 + 1)}
	if err := c.Env.CheckSize(c, op.Spec{Type: onnx.Float32, Shape: []int{m.bins, m.bands}}); err != nil {
		return nil, err
	}
	step := (bounds[1] - bounds[0]) / float64(m.bands+2)
	for i := range m.bands + 2 {
		hertz := 700 * (math.Pow(10, (float64(i)*step+bounds[0])/2595) - 1)
		bin := math.Floor(float64(sizes[1]+1) * hertz / float64(sizes[2]))
		if !(bin >= 0 && bin < float64(m.bins)) || i > 0 && int(bin) < m.edges[i-1] {
			return nil, c.ShapeError("the edge of a band at %g hertz is not among %d bins", hertz, m.bins)
		}
		m.edges = append(m.edges, int(bin))
	}
	return m, nil
}
