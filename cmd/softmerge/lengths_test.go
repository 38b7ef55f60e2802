package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/cmd/softmerge/internal/report"
	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/onnx"
)

// lengthsFamily is a family with data of several lengths.
func lengthsFamily(t *testing.T, name string) (parents []string, val, test string) {
	t.Helper()
	dir := filepath.Join(fixtures(), "families", name)
	parents, err := filepath.Glob(filepath.Join(dir, "ft*.onnx"))
	if err != nil || len(parents) == 0 {
		t.Fatalf("no parents: %v", err)
	}
	return parents, filepath.Join(dir, "lengths_val.npz"), filepath.Join(dir, "lengths_test.npz")
}

// TestMergesOfSeveralLengths merges a tagger and a masked encoder on sequences of
// several lengths: the written file beats every parent on data that nothing saw,
// and on each length alone it has the figures that ONNX Runtime has, where that is
// installed.
func TestMergesOfSeveralLengths(t *testing.T) {
	for name, flags := range map[string][]string{"gru": nil, "bert": {"--max-steps", "24", "--rounds", "1", "--granularity", "layer"}} {
		t.Run(name, func(t *testing.T) {
			parents, val, test := lengthsFamily(t, name)
			out := filepath.Join(t.TempDir(), "merged.onnx")
			args := append([]string{"merge", "-q", "-o", out, "--data", val}, append(flags, parents...)...)
			var stdout, stderr bytes.Buffer
			if code := run(context.Background(), args, &stdout, &stderr); code != 0 {
				t.Fatalf("exit code %d: %s", code, stderr.String())
			}
			rows := evaluated(t, test, append(parents, out)...)
			merged := rows[len(rows)-1]
			for _, r := range rows[:len(rows)-1] {
				if *merged.Metric <= *r.Metric || *merged.Loss >= *r.Loss {
					t.Errorf("accuracy %.4f and loss %.4f on test data, %s has %.4f and %.4f", *merged.Metric,
						*merged.Loss, r.Path, *r.Metric, *r.Loss)
				}
			}
			checkEachLength(t, out, test, merged)
		})
	}
}

// checkEachLength evaluates a model on the samples of each length alone: they add
// up to what it has on all of them.
func checkEachLength(t *testing.T, model, data string, whole report.Evaluated) {
	t.Helper()
	parts := partFiles(t, model, data)
	if len(parts) < 5 {
		t.Fatalf("%d lengths", len(parts))
	}
	var loss, right, positions float64
	for _, part := range parts {
		r := evaluated(t, part.path, model)[0]
		loss += *r.Loss * float64(r.Samples) / float64(whole.Samples)
		right += *r.Metric * float64(part.labels)
		positions += float64(part.labels)
		if os.Getenv("ORT_NODE_MODULES") == "" {
			continue
		}
		correct, theirs, mean := onnxRuntime(t, model, part.path)
		if ours := int(math.Round(*r.Metric * float64(part.labels))); ours != correct || theirs != part.labels {
			t.Errorf("%s: %d of %d right, ONNX Runtime has %d of %d", filepath.Base(part.path), ours, part.labels,
				correct, theirs)
		}
		if math.Abs(mean-*r.Loss) > 1e-5 {
			t.Errorf("%s: loss %v, ONNX Runtime has %v", filepath.Base(part.path), *r.Loss, mean)
		}
	}
	if math.Abs(loss-*whole.Loss) > 1e-5 || math.Abs(right/positions-*whole.Metric) > 1e-9 {
		t.Errorf("loss %v and accuracy %v added up, %v and %v at once", loss, right/positions, *whole.Loss,
			*whole.Metric)
	}
}

// TestWaysToGiveLengths: padded arrays with lengths, a file for each length and
// ONNX test data, a set for each length, are one data set.
func TestWaysToGiveLengths(t *testing.T) {
	parents, _, padded := lengthsFamily(t, "gru")
	want := evaluated(t, padded, parents[0])[0]
	args, folder := []string{"eval", "--json", "-q", parents[0]}, t.TempDir()
	for i, part := range partFiles(t, parents[0], padded) {
		args = append(args, "--data", part.path)
		set := filepath.Join(folder, fmt.Sprintf("test_data_set_%d", i))
		writeTensor(t, filepath.Join(set, "input_0.pb"), part.data.Inputs[0])
		writeTensor(t, filepath.Join(set, "output_0.pb"), *part.data.Label)
	}
	for _, args := range [][]string{args, {"eval", "--json", "-q", parents[0], "--data", folder}} {
		var out, errs bytes.Buffer
		if code := run(context.Background(), args, &out, &errs); code != 0 {
			t.Fatalf("%v: exit code %d: %s", args, code, errs.String())
		}
		var r struct{ Models []report.Evaluated }
		if err := json.Unmarshal(out.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		got := r.Models[0]
		if math.Abs(*got.Loss-*want.Loss) > 1e-9 || *got.Metric != *want.Metric || got.Samples != want.Samples {
			t.Errorf("%v: loss %v, accuracy %v, %d samples; want %v, %v, %d", args, *got.Loss, *got.Metric,
				got.Samples, *want.Loss, *want.Metric, want.Samples)
		}
	}
}

// writeTensor writes a column as a tensor in a file of ONNX test data.
func writeTensor(t *testing.T, path string, c dataset.Column) {
	t.Helper()
	shape := append([]int{c.Len()}, c.Shape...)
	p, err := onnx.NewTensor(c.Name, shape, c.Floats)
	if c.Ints != nil {
		p, err = onnx.NewTensor(c.Name, shape, c.Ints)
	}
	if err != nil {
		t.Fatal(err)
	}
	file, err := proto.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, file, 0o644); err != nil {
		t.Fatal(err)
	}
}

// partFile is a file with samples of one length.
type partFile struct {
	path   string
	data   *dataset.Data
	labels int // how many there are
}

// partFiles writes the samples of each length to a file of their own.
func partFiles(t *testing.T, model, data string) (list []partFile) {
	t.Helper()
	m, err := onnx.Open(model)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	d, err := dataset.Open(data, dataset.Options{Inputs: gating.Fields(m)})
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range d.Parts() {
		path := filepath.Join(t.TempDir(), fmt.Sprintf("part%d.npz", i))
		var arrays []array
		for _, c := range append([]dataset.Column{*p.Label}, p.Inputs...) {
			a := array{name: c.Name, code: "<f4", shape: append([]int{c.Len()}, c.Shape...), values: c.Floats}
			if c.Ints != nil {
				a.code, a.values = "<i8", c.Ints
			}
			arrays = append(arrays, a)
		}
		if err := writeNPZ(path, arrays); err != nil {
			t.Fatal(err)
		}
		list = append(list, partFile{path, p, len(p.Label.Ints)})
	}
	return list
}

// TestCutIsWhatMaskingIs: a masked encoder has the same figures on padded samples
// with a mask and on samples that are cut.
func TestCutIsWhatMaskingIs(t *testing.T) {
	parents, cut, _ := lengthsFamily(t, "bert")
	padded := filepath.Join(filepath.Dir(cut), "val.npz")
	a, b := evaluated(t, padded, parents...), evaluated(t, cut, parents...)
	for i := range a {
		if math.Abs(*a[i].Loss-*b[i].Loss) > 1e-5 || *a[i].Metric != *b[i].Metric || a[i].Samples != b[i].Samples {
			t.Errorf("%s: loss %v and accuracy %v, cut %v and %v", a[i].Path, *a[i].Loss, *a[i].Metric, *b[i].Loss,
				*b[i].Metric)
		}
	}
}
