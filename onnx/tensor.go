package onnx

import (
	"fmt"
	"math"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// Tensor is an immutable view of one tensor's elements, wherever and in
// whichever field they are stored. Nothing is read before a method asks for
// it. The zero Tensor has no elements.
type Tensor struct {
	name  string
	dtype DataType
	shape []int
	n     int   // elements
	size  int   // bytes of the raw form
	err   error // why it cannot be read
	store store
}

// store is where a tensor's elements are.
type store interface {
	raw(t *Tensor) ([]byte, error) // little endian; may alias the file
	strings(t *Tensor) ([]string, error)
}

// Tensor returns the elements of a TensorProto of this model: an initializer,
// a tensor in an attribute, in a subgraph or function, or a part of a sparse
// tensor. What is wrong with it (unknown type, negative or overflowing dims, a
// payload that does not fit, external data outside the model's folder) is an
// error of the methods that read it.
func (m *Model) Tensor(t *onnxpb.TensorProto) Tensor {
	if s, ok := m.edits.store(t); ok {
		return describe(t, s)
	}
	i, ok := m.base.index[t]
	if !ok || m.base.elements[i].payload < 0 {
		return Tensor{name: t.GetName(), err: fmt.Errorf("tensor %q is not of this model", t.GetName())}
	}
	return describe(t, &stored{src: m.base, proto: t, runs: m.base.payloads[m.base.elements[i].payload]})
}

// ParseTensor reads a file that holds one TensorProto, as ONNX's test data
// does. External data is refused. data must not change afterwards.
func ParseTensor(data []byte) (Tensor, error) {
	s, err := scanMessage(data, tensorRules())
	if err != nil {
		return Tensor{}, err
	}
	p := &onnxpb.TensorProto{}
	if err := proto.Unmarshal(s.skeleton, p); err != nil {
		return Tensor{}, invalidf("cannot be decoded: %v", err)
	}
	t := describe(p, &stored{src: &source{file: &mapping{data: data}}, proto: p, runs: s.payloads[0]})
	return t, t.err
}

// TensorOf returns the elements of a TensorProto in memory, such as NewTensor
// makes. To read a tensor of a model use Model.Tensor.
func TensorOf(p *onnxpb.TensorProto) Tensor {
	data, err := proto.Marshal(p)
	if err != nil {
		return Tensor{name: p.GetName(), err: err}
	}
	t, err := ParseTensor(data)
	t.err = err
	return t
}

// describe checks type and shape; no payload is touched.
func describe(p *onnxpb.TensorProto, s store) Tensor {
	t := Tensor{name: p.GetName(), dtype: DataType(p.GetDataType()), store: s}
	switch {
	case !t.dtype.Known():
		t.err = invalidf("the element type %s is not known", t.dtype)
	case p.Segment != nil:
		t.err = invalidf("it is a segment of a larger tensor, which is not supported")
	default:
		t.shape, t.n, t.err = elementCount(p.GetDims())
	}
	if t.err == nil {
		var ok bool
		if t.size, ok = t.dtype.packedBytes(t.n); !ok {
			t.err = invalidf("shape %v is too large", p.GetDims())
		}
	}
	if t.err != nil {
		t.n = 0
	}
	return t
}

// elementCount returns dims as a shape and their product.
func elementCount(dims []int64) ([]int, int, error) {
	shape, n := make([]int, len(dims)), 1
	empty := false
	for i, d := range dims {
		if d < 0 || d > math.MaxInt {
			return nil, 0, invalidf("shape %v has the dimension %d", dims, d)
		}
		shape[i] = int(d)
		empty = empty || d == 0
	}
	if empty {
		return shape, 0, nil
	}
	for _, d := range shape {
		if n > math.MaxInt/d {
			return nil, 0, invalidf("shape %v has more elements than fit", dims)
		}
		n *= d
	}
	return shape, n, nil
}

// Name returns the tensor's name; constants in attributes often have none.
func (t Tensor) Name() string { return t.name }

// DataType returns the element type.
func (t Tensor) DataType() DataType { return t.dtype }

// Shape returns the dimensions, outermost first; empty for a scalar and nil
// for a tensor whose dims are invalid. It must not be changed.
func (t Tensor) Shape() []int { return t.shape }

// Len returns the number of elements, 0 if the tensor is invalid.
func (t Tensor) Len() int { return t.n }

// Err returns what is wrong with type or shape, without reading the payload.
func (t Tensor) Err() error { return t.err }

// Raw returns the elements in the format of raw_data: little endian, row-major,
// 4-bit and 2-bit types packed from the low bits up, bool a byte of 0 or 1.
// The slice may be the mapped file itself and must not be changed.
func (t Tensor) Raw() ([]byte, error) {
	if err := t.readable(); err != nil {
		return nil, err
	}
	if t.dtype == String {
		return nil, t.wrongType("has no raw form")
	}
	raw, err := t.store.raw(&t)
	if err != nil {
		return nil, t.wrap(err)
	}
	return raw, nil
}

// Strings returns the elements of a string tensor. They need not be UTF-8.
func (t Tensor) Strings() ([]string, error) {
	if err := t.readable(); err != nil {
		return nil, err
	}
	if t.dtype != String {
		return nil, t.wrongType("does not hold strings")
	}
	s, err := t.store.strings(&t)
	if err != nil {
		return nil, t.wrap(err)
	}
	return s, nil
}

func (t *Tensor) readable() error {
	if t.err != nil {
		return t.wrap(t.err)
	}
	if t.store == nil {
		return fmt.Errorf("the zero tensor has no elements")
	}
	return nil
}

func (t *Tensor) wrap(err error) error { return fmt.Errorf("tensor %q: %w", t.name, err) }

func (t *Tensor) wrongType(what string) error {
	return fmt.Errorf("tensor %q is of type %s and %s", t.name, t.dtype, what)
}
