package onnx

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// Source gives the values of a tensor in row-major order when they are needed,
// so that a model larger than memory can be written. It may be called several
// times, not at once, and must give the same values each time. Values are
// rounded to the nearest of the tensor's type, ties to even.
type Source func() ([]float64, error)

// Edit is one change of a model, applied by Model.With. The messages it names
// may be of the model, of the file the model is a view of, or of any view in
// between.
type Edit struct{ apply func(*edits) error }

// SetValues replaces the elements of a tensor of a float type. Type, shape and
// name stay; so does the field or file that holds the elements, unless its
// encoding has no fixed size: then they become raw_data.
func SetValues(t *onnxpb.TensorProto, src Source) Edit {
	return Edit{func(e *edits) error {
		if i, ok := e.addedIndex[t]; ok {
			e.added[i].src = src
			return nil
		}
		i, ok := e.element(t)
		if !ok {
			return fmt.Errorf("tensor %q is not of this model", t.GetName())
		}
		if _, err := e.base.plan(i); err != nil {
			return err
		}
		e.values[i] = src
		return nil
	}}
}

// AddInitializer adds a constant of a float type, of uint8, int64 or bool to a
// graph, as raw_data; values of integers must be whole and in range, and those
// of bool 0 or 1. The name must be new to the graph. In a file before IR version 4, where every
// initializer is an input too, it adds the input.
func AddInitializer(g *onnxpb.GraphProto, name string, dt DataType, dims []int, src Source) Edit {
	return Edit{func(e *edits) error {
		i, ok := e.element(g)
		if !ok {
			return fmt.Errorf("graph %q is not of this model", g.GetName())
		}
		if !dt.IsFloat() && dt != Uint8 && dt != Int64 && dt != Bool {
			return fmt.Errorf("initializer %q: %s is neither a float type nor uint8, int64 or bool", name, dt)
		}
		if name == "" || e.definedIn(i, name) {
			return fmt.Errorf("initializer %q: the name is not new to graph %q", name, g.GetName())
		}
		p := emptyTensor(name, dt, dims)
		if t := describe(p, nil); t.err != nil {
			return fmt.Errorf("initializer %q: %w", name, t.err)
		}
		e.addedIndex[p] = len(e.added)
		e.added = append(e.added, addition{graph: i, proto: p, src: src})
		return nil
	}}
}

// maxSlot bounds the input slots SetInput may create.
const maxSlot = 1 << 12

// SetInput makes an input slot of a node read the value of that name. A slot
// beyond the last one is created, with empty ones before it where needed.
func SetInput(n *onnxpb.NodeProto, slot int, name string) Edit {
	return Edit{func(e *edits) error {
		i, ok := e.element(n)
		if !ok || e.dropped[i] {
			return fmt.Errorf("node %q is not of this model", NodeLabel(n))
		}
		if slot < 0 || slot >= max(maxSlot, len(n.GetInput())) {
			return fmt.Errorf("node %q: there is no input slot %d", NodeLabel(n), slot)
		}
		if e.inputs[i] == nil {
			e.inputs[i] = map[int]string{}
		}
		e.inputs[i][slot] = name
		return nil
	}}
}

// SetMetadata sets an entry of the model's metadata_props: it replaces the
// value of an existing key and appends a new one at the end of the file.
func SetMetadata(key, value string) Edit {
	return Edit{func(e *edits) error {
		e.metadata.set(key, value)
		return nil
	}}
}

// DropMetadata removes the entries of the model's metadata_props whose key
// starts with prefix.
func DropMetadata(prefix string) Edit {
	return Edit{func(e *edits) error {
		e.metadata.drop(prefix)
		return nil
	}}
}

// addition is an initializer that is not in the file.
type addition struct {
	graph int32 // element of the graph it belongs to
	proto *onnxpb.TensorProto
	src   Source
}

// edits are all changes of a view against the file, by element.
type edits struct {
	base        *source
	values      map[int32]Source
	inputs      map[int32]map[int]string // by node and slot
	added       []addition
	nodes       []newNode
	graphInputs []newInput
	declared    []newInput     // outputs and value_info that replace those of their names
	dropped     map[int32]bool // initializers and nodes
	addedIndex  map[*onnxpb.TensorProto]int
	metadata    metadata
	alias       map[proto.Message]int32 // messages of views, by the element they stand for
}

