package method

import (
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/softmerge/softmerge/onnx/advice"
)

// Param is a parameter of a method: a number from Least to Most.
type Param struct {
	Name           string
	Default        float64
	Least, Most    float64
	Whole          bool // only whole numbers
	Does           string
	leastIsTooLess bool // the number has to be above Least
}

// values are a method's parameters by name.
type values map[string]float64

// check returns an error of kind ErrMethod for a number out of range.
func (p Param) check(method string, v float64) error {
	above, kind := "of at least", "a number"
	if p.leastIsTooLess {
		above = "above"
	}
	if p.Whole {
		kind = "a whole number"
	}
	if !(v >= p.Least && v <= p.Most) || p.leastIsTooLess && v == p.Least || p.Whole && v != math.Trunc(v) {
		return advice.Errorf(ErrMethod, "softmerge help methods lists parameters",
			"%s of %s is %v: want %s %s %v and at most %v", p.Name, method, v, kind, above, p.Least, p.Most)
	}
	return nil
}

// unknown is the error that a method has no such parameter.
func (m Method) unknown(name string) error {
	var names []string
	for _, p := range m.Params {
		names = append(names, p.Name)
	}
	if len(names) == 0 {
		return advice.Errorf(ErrMethod, "leave it out", "%s has no parameter %q: it has none", m.Name, name)
	}
	return advice.Errorf(ErrMethod, near(name, names, "softmerge help methods lists parameters"),
		"%s has no parameter %q: want %s", m.Name, name, strings.Join(names, ", "))
}

// sorted lists names in their order, so that of several errors always the same is told.
func sorted(params map[string]float64) []string { return slices.Sorted(maps.Keys(params)) }

// The range of factors by which task vectors are multiplied.
const mostScale = 100

// scale is the parameter by which what is added to the start is multiplied.
func scale(def float64) Param {
	return Param{Name: "lambda", Default: def, Least: 0, Most: mostScale, Does: "factor of what is added to the start"}
}

// density is the parameter of how many values are kept.
func density(def float64, does string) Param {
	return Param{Name: "density", Default: def, Least: 0, Most: 1, leastIsTooLess: true, Does: does}
}
