package onnx

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"

	"github.com/softmerge/softmerge/onnx/advice"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// maxFileSize is the size beyond which protobuf implementations refuse a
// message; larger models keep their weights in a data file.
const maxFileSize = math.MaxInt32

// WriteTo writes the model file: the bytes of the file the model was opened
// from, with the edits of the view applied. Data files are not written, so it
// is an error if a tensor in one has new values or if the model file would
// exceed 2 GiB; WriteFile handles both.
func (m *Model) WriteTo(w io.Writer) (int64, error) {
	p, err := m.patched(nil)
	if err != nil {
		return 0, err
	}
	if p.size > maxFileSize && m.edits != nil {
		return 0, needsFile("its size is %d bytes", p.size)
	}
	return p.WriteTo(w)
}

func needsFile(format string, args ...any) error {
	return advice.Errorf(nil, "write it with WriteFile", "the model needs a data file beside it: "+format, args...)
}

// patched collects the patches of all edits. With a layout, the tensors it
// places are made to refer to its data file.
func (m *Model) patched(l *layout) (*patched, error) {
	if l == nil {
		l = &layout{}
	}
	var list []patch
	for i, at := range l.elements {
		list = append(list, m.base.relocate(i, at)...)
	}
	if m.edits == nil {
		return m.base.assemble(list), nil
	}
	more, err := m.edits.patches(l)
	return m.base.assemble(append(list, more...)), err
}

// patches collects what the edits change in the model file.
func (e *edits) patches(l *layout) ([]patch, error) {
	list := e.metadataPatches()
	for i := range e.inputs {
		list = append(list, e.inputPatches(i)...)
	}
	for i, src := range e.values {
		if l.elements[i] != nil || e.dropped[i] {
			continue
		}
		if st := e.base.stored(i); st.external() {
			return nil, needsFile("the new values of tensor %q belong in it", st.proto.GetName())
		}
		p, err := e.valuePatches(i, src)
		if err != nil {
			return nil, err
		}
		list = append(list, p...)
	}
	for k, a := range e.added {
		p, err := e.additionPatches(a, l.added[k])
		if err != nil {
			return nil, err
		}
		list = append(list, p...)
	}
	list = append(list, e.dropPatches()...)
	inputs, err := e.graphInputPatches()
	if err != nil {
		return nil, err
	}
	declared, err := e.declarationPatches()
	if err != nil {
		return nil, err
	}
	more, err := e.nodePatches()
	return slices.Concat(list, inputs, declared, more), err
}

// SHA256 returns the hash, in hexadecimal, of the bytes that WriteTo writes,
// followed by those of its data files in the order of their names. It is an
// error where WriteTo is one. Of a model that Rewrite made, without edits, it is
// the hash of the file that it stands for.
func (m *Model) SHA256() (string, error) {
	if m.edits == nil && m.base.sum != "" {
		return m.base.sum, nil
	}
	h := sha256.New()
	if _, err := m.WriteTo(h); err != nil {
		return "", err
	}
	locations, _, err := m.dataFiles()
	if err != nil {
		return "", err
	}
	for _, location := range locations {
		f, err := m.base.external.open(location)
		if err != nil {
			return "", err
		}
		if err := (&counter{w: h}).copy(f.data); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// dataFiles lists the locations of the model's external data in order, and
// says whether an edit changes any of it.
func (m *Model) dataFiles() (locations []string, edited bool, err error) {
	found := map[string]bool{}
	for i, el := range m.base.elements {
		if el.payload < 0 {
			continue
		}
		t := m.base.messages[i].(*onnxpb.TensorProto)
		if !m.base.stored(int32(i)).external() {
			continue
		}
		ref, err := externalOf(t)
		if err != nil {
			return nil, false, fmt.Errorf("tensor %q: %w", t.GetName(), err)
		}
		found[ref.location] = true
		edited = edited || m.edits.source(int32(i)) != nil
	}
	return slices.Sorted(maps.Keys(found)), edited, nil
}