// store returns where the elements of t are if an edit put them there.
func (e *edits) store(t *onnxpb.TensorProto) (store, bool) {
	if e == nil {
		return nil, false
	}
	if i, ok := e.addedIndex[t]; ok {
		return sourced(e.added[i].src), true
	}
	i, ok := e.element(t)
	if !ok || e.values[i] == nil {
		return nil, false
	}
	return sourced(e.values[i]), true
}

// source returns the new values of the tensor at element i, nil if it has none.
func (e *edits) source(i int32) Source {
	if e == nil {
		return nil
	}
	return e.values[i]
}

// element returns the element a message of the file or of a view stands for.
func (e *edits) element(m proto.Message) (int32, bool) {
	if i, ok := e.base.index[m]; ok {
		return i, true
	}
	i, ok := e.alias[m]
	return i, ok
}

// definedIn says whether a name is taken in a graph, not counting the graphs
// around it.
func (e *edits) definedIn(graph int32, name string) bool {
	g := e.base.messages[graph].(*onnxpb.GraphProto)
	for _, t := range g.GetInitializer() {
		if t.GetName() == name {
			return true
		}
	}
	for _, v := range g.GetInput() {
		if v.GetName() == name {
			return true
		}
	}
	for _, n := range g.GetNode() {
		if slices.Contains(n.GetOutput(), name) && !e.dropped[e.base.index[n]] {
			return true
		}
	}
	for _, a := range e.added {
		if a.graph == graph && a.proto.GetName() == name {
			return true
		}
	}
	if slices.ContainsFunc(e.graphInputs, func(in newInput) bool {
		return in.graph == graph && in.proto.GetName() == name
	}) {
		return true
	}
	return slices.ContainsFunc(e.nodes, func(n newNode) bool {
		return n.graph == graph && slices.Contains(n.proto.GetOutput(), name)
	})
}

// metadata is the model's metadata_props with changes.
type metadata struct {
	entries []entry
	changed bool
}

// entry is a key and value; those of the file come first and in its order.
type entry struct {
	key, value string
	set        bool // the value is not that of the file
	dropped    bool
}

func (m *metadata) set(key, value string) {
	found := false
	for i := range m.entries {
		e := &m.entries[i]
		if e.dropped || e.key != key {
			continue
		}
		if found { // a second entry of the same key
			e.dropped, m.changed = true, true
			continue
		}
		found = true
		if e.value != value {
			e.value, e.set, m.changed = value, true, true
		}
	}
	if !found {
		m.entries = append(m.entries, entry{key: key, value: value, set: true})
		m.changed = true
	}
}

func (m *metadata) drop(prefix string) {
	for i := range m.entries {
		if e := &m.entries[i]; !e.dropped && strings.HasPrefix(e.key, prefix) {
			e.dropped, m.changed = true, true
		}
	}
}

// protos returns the entries that are left, given those of the file.
func (m *metadata) protos(file []*onnxpb.StringStringEntryProto) []*onnxpb.StringStringEntryProto {
	var list []*onnxpb.StringStringEntryProto
	for i, e := range m.entries {
		switch {
		case e.dropped:
		case e.set:
			list = append(list, &onnxpb.StringStringEntryProto{Key: proto.String(e.key), Value: proto.String(e.value)})
		default:
			list = append(list, file[i])
		}
	}
	return list
}

// sourced is the store of a tensor whose values an edit gives.
type sourced Source

func (s sourced) values(t *Tensor) ([]float64, error) {
	v, err := s()
	if err == nil && len(v) != t.n {
		err = fmt.Errorf("the new values are %d, the shape %v needs %d", len(v), t.shape, t.n)
	}
	return v, err
}

func (s sourced) raw(t *Tensor) ([]byte, error) {
	v, err := s.values(t)
	if err != nil {
		return nil, err
	}
	return appendValues(make([]byte, 0, t.size), t.dtype, v), nil
}

func (s sourced) strings(t *Tensor) ([]string, error) {
	return nil, t.wrongType("does not hold strings")
}
