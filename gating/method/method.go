package method

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/softmerge/softmerge/onnx/advice"
)

// ErrMethod is the kind of every error that says a method or parameter is unknown, or a number out of range.
var ErrMethod = errors.New("bad method")

// Tensor is one parameter of a layer in all models that are merged.
type Tensor struct {
	Name  string  // of layer and role: with the seed it decides what is drawn at random
	Depth float64 // of the layer in the network, from 0, the first, to 1, the last
	// Rows is how many outputs the linear map has whose weight the values are, row by row; 0 where they are none.
	Rows    int
	Start   []float64   // the models' common start; nil where it is not known
	Models  [][]float64 // one or more, of the same length
	Weights []float64   // how much each counts; they add up to one
	Seed    uint64      // of everything random
}

// Method is a closed-form merge. The zero value is none: methods come from All and Named.
type Method struct {
	Name   string
	Paper  string // where it is from; "" where it needs no source
	Does   string // in words
	Params []Param
	// Started says that the method looks at how the models differ from their start. Where that is not known their mean
	// stands for it or, if the method is Startless, nothing.
	Started, Startless bool
	// Sums says that it does so by the sum of the task vectors alone: from the mean of the models, where that is
	// nothing, it gives the mean.
	Sums bool
	// Costly says that the values are worth keeping: matrices are decomposed, or minima sought.
	Costly bool
	merge  func(*Tensor, values) ([]float64, error)
}

// All lists the methods.
func All() []Method {
	return []Method{linear, slerp, nuslerp, karcher, taskArithmetic, ties, dareLinear, dareTIES, modelStock, sce, lines,
		consensus, tsvm, isoC, wudi}
}

// Named finds a method. A name that is none is an error of kind ErrMethod, with the nearest as its hint.
func Named(name string) (Method, error) {
	var names []string
	for _, m := range All() {
		if m.Name == name {
			return m, nil
		}
		names = append(names, m.Name)
	}
	return Method{}, advice.Errorf(ErrMethod, near(name, names, "softmerge help methods lists them"),
		"there is no method %q", name)
}

// near is a hint: the nearest names, or else what to do.
func near(name string, known []string, or string) string {
	if found := advice.Nearest(name, known, 3, 1); len(found) > 0 {
		return fmt.Sprintf("did you mean %s?", found[0])
	}
	return or
}

// Merge is a method with its parameters. It never changes.
type Merge struct {
	method Method
	values values
}

// With returns the method with parameters; those that are not named have their defaults. A name that is none and a
// number out of range are errors of kind ErrMethod.
func (m Method) With(params map[string]float64) (*Merge, error) {
	v := values{}
	for _, p := range m.Params {
		v[p.Name] = p.Default
	}
	for _, name := range sorted(params) {
		i := slices.IndexFunc(m.Params, func(p Param) bool { return p.Name == name })
		if i < 0 {
			return nil, m.unknown(name)
		}
		if err := m.Params[i].check(m.Name, params[name]); err != nil {
			return nil, err
		}
		v[name] = params[name]
	}
	return &Merge{m, v}, nil
}

// Method returns which method it is.
func (m *Merge) Method() Method { return m.method }

// Params returns all parameters by name, defaults too.
func (m *Merge) Params() map[string]float64 {
	out := map[string]float64{}
	for name, v := range m.values {
		out[name] = v
	}
	return out
}

// Tensor returns the merged values of one parameter, in the order of the models'. Values of different lengths, or that
// are no matrix of so many rows, are an error, and so are matrices that cannot be decomposed and results that are no
// finite numbers.
func (m *Merge) Tensor(t *Tensor) ([]float64, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	out, err := m.method.merge(t, m.values)
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", m.method.Name, t.Name, err)
	}
	if !finite(out) {
		return nil, advice.Errorf(ErrMethod, "look at the weights there, or take smaller parameters",
			"%s: %s: the merged values are no finite numbers", m.method.Name, t.Name)
	}
	return out, nil
}

// finite says whether all numbers are.
func finite(list []float64) bool {
	return !slices.ContainsFunc(list, func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) })
}

// check makes sure that the values belong together.
func (t *Tensor) check() error {
	if len(t.Models) == 0 || len(t.Weights) != len(t.Models) {
		return fmt.Errorf("%s: %d models with %d weights, want one each", t.Name, len(t.Models), len(t.Weights))
	}
	n := len(t.Models[0])
	for _, v := range t.Models {
		if len(v) != n {
			return fmt.Errorf("%s: %d values, want %d as in the first model", t.Name, len(v), n)
		}
	}
	if t.Start != nil && len(t.Start) != n {
		return fmt.Errorf("%s: %d values, want %d as at the start", t.Name, n, len(t.Start))
	}
	if t.Rows < 0 || t.Rows > 0 && n%t.Rows != 0 {
		return fmt.Errorf("%s: %d values are no matrix of %d rows", t.Name, n, t.Rows)
	}
	return nil
}
