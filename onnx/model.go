package onnx

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/softmerge/softmerge/onnx/advice"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// Model is an ONNX model: a file as it is on disk, or a view of one with
// edits applied (With). It never changes and may be used by several goroutines.
type Model struct {
	base  *source
	proto *onnxpb.ModelProto
	edits *edits // nil for the file as it is
}

// source is the file behind a model and all views of it.
type source struct {
	path string // as given to Open; empty when parsed from memory
	sum  string // of the file that a rewritten model stands for; empty for others
	dir  string // where external data is looked for; empty forbids it
	file *mapping
	scan
	messages []proto.Message // of the elements, in their order
	index    map[proto.Message]int32
	external externals
}

// Open reads the ONNX file at path. The file is mapped, not read: weights cost
// memory only while they are looked at, and the file must not be changed while
// the model is in use. The error is of kind ErrInvalid when the content is not
// ONNX. Close the model when it and all views of it are done with.
func Open(path string) (*Model, error) {
	file, err := mapPath(path)
	if err != nil {
		return nil, err
	}
	m, err := newModel(file, filepath.Dir(path))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), file.close())
	}
	m.base.path = path
	m.base.external.model = path
	return m, nil
}

// Parse reads an ONNX model from memory; data must not change afterwards.
// External data is read from files inside dir; if dir is empty a tensor with
// external data cannot be read. The error is of kind ErrInvalid.
func Parse(data []byte, dir string) (*Model, error) {
	return newModel(&mapping{data: data}, dir)
}

// FromProto makes a model of a message, as Parse does of its encoding.
func FromProto(p *onnxpb.ModelProto) (*Model, error) {
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(p)
	if err != nil {
		return nil, err
	}
	return Parse(data, "")
}

func newModel(file *mapping, dir string) (*Model, error) {
	s, err := scanMessage(file.data, rules())
	if err != nil {
		return nil, advice.Errorf(ErrInvalid, mistakenFor(file.data), "%w", err)
	}
	p := &onnxpb.ModelProto{}
	if err := proto.Unmarshal(s.skeleton, p); err != nil {
		return nil, invalidf("cannot be decoded: %v", err)
	}
	s.skeleton = nil
	if p.Graph == nil {
		return nil, advice.Errorf(ErrInvalid, mistakenFor(file.data), "holds no graph")
	}
	src := &source{dir: dir, file: file, scan: *s, external: externals{dir: dir}}
	if err := src.link(p); err != nil {
		return nil, err
	}
	return &Model{base: src, proto: p}, nil
}

// mistakenFor is the hint for a file that is not ONNX: what it looks like
// instead.
func mistakenFor(data []byte) string {
	looks := func(prefix string) bool {
		return bytes.HasPrefix(bytes.TrimSpace(data[:min(len(data), 64)]), []byte(prefix))
	}
	switch {
	case looks("version https://git-lfs"):
		return "this is a pointer to a file in Git LFS: fetch the file with git lfs pull"
	case looks("<"):
		return "this looks like a web page: download the file again"
	case looks("PK\x03\x04"):
		return "this is a zip archive, as PyTorch checkpoints are: export the model to ONNX first"
	case looks("PAR1"):
		return "this is a Parquet file, data and no model: say --data before each file, or give their folder"
	case len(data) == 0:
		return "the file is empty"
	default:
		return "check that the file is a complete ONNX model"
	}
}

// link finds the decoded message of every element: the k-th of a field on the
// wire is the k-th of the decoded list.
func (s *source) link(root proto.Message) error {
	s.messages = make([]proto.Message, len(s.elements))
	s.index = make(map[proto.Message]int32, len(s.elements))
	for i, e := range s.elements {
		msg := root
		if i > 0 {
			if msg = childOf(s.messages[e.parent], e.field, int(e.ordinal)); msg == nil {
				return invalidAt(e.tag, "field %d is not decoded", e.field)
			}
		}
		s.messages[i] = msg
		s.index[msg] = int32(i)
	}
	return nil
}

// childOf returns the k-th message in a field of parent, nil if there is none.
func childOf(parent proto.Message, field protoreflect.FieldNumber, k int) proto.Message {
	r := parent.ProtoReflect()
	fd := r.Descriptor().Fields().ByNumber(field)
	v := r.Get(fd)
	if !fd.IsList() {
		return v.Message().Interface()
	}
	if k >= v.List().Len() {
		return nil
	}
	return v.List().Get(k).Message().Interface()
}

// Path returns the path given to Open, or "" for a model from memory. A view
// has the path of the file it is made from.
func (m *Model) Path() string { return m.base.path }

// Close releases the file behind the model and behind every view that shares
// it. Later reads of tensors return ErrClosed. It must not run while
// another goroutine reads.
func (m *Model) Close() error {
	return errors.Join(m.base.file.close(), m.base.external.close())
}

// Proto returns the model without its weights: the data fields of every
// TensorProto (raw_data, float_data, ...) are empty and read through Tensor
// instead. The message is shared: it must not be changed.
func (m *Model) Proto() *onnxpb.ModelProto { return m.proto }

// Opset returns the version of an operator domain that the model imports, or 0
// if it does not; "" and "ai.onnx" are the same domain.
func (m *Model) Opset(domain string) int64 {
	return OpsetVersion(m.proto.GetOpsetImport(), domain)
}

// bytes returns the file's content.
func (s *source) bytes() ([]byte, error) {
	if s.file.closed.Load() {
		return nil, ErrClosed
	}
	return s.file.data, nil
}
