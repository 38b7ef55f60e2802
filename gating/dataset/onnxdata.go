package dataset

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/softmerge/softmerge/gating/dataset/spill"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/untrusted"
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
// a TensorProto whose first axis is the batch. The sets follow one another as samples; every set needs the same inputs,
// of the same types. Input K of the files is input K of the graph unless all tensors bear the graph's names. The label
// is output 0, or the output whose name or file name without suffix is the label asked for.
func (l *loader) openTestData(path string) (*Data, error) {
	sets := testSets(path)
	inputs, outputs := countFiles(sets[0], "input"), countFiles(sets[0], "output")
	list := make([]*Data, len(sets))
	for i, set := range sets {
		in, err := l.readTestTensors(set, "input", inputs)
		if err != nil {
			return nil, err
		}
		out, err := l.readTestTensors(set, "output", outputs)
		if err != nil {
			return nil, err
		}
		p, err := l.pickTestData(in, out)
		if err == nil {
			l.group = nil
			err = l.findGroup(slices.Concat(in, out), "")
		}
		if err == nil {
			list[i], err = l.read(p)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Base(set), err)
		}
		for _, a := range slices.Concat(in, out) {
			l.store.GiveBack(a.array.(testTensor).bytes)
		}
		list[i].readFrom(set)
	}
	return Join(list...)
}

// countFiles counts input_0.pb, input_1.pb, ... of a set.
func countFiles(set, kind string) int {
	n := 0
	for exists(testFile(set, kind, n)) {
		n++
	}
	return n
}

func testFile(set, kind string, k int) string {
	return filepath.Join(set, fmt.Sprintf("%s_%d.pb", kind, k))
}

func (l *loader) pickTestData(inputs, outputs []named) (picked, error) {
	p := picked{fields: l.Inputs}
	if len(p.fields) == 0 {
		for _, a := range inputs {
			p.fields = append(p.fields, Field{Name: a.name})
		}
	}
	if len(inputs) < len(p.fields) {
		return p, fail("add input_K.pb for every input of the graph", "there are %d input files for %d inputs",
			len(inputs), len(p.fields))
	}
	p.inputs = inputs[:len(p.fields)]
	if byName, ok := inOrderOf(p.fields, inputs); ok {
		p.inputs = byName
	}
	if l.Label == "" {
		p.labels = outputs[:min(1, len(outputs))]
		return p, nil
	}
	for _, key := range append([]string{l.Label}, l.More...) {
		at := -1
		for i := range outputs {
			if outputs[i].name == key || fmt.Sprintf("output_%d", i) == key {
				at = i
			}
		}
		if at < 0 {
			return p, fail(didYouMean(key, names(outputs), "name one of these as the label"),
				"there is no label %q; the outputs are %s", key, quoted(names(outputs)))
		}
		p.labels = append(p.labels, outputs[at])
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

// readTestTensors reads the first n files of a kind.
func (l *loader) readTestTensors(set, kind string, n int) ([]named, error) {
	var out []named
	for k := range n {
		path := testFile(set, kind, k)
		t, err := l.readTestTensor(path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Join(filepath.Base(set), filepath.Base(path)), err)
		}
		name := t.Name()
		if name == "" {
			name = fmt.Sprintf("%s_%d", kind, k)
		}
		out = append(out, named{name, t})
	}
	return out, nil
}

func (l *loader) readTestTensor(path string) (t testTensor, err error) {
	f, info, err := untrusted.Open(path)
	if errors.Is(err, untrusted.ErrNotRegular) {
		return t, fail("give a regular file", "this is no regular file")
	}
	if err != nil {
		return t, notFound(err)
	}
	defer f.Close()
	if err := storeError(l.store.Take(info.Size())); err != nil {
		return t, err
	}
	data := make([]byte, info.Size())
	if _, err := io.ReadFull(f, data); err != nil {
		return t, cutShort(err)
	}
	t.bytes = info.Size()
	t.Tensor, err = parseTestTensor(data)
	return t, err
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

// testTensor is a tensor whose first axis is the batch.
type testTensor struct {
	onnx.Tensor
	bytes int64 // of the file, which is in memory
}

func (t testTensor) header() (onnx.DataType, []int, error) { return t.DataType(), t.Shape(), nil }

func (t testTensor) floats(b *spill.Store) ([]float32, error) {
	if t.DataType().IsFloat() {
		return readTensor(t, b, onnx.Tensor.Floats)
	}
	ints, err := readTensor(t, b, onnx.Tensor.Ints)
	if err != nil {
		return nil, err
	}
	defer spill.Free(b, ints)
	return floatsOf(ints, b)
}

func (t testTensor) ints(b *spill.Store) ([]int64, error) {
	if !t.DataType().IsFloat() {
		return readTensor(t, b, onnx.Tensor.Ints)
	}
	reals, err := readTensor(t, b, onnx.Tensor.Doubles)
	if err != nil {
		return nil, err
	}
	defer spill.Free(b, reals)
	return intsOf(reals, b)
}

// readTensor reads a tensor.
func readTensor[T spill.Number](t testTensor, b *spill.Store, read func(onnx.Tensor, []T) ([]T, error)) ([]T, error) {
	if _, err := t.Raw(); err != nil { // it has fewer values than its shape needs
		return nil, notTensor(err)
	}
	out, err := spill.Begin[T](b, t.Len(), 0)
	if err != nil {
		return nil, storeError(err)
	}
	if out, err = read(t.Tensor, out); err != nil {
		return nil, notTensor(err)
	}
	spill.Finish(b, out)
	return out, nil
}
