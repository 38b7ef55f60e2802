package onnx

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/softmerge/softmerge/onnx/advice"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// Violation is one thing wrong with a model. It is an error of kind ErrInvalid.
type Violation struct {
	File   string // path of the model, "" if from memory
	Node   string // label of the node, with its place unless that is the main graph; "" if it is not about a node
	Tensor string // name of the tensor or value, "" if it is not about one
	Msg    string
	// Minor marks a breach of the specification that leaves the model's
	// meaning clear. Runtimes load such files.
	Minor bool

	hint string
}

// Hint returns what to do about it, "" if that is plain.
func (v Violation) Hint() string { return v.hint }

// Error returns the violation in one line.
func (v Violation) Error() string {
	var parts []string
	if v.File != "" {
		parts = append(parts, v.File)
	}
	if v.Node != "" {
		parts = append(parts, "node "+v.Node)
	}
	if v.Tensor != "" {
		parts = append(parts, fmt.Sprintf("%q", v.Tensor))
	}
	return strings.Join(append(parts, v.Msg), ": ")
}

// Unwrap returns ErrInvalid.
func (v Violation) Unwrap() error { return ErrInvalid }

// maxViolations bounds the report on a hostile file.
const maxViolations = 1000

// Check returns everything that is wrong with a model, nil if nothing is: the
// rules of ONNX's IR.md that need no operator definitions. Violations beyond
// the thousandth are not reported.
func Check(m *Model) []Violation {
	c := &checker{m: m, functions: map[string]int{}}
	c.model()
	return c.found
}

// Validate returns the violations that are not minor joined into one error,
// nil if there are none.
func Validate(m *Model) error {
	var errs []error
	for _, v := range Check(m) {
		if !v.Minor {
			errs = append(errs, v)
		}
	}
	return errors.Join(errs...)
}

// checker collects violations.
type checker struct {
	m         *Model
	found     []Violation
	functions map[string]int // index by label
	place     *Place         // where the check is
	node      string         // label of the node it is at
	attribute string         // name of that node's attribute
}

func (c *checker) add(v Violation) {
	if len(c.found) >= maxViolations {
		return
	}
	v.File, v.Node = c.m.Path(), c.node
	if c.attribute != "" {
		v.Msg = fmt.Sprintf("attribute %q: %s", c.attribute, v.Msg)
	}
	if c.place != nil && (c.place.Outer != nil || c.place.Function != nil) {
		v.Node = strings.TrimSuffix(c.place.String()+": "+v.Node, ": ")
	}
	c.found = append(c.found, v)
}

// bad reports a violation about a value, or the model if the name is empty.
func (c *checker) bad(name, format string, args ...any) {
	c.add(Violation{Tensor: name, Msg: fmt.Sprintf(format, args...)})
}

// fail reports an error about a value and keeps its hint.
func (c *checker) fail(name string, err error) {
	c.add(Violation{Tensor: name, Msg: err.Error(), hint: advice.Hint(err)})
}

// minor is bad for what leaves the meaning clear.
func (c *checker) minor(name, format string, args ...any) {
	c.add(Violation{Tensor: name, Msg: fmt.Sprintf(format, args...), Minor: true})
}

// latestIR is the newest version of the format this package was made for.
const latestIR = 14

// model checks what is not inside a graph, then the graphs.
func (c *checker) model() {
	p := c.m.proto
	ir := p.GetIrVersion()
	switch {
	case ir <= 0:
		c.bad("", "ir_version is %d", ir)
	case ir > latestIR:
		c.minor("", "ir_version is %d, newer than %d, the newest known", ir, latestIR)
	}
	c.imports(p.GetOpsetImport())
	switch {
	case ir >= 3 && len(p.GetOpsetImport()) == 0:
		c.bad("", "no operator set is imported")
	case ir > 0 && ir < 3 && len(p.GetOpsetImport()) > 0:
		c.minor("", "operator sets are imported, which IR version %d does not know", ir)
	}
	c.metadata(p.GetMetadataProps())
	c.functionIndex()
	c.graph(&Place{Graph: p.GetGraph()}, nil)
	for _, f := range p.GetFunctions() {
		c.function(f)
	}
	c.place = nil
	c.recursion()
	for _, t := range p.GetTrainingInfo() {
		c.tensors(t.GetInitialization())
		c.tensors(t.GetAlgorithm())
	}
}

// imports checks a list of operator sets.
func (c *checker) imports(list []*onnxpb.OperatorSetIdProto) {
	seen := map[string]int64{}
	for _, o := range list {
		domain := DomainLabel(o.GetDomain())
		if o.GetVersion() <= 0 {
			c.bad("", "operator set %q is imported in version %d", domain, o.GetVersion())
		}
		switch version, twice := seen[domain]; {
		case twice && version == o.GetVersion():
			c.minor("", "operator set %q is imported twice", domain)
		case twice:
			c.bad("", "operator set %q is imported in versions %d and %d", domain, version, o.GetVersion())
		}
		seen[domain] = o.GetVersion()
	}
}

// metadata checks that keys are distinct.
func (c *checker) metadata(list []*onnxpb.StringStringEntryProto) {
	seen := map[string]bool{}
	for _, kv := range list {
		if seen[kv.GetKey()] {
			c.minor("", "metadata has the key %q twice", kv.GetKey())
		}
		seen[kv.GetKey()] = true
	}
}

// text checks a name. Protobuf says that strings are UTF-8, and some readers
// refuse a file with others.
func (c *checker) text(name string) {
	if !utf8.ValidString(name) {
		c.bad(name, "the name is not UTF-8")
	}
}
