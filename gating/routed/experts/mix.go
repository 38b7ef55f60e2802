package experts

import (
	"fmt"
	"maps"
	"slices"

	"github.com/softmerge/softmerge/gating/routed/internal/surgery"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// mixer rewrites layers of a base so that every sample is computed by its own mixture of the models' weights.
//
// Where the parameter is a vector that is added or multiplied, the mixture itself is computed: a [B,J] matrix of gates
// times a [J,C] table. Where it is a matrix, that would need a matrix for each sample; all models compute their outputs
// instead, in one operator where that can be: MatMul and Gemm read J copies of the input, scaled by the gates and side
// by side, and add up over them as over any input; Conv has J times as many outputs, which one product with the gates
// adds up, and where its channels are in groups stands J times.
type mixer struct {
	*surgery.Writer
	shapes  *shapes
	parents int
	head    *onnxpb.NodeProto           // before which the gates stand
	gates   string                      // their value, [B,J]
	turned  map[string]string           // the gates in other shapes
	scaled  map[string]string           // J scaled copies of a value, by its name
	done    map[*onnxpb.TensorProto]int // sites that read a tensor no more
}

// newMixer begins with the value that is the gates.
func newMixer(w *surgery.Writer, s *shapes, head *onnxpb.NodeProto, gates string) *mixer {
	return &mixer{Writer: w, shapes: s, parents: len(w.Alignment.Models), head: head, gates: gates,
		turned: map[string]string{}, scaled: map[string]string{}, done: map[*onnxpb.TensorProto]int{}}
}

// forms are the operators that can be mixed, and how.
var forms = map[string]func(*mixer, *site) error{
	"MatMul": (*mixer).matMul, "Gemm": (*mixer).gemm, "Gather": (*mixer).gather,
	"Conv": (*mixer).conv, "ConvTranspose": (*mixer).conv,
	"BatchNormalization":    (*mixer).batchNorm,
	"InstanceNormalization": (*mixer).norm, "LayerNormalization": (*mixer).norm,
	"Add": (*mixer).element, "Sub": (*mixer).element, "Mul": (*mixer).element, "PRelu": (*mixer).element,
	"Expand": (*mixer).element,
}

// mix rewrites a node, or says why that cannot be.
func (m *mixer) mix(s *site) error {
	if err := m.check(s); err != nil {
		return err
	}
	form := forms[onnx.OpLabel(s.node)]
	if form == nil {
		return unsupported(s.layer, "%s is not linear in its parameters, or not known to be", onnx.OpLabel(s.node))
	}
	if err := form(m, s); err != nil {
		return err
	}
	for _, slot := range slices.Sorted(maps.Keys(s.params)) {
		m.drop(s.params[slot])
	}
	return nil
}

// drop removes a parameter's tensor once the last site that reads it was rewritten.
func (m *mixer) drop(p paramOf) {
	use := &p.Uses[m.Alignment.Base]
	if m.done[use.Tensor]++; m.done[use.Tensor] == len(use.Sites) {
		m.Drop(use)
	}
}

// check refuses what no form can mix: types that runtimes do not add up, and outputs without an axis of samples.
func (m *mixer) check(s *site) error {
	for _, slot := range slices.Sorted(maps.Keys(s.params)) {
		p := s.params[slot]
		if t := m.Base.Tensor(p.Uses[m.Alignment.Base].Tensor).DataType(); t != onnx.Float32 {
			return unsupported(p.layer, "its %s has the type %s: convert the models to float32", p.Role, t)
		}
	}
	if len(s.node.GetOutput()) > 1 {
		return unsupported(s.layer, "%s has several outputs", onnx.NodeLabel(s.node))
	}
	out := s.node.GetOutput()[0]
	if _, ok := m.shapes.perSample(out); !ok && !(s.node.GetOpType() == "Gather" && m.shapes.constant(out)) {
		return unsupported(s.layer, "the first axis of %s, of shape %v for %d samples, does not count the samples: "+
			"they are folded into another axis, or stand elsewhere", onnx.NodeLabel(s.node), m.shapes.few[out].Shape,
			fewSamples)
	}
	return nil
}

// values are a model's numbers of a parameter, as the base's node reads them.
func (m *mixer) values(p paramOf, parent int) ([]float64, error) {
	return m.Alignment.Doubles(p.Param, parent, nil)
}

// each are all models' numbers of a parameter, one behind the other.
func (m *mixer) each(p paramOf) onnx.Source {
	return func() ([]float64, error) {
		var all []float64
		for j := range m.parents {
			v, err := m.values(p, j)
			if err != nil {
				return nil, err
			}
			all = append(all, v...)
		}
		return all, nil
	}
}

// stacked are all models' numbers of a parameter, stacked along an axis of it.
func (m *mixer) stacked(p paramOf, axis int) (shape []int, src onnx.Source) {
	shape = slices.Clone(p.Shape)
	shape[axis] *= m.parents
	inner := 1
	for _, d := range p.Shape[axis:] {
		inner *= d
	}
	return shape, func() ([]float64, error) {
		all := make([]float64, m.parents*p.size())
		for j := range m.parents {
			v, err := m.values(p, j)
			if err != nil {
				return nil, err
			}
			for i := 0; i < len(v); i += inner {
				copy(all[(i*m.parents)+j*inner:], v[i:i+inner])
			}
		}
		return all, nil
	}
}

// turn is the gates in another shape, of which one axis is the models' and the first the samples'.
func (m *mixer) turn(shape ...int) string {
	key := fmt.Sprint(shape)
	if m.turned[key] == "" {
		m.turned[key] = m.NodeAt(m.head, "Reshape", "gates.turned", []string{m.gates, m.shape("gates.shape", shape...)})
	}
	return m.turned[key]
}

// shape adds the shape that a Reshape reads: 0 keeps the axis at its place, -1 is what is left.
func (m *mixer) shape(name string, dims ...int) string {
	values := make([]float64, len(dims))
	for i, d := range dims {
		values[i] = float64(d)
	}
	return m.Constant(name, onnx.Int64, []int{len(dims)}, values...)
}

// repeated is a list of one number, so many times, and more behind it.
func repeated(v, times int, more ...int) []int {
	return append(slices.Repeat([]int{v}, times), more...)
}

// table is each sample's own mixture of a parameter, of the shape given without the samples' axis: gates [B,J] times a
// table [J,C].
func (m *mixer) table(s *site, name string, size int, src onnx.Source, shape ...int) string {
	all := m.Add(name+".all", onnx.Float32, []int{m.parents, size}, src)
	mixed := m.NodeAt(s.node, "MatMul", name+".mixed", []string{m.gates, all})
	if len(shape) == 1 {
		return mixed
	}
	own := m.shape(name+".shape", append([]int{0}, shape...)...)
	return m.NodeAt(s.node, "Reshape", name+".own", []string{mixed, own})
}
