package onnx

import (
	"bytes"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// Rewrite makes a model in memory that stands for the same file in another form: change is given the whole message,
// weights included, in which nodes and tensors are at the same places as in Proto. External data stays where it is.
// The new model has m's path and, as long as nothing edits it, m's sum, so that messages, reports and recipes go on
// naming the file. It is an error if m has edits, or if the result needs more than 2 GiB.
func (m *Model) Rewrite(change func(*onnxpb.ModelProto) error) (*Model, error) {
	if m.edits != nil {
		return nil, fmt.Errorf("%s: a model with edits cannot be rewritten", m.Path())
	}
	var file bytes.Buffer
	if _, err := m.WriteTo(&file); err != nil {
		return nil, err
	}
	sum, err := m.SHA256()
	if err != nil {
		return nil, err
	}
	p := &onnxpb.ModelProto{}
	if err := proto.Unmarshal(file.Bytes(), p); err != nil {
		return nil, invalidf("cannot be decoded: %v", err)
	}
	if err := change(p); err != nil {
		return nil, err
	}
	if size := proto.Size(p); size > maxFileSize {
		return nil, fmt.Errorf("%s: rewritten it would have %d bytes, more than the 2 GiB of an ONNX file", m.Path(),
			size)
	}
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(p)
	if err != nil {
		return nil, err
	}
	out, err := newModel(&mapping{data: data}, m.base.dir)
	if err != nil {
		return nil, err
	}
	out.base.path, out.base.external.model, out.base.sum = m.base.path, m.base.external.model, sum
	return out, nil
}
