package dataset

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/softmerge/softmerge/onnx"
)

// isTestData says whether a folder holds ONNX test data.
func isTestData(path string) bool {
	return len(testSets(path)) > 0
}

// testSets lists the folders of ONNX test data in order: test_data_set_0, test_data_set_1, ..., or the folder itself.
func testSets(path string) []string {
	if exists(filepath.Join(path, "input_0.pb")) {
		return []string{path}
	}
	var sets []string
	for n := 0; ; n++ {
		set := filepath.Join(path, fmt.Sprintf("test_data_set_%d", n))
		if !exists(set) {
			return sets
		}
		sets = append(sets, set)
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// openTestData reads a folder in the format of ONNX's own tests: test_data_set_N with input_K.pb and output_K.pb, each
// a TensorProto whose first axis is the batch. The sets follow one another as samples; every set needs the same inputs
// and sample shapes. Input K of the files is input K of the graph unless all tensors bear the graph's names. The label
// is output 0, or the output whose name or file name without suffix is the label asked for.
func (l *loader) openTestData(path string) (*Data, error) {
	sets := testSets(path)
	inputs, err := l.readTestTensors(sets, "input")
	if err != nil {
		return nil, err
	}
	outputs, err := l.readTestTensors(sets, "output")
	if err != nil {
		return nil, err
	}
	p, err := l.pickTestData(inputs, outputs)
	if err != nil {
		return nil, err
	}
	return l.read(p)
}

func (l *loader) pickTestData(inputs, outputs []named) (picked, error) {
	p := picked{fields: l.Inputs}
	if len(p.fields) == 0 {
		for _, a := range inputs {
			p.fields = append(p.fields, Field{Name: a.name})
		}
	}
	if len(inputs) < len(p.fields) {
		return p, fail("add input_K.pb for every input of the graph", "there are %d input files for %d inputs", len(inputs), len(p.fields))
	}
	p.inputs = inputs[:len(p.fields)]
	if byName, ok := inOrderOf(p.fields, inputs); ok {
		p.inputs = byName
	}
	for i := range outputs {
		key := outputs[i].name
		if l.Label == "" && i == 0 || l.Label != "" && (key == l.Label || fmt.Sprintf("output_%d", i) == l.Label) {
			p.label = &outputs[i]
		}
	}
	if l.Label != "" && p.label == nil {
		return p, fail(didYouMean(l.Label, names(outputs), "name one of these as the label"),
			"there is no label %q; the outputs are %s", l.Label, quoted(names(outputs)))
	}
	return p, nil
}

// inOrderOf sorts arrays by the names of the fields, if every field has one.
func inOrderOf(fields []Field, arrays []named) ([]named, bool) {
	var out []named
	for _, f := range fields {
		i := slices.IndexFunc(arrays, func(a named) bool { return a.name == f.Name })
		if i < 0 {
			return nil, false
		}
		out = append(out, arrays[i])
	}
	return out, true
}

// readTestTensors reads input_0.pb, input_1.pb, ... of every set and joins tensor K of all sets.
func (l *loader) readTestTensors(sets []string, kind string) ([]named, error) {
	var out []named
	for k := 0; exists(filepath.Join(sets[0], fmt.Sprintf("%s_%d.pb", kind, k))); k++ {
		var joined joinedTensors
		for _, set := range sets {
			path := filepath.Join(set, fmt.Sprintf("%s_%d.pb", kind, k))
			t, err := l.readTestTensor(path)
			if err == nil {
				err = joined.add(t)
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %w", filepath.Join(filepath.Base(set), filepath.Base(path)), err)
			}
		}
		name := joined.tensors[0].Name()
		if name == "" {
			name = fmt.Sprintf("%s_%d", kind, k)
		}
		out = append(out, named{name, joined})
	}
	return out, nil
}

func (l *loader) readTestTensor(path string) (onnx.Tensor, error) {
	info, err := os.Stat(path)
	if err != nil {
		return onnx.Tensor{}, notFound(err)
	}
	if !info.Mode().IsRegular() {
		return onnx.Tensor{}, fail("give a regular file", "this is no regular file")
	}
	if err := l.budget.take(int(info.Size()), 1); err != nil {
		return onnx.Tensor{}, err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return onnx.Tensor{}, unreadable(err)
	}
	return parseTestTensor(data)
}

func notFound(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fail("every test_data_set_N needs the same files", "the file is missing")
	}
	return unreadable(err)
}

// parseTestTensor reads a TensorProto. Its faults are faults of the data, not of a model.
func parseTestTensor(data []byte) (onnx.Tensor, error) {
	t, err := onnx.ParseTensor(data)
	if err != nil {
		return t, notTensor(err)
	}
	if !t.DataType().IsFloat() && !t.DataType().IsInteger() && t.DataType() != onnx.Bool {
		return t, fail("only tensors of numbers can be samples", "the tensor %q holds %s", t.Name(), t.DataType())
	}
	return t, nil
}

func notTensor(err error) error {
	return fail("write the file again; it must hold one TensorProto", "this is not a readable tensor: %v", err)
}

// joinedTensors are tensors one after another along the batch axis.
type joinedTensors struct {
	tensors []onnx.Tensor
	samples int
}

// add appends a tensor of the same type and sample shape.
func (j *joinedTensors) add(t onnx.Tensor) error {
	if len(t.Shape()) == 0 {
		return fail("the first axis must count samples", "the tensor %q is a scalar: it has no batch axis", t.Name())
	}
	if len(j.tensors) > 0 {
		first := j.tensors[0]
		if t.DataType() != first.DataType() || !slices.Equal(t.Shape()[1:], first.Shape()[1:]) {
			return fail("all sets need samples of one shape", "the tensor %q is %s %v, but in the first set it is %s %v",
				t.Name(), t.DataType(), t.Shape(), first.DataType(), first.Shape())
		}
	}
	j.tensors = append(j.tensors, t)
	j.samples += t.Shape()[0]
	return nil
}

func (j joinedTensors) header() (onnx.DataType, []int, error) {
	first := j.tensors[0]
	shape := slices.Clone(first.Shape())
	shape[0] = j.samples
	return first.DataType(), shape, nil
}

func (j joinedTensors) floats(b *budget) ([]float32, error) {
	if j.tensors[0].DataType().IsFloat() {
		return appendTensors(j, b, 4, onnx.Tensor.Floats)
	}
	ints, err := appendTensors(j, b, 8, onnx.Tensor.Ints)
	return floatsOf(ints), err
}

func (j joinedTensors) ints(b *budget) ([]int64, error) {
	if !j.tensors[0].DataType().IsFloat() {
		return appendTensors(j, b, 8, onnx.Tensor.Ints)
	}
	reals, err := appendTensors(j, b, 8, onnx.Tensor.Doubles)
	if err != nil {
		return nil, err
	}
	return intsOf(reals)
}

// appendTensors reads all tensors in turn as numbers of the given size.
func appendTensors[T any](j joinedTensors, b *budget, size int, read func(onnx.Tensor, []T) ([]T, error)) ([]T, error) {
	var out []T
	for _, t := range j.tensors {
		if err := b.take(t.Len(), size); err != nil {
			return nil, err
		}
		var err error
		if out, err = read(t, out); err != nil {
			return nil, notTensor(err)
		}
	}
	return out, nil
}
