package experts

import (
	"errors"
	"path/filepath"
	"slices"

	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/advice"
)

// shapes are those of values of a graph, followed with two numbers of samples: an axis that is as long as either is
// that of the samples.
type shapes struct{ few, more map[string]network.Spec }

// The two numbers, which no layer is likely to have.
const (
	fewSamples  = 3
	moreSamples = 5
)

// follow follows a graph, given the shape of one sample of each of its inputs, and tells the shapes of some of its
// values. Errors are those of lowering.
func follow(m *onnx.Model, sample map[string][]int, names []string) (*shapes, error) {
	few, err := lowered(m, sample, names, fewSamples)
	if err != nil {
		return nil, err
	}
	more, err := lowered(m, sample, names, moreSamples)
	return &shapes{few, more}, err
}

// lowered are the values' types and shapes with a number of samples.
func lowered(m *onnx.Model, sample map[string][]int, names []string, samples int) (map[string]network.Spec, error) {
	w := kernel.NewWorkers(1)
	defer w.Close()
	c := network.Config{Shapes: map[string][]int{}, Outputs: names, Workers: w}
	for name, shape := range sample {
		c.Shapes[name] = append([]int{samples}, shape...)
	}
	g, err := network.Lower(m, c)
	if errors.Is(err, network.ErrShape) {
		return nil, advice.Errorf(network.ErrUnsupported,
			"export it with a dynamic batch axis: dynamic_axes or dynamic_shapes of torch.onnx.export",
			"%s does not take any number of samples: %v", filepath.Base(m.Path()), err)
	}
	if err != nil {
		return nil, err
	}
	out := map[string]network.Spec{}
	for _, o := range g.Outputs() {
		out[o.Name] = o.Spec
	}
	return out, nil
}

// perSample says whether a value's first axis counts the samples and no other does, and how many axes it has.
func (s *shapes) perSample(name string) (rank int, ok bool) {
	few, more := s.few[name].Shape, s.more[name].Shape
	if len(few) == 0 || len(few) != len(more) || few[0] != fewSamples || more[0] != moreSamples {
		return 0, false
	}
	return len(few), slices.Equal(few[1:], more[1:])
}

// rank is how many axes a value has.
func (s *shapes) rank(name string) int { return len(s.few[name].Shape) }

// constant says whether the first axis of a value has the length one, whatever the number of samples.
func (s *shapes) constant(name string) bool {
	few, more := s.few[name].Shape, s.more[name].Shape
	return len(few) > 0 && few[0] == 1 && slices.Equal(few, more)
}

// float says whether a value is of a float type.
func (s *shapes) float(name string) bool { return s.few[name].IsFloat() }
