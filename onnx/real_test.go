package onnx

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/fixtures"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// realRefused are the files of the collection that are refused, and why. ONNX
// Runtime 1.30 and onnx.checker refuse the same ones, except that ONNX Runtime
// takes 094, in which two Constant nodes with different values define "284".
var realRefused = map[string]string{
	"086.onnx": "no operator set is imported",
	"094.onnx": `"284": output is defined already`,
	"145.onnx": `"mul_operand": 4 bytes of payload, 1 elements of bfloat16 need 2`,
	"161.onnx": "input is not an input, an initializer or an output of any node",
	"191.onnx": "ModelProto.ir_version has wire type 2, want 0",
}

// realMinor are the files with small breaches, by what these say.
var realMinor = map[string]string{
	"053.onnx": `"qonnx.custom_op.general" is not imported`,
	"055.onnx": `"qonnx.custom_op.general" is not imported`,
	"056.onnx": `"qonnx.custom_op.general" is not imported`,
	"106.onnx": `"onnx_extented.ortops.optim.cpu" is not imported`,
	"121.onnx": "dimension -1",
	"152.onnx": `"com.microsoft" is not imported`,
	"185.onnx": "no name",
	"190.onnx": "is not a graph input",
	"193.onnx": "dimension -1",
	"196.onnx": `"com.microsoft" is not imported`,
	"197.onnx": "does not know",
	"199.onnx": "dimension -1",
	"200.onnx": "no name",
	"205.onnx": `"qonnx" is not imported`,
	"206.onnx": "not sorted",
	"215.onnx": "is not a graph input",
	"220.onnx": "not sorted",
	"224.onnx": "dimension -1",
	"226.onnx": "no name",
	"233.onnx": "is not a graph input",
	"247.onnx": "imported twice",
	"250.onnx": "no name",
}

func TestRealFiles(t *testing.T) {
	files := fixtures.RealFiles(t)
	refused, minor := map[string]string{}, map[string]string{}
	for _, path := range files {
		name := filepath.Base(path)
		m, err := Open(path)
		if err == nil {
			sameBytes(t, path, m)
			err = Validate(m)
			for _, v := range Check(m) {
				if v.Minor {
					minor[name] += v.Error() + "\n"
				}
			}
			if err == nil {
				readAll(t, m)
			}
			if err := m.Close(); err != nil {
				t.Error(err)
			}
		}
		if err != nil {
			refused[name] = err.Error()
			if !errors.Is(err, ErrInvalid) {
				t.Errorf("%s: %v is not of kind ErrInvalid", name, err)
			}
		}
	}
	if len(files) != 158 {
		t.Errorf("%d files, want 158", len(files))
	}
	for name := range realRefused {
		delete(minor, name)
	}
	compareReasons(t, "refused", refused, realRefused)
	compareReasons(t, "with a small breach", minor, realMinor)
}

// compareReasons fails unless got and want have the same files and each reason
// of want is part of got's.
func compareReasons(t *testing.T, what string, got, want map[string]string) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if part, ok := want[name]; !ok || !strings.Contains(got[name], part) {
			t.Errorf("%s is %s: %s", name, what, got[name])
		}
	}
	for name := range want {
		if _, ok := got[name]; !ok {
			t.Errorf("%s is not %s", name, what)
		}
	}
}

// sameBytes fails unless a model and a view without edits are written as read.
func sameBytes(t *testing.T, path string, m *Model) {
	t.Helper()
	want := must(os.ReadFile(path))(t)
	v := must(m.With())(t)
	for _, x := range []*Model{m, v} {
		if !bytes.Equal(written(t, x), want) {
			t.Errorf("%s: written back, it differs", path)
		}
	}
}

// readAll reads every tensor of a model.
func readAll(t *testing.T, m *Model) {
	t.Helper()
	for i, el := range m.base.elements {
		if el.payload < 0 {
			continue
		}
		x := m.Tensor(m.base.messages[i].(*onnxpb.TensorProto))
		if n, err := readAny(x); err != nil || n != x.Len() {
			t.Errorf("%s: tensor %q: %d of %d elements, %v", m.Path(), x.Name(), n, x.Len(), err)
		}
	}
}

// Every float tensor of every real file takes new values, whatever its field.
func TestRealFilesTakeNewValues(t *testing.T) {
	changed := 0
	for _, path := range fixtures.RealFiles(t) {
		if realRefused[filepath.Base(path)] != "" {
			continue
		}
		m := must(Open(path))(t)
		v := doubled(t, m)
		if locations, _, err := v.dataFiles(); err != nil || len(locations) > 0 {
			continue // WriteFile's tests have these
		}
		r := must(Parse(written(t, v), ""))(t)
		for i, el := range m.base.elements {
			if el.payload < 0 {
				continue
			}
			a := v.Tensor(m.base.messages[i].(*onnxpb.TensorProto))
			b := r.Tensor(r.base.messages[i].(*onnxpb.TensorProto))
			if !a.DataType().IsFloat() {
				continue
			}
			changed++
			if !bytes.Equal(must(a.Raw())(t), must(b.Raw())(t)) {
				t.Fatalf("%s: tensor %q differs", path, a.Name())
			}
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
	if changed < 1000 {
		t.Errorf("only %d tensors changed", changed)
	}
}

// doubled is a view with all float tensors twice as large.
func doubled(t *testing.T, m *Model) *Model {
	t.Helper()
	var edits []Edit
	for i, el := range m.base.elements {
		if el.payload < 0 {
			continue
		}
		p := m.base.messages[i].(*onnxpb.TensorProto)
		x := m.Tensor(p)
		if !x.DataType().IsFloat() {
			continue
		}
		edits = append(edits, SetValues(p, func() ([]float64, error) {
			values, err := x.Doubles(nil)
			for i := range values {
				values[i] *= 2
			}
			return values, err
		}))
	}
	return must(m.With(edits...))(t)
}

// The hostile files of the fixtures are all refused, but for the one that shows
// that the others would be good without their fault.
func TestHostileFixtures(t *testing.T) {
	accepted := map[string]bool{"valid.onnx": true}
	files := must(filepath.Glob(filepath.Join("..", "fixtures", "hostile", "*.onnx")))(t)
	for _, path := range files {
		m, err := Open(path)
		if err == nil {
			err = errors.Join(Validate(m), m.Close())
		}
		if accepted[filepath.Base(path)] != (err == nil) || err != nil && !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", filepath.Base(path), err)
		}
	}
	if len(files) < 40 {
		t.Errorf("only %d files", len(files))
	}
}
