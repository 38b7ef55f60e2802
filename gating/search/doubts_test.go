package search_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/gating/search"
	"github.com/softmerge/softmerge/graphmatch"
)

// changed is the fixtures' data for a model with its numbers and labels changed.
func changed(t *testing.T, s *graphmatch.Selection, pixel func(float32) float32,
	label func(int64) int64) *dataset.Data {
	t.Helper()
	d := gatetest.Data(t, "val.npz", gating.Fields(s.Alignment.Models[0]))
	in, labels := d.Inputs[0], *d.Label
	in.Floats, labels.Ints = make([]float32, len(in.Floats)), make([]int64, len(labels.Ints))
	for i, v := range d.Inputs[0].Floats {
		in.Floats[i] = pixel(v)
	}
	for i, v := range d.Label.Ints {
		labels.Ints[i] = label(v)
	}
	return &dataset.Data{Inputs: []dataset.Column{in}, Label: &labels}
}

func times(f float32) func(float32) float32 { return func(v float32) float32 { return f * v } }

// TestDataThatDoesNotFitIsRefused: what used to be absorbed silently, by statistics measured
// anew or by gates, is an error that says what was seen, before anything is learned.
func TestDataThatDoesNotFitIsRefused(t *testing.T) {
	keep := func(v int64) int64 { return v }
	swap := func(v int64) int64 { return v ^ 1 } // 0 and 1, 2 and 3, ...
	for name, c := range map[string]struct {
		family string
		pixel  func(float32) float32
		label  func(int64) int64
		want   string
	}{
		"pixels of 0..16":  {"cnn_bn", times(16), keep, "variance 2"},
		"pixels of 0..255": {"cnn_bn", times(255), keep, "first normalisation"},
		"ImageNet's deviation": {"cnn_bn", func(v float32) float32 { return (v - 0.449) / 0.226 }, keep,
			"first normalisation"},
		"pixels of 0..1/255":  {"cnn_bn", times(1.0 / 255), keep, "first normalisation"},
		"densenet, 0..255":    {"families/densenet", times(255), keep, "first normalisation"},
		"nothing but zeros":   {"cnn_bn", times(0), keep, "is the same number in all 600 samples"},
		"zeros, no norm":      {"mlp", times(0), keep, "is the same number in all 600 samples"},
		"labels of one class": {"mlp", times(1), func(int64) int64 { return 3 }, "all labels are of one class"},
		"classes in pairs":    {"mlp", times(1), swap, "10 classes have changed places"},
		"two classes exchanged": {"cnn", times(1), func(v int64) int64 {
			return map[int64]int64{3: 8,
				8: 3}[v] + v*b2i(v != 3 && v != 8)
		}, "3 as 8, 8 as 3"},
		"inverted, no norm": {"mlp", func(v float32) float32 { return 1 - v }, keep,
			"no model is better than always answering"},
	} {
		t.Run(name, func(t *testing.T) {
			s := gatetest.Select(t, gatetest.Open(t, gatetest.FineTunes(c.family, 3)...))
			d := changed(t, s, c.pixel, c.label)
			_, err := search.Merge(t.Context(), s, d, search.Options{Learn: gating.LearnOptions{MaxSteps: 2}})
			if !errors.Is(err, dataset.ErrData) || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want a refusal that says %q", err, c.want)
			}
		})
	}
}

// TestHeldOutDataThatDoesNotFitIsRefused: what judges is held to the same as what learns.
func TestHeldOutDataThatDoesNotFitIsRefused(t *testing.T) {
	s := gatetest.Select(t, gatetest.Open(t, gatetest.FineTunes("mlp", 2)...))
	d := gatetest.Data(t, "val.npz", gating.Fields(s.Alignment.Models[0]))
	keep := func(v int64) int64 { return v }
	for name, pixel := range map[string]func(float32) float32{
		"inverted": func(v float32) float32 { return 1 - v }, "zeros": times(0),
	} {
		half := changed(t, s, pixel, keep)
		o := search.Options{HeldOut: half.Select(even(half.Len())), Learn: gating.LearnOptions{MaxSteps: 2}}
		_, err := search.Merge(t.Context(), s, d, o)
		if !errors.Is(err, dataset.ErrData) || !strings.Contains(err.Error(), "held-out data: ") {
			t.Errorf("%s: got %v", name, err)
		}
		o.Anyway = true
		r := gatetest.Must(search.Merge(t.Context(), s, d, o))(t)
		if !strings.Contains(strings.Join(r.Warnings.Texts(), "\n"), "held-out data: ") {
			t.Errorf("%s: warnings %q", name, r.Warnings.Texts())
		}
	}
}

// even lists every second row.
func even(n int) (rows []int) {
	for i := 0; i < n; i += 2 {
		rows = append(rows, i)
	}
	return rows
}

func b2i(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// TestGoOnAnyway: with the option the doubts are warnings, and statistics are not measured
// anew on data that is far from every parent's.
func TestGoOnAnyway(t *testing.T) {
	s := gatetest.Select(t, gatetest.Open(t, gatetest.FineTunes("cnn_bn", 3)...))
	d := changed(t, s, times(16), func(v int64) int64 { return v })
	o := search.Options{Anyway: true, Learn: gating.LearnOptions{MaxSteps: 2}}
	r := gatetest.Must(search.Merge(t.Context(), s, d, o))(t)
	if len(r.Warnings) == 0 || !strings.Contains(r.Warnings[0].Error(), "first normalisation") {
		t.Errorf("warnings %q", r.Warnings)
	}
	for _, c := range r.Candidates {
		if strings.Contains(c.Name, "recalibrated") {
			t.Errorf("%s was tried", c.Name)
		}
	}
	if rep := gatetest.Must(r.Report())(t); len(rep.Warnings) != len(r.Warnings) {
		t.Errorf("the report has warnings %q", rep.Warnings)
	}
}

// TestGoodDataIsNotDoubted: no fixture family is doubted with its own data.
func TestGoodDataIsNotDoubted(t *testing.T) {
	for _, family := range []string{"mlp", "cnn_bn", "resnet", "families/densenet", "families/mobilenet"} {
		s := gatetest.Select(t, gatetest.Open(t, gatetest.FineTunes(family, 3)...))
		d := gatetest.Data(t, "val.npz", gating.Fields(s.Alignment.Models[0]))
		r := gatetest.Must(search.Merge(t.Context(), s, d, search.Options{Learn: gating.LearnOptions{MaxSteps: 2}}))(t)
		if len(r.Warnings) > 0 {
			t.Errorf("%s: %q", family, r.Warnings)
		}
	}
}

// TestRareClassesAreNotDoubted: of data nearly all of one class, good models are hardly more
// often right than that class, and still belong to it.
func TestRareClassesAreNotDoubted(t *testing.T) {
	s := gatetest.Select(t, gatetest.Open(t, gatetest.FineTunes("mlp", 3)...))
	all := gatetest.Data(t, "val.npz", gating.Fields(s.Alignment.Models[0]))
	size := all.Inputs[0].Size()
	in, label := all.Inputs[0], *all.Label
	in.Floats, label.Ints = nil, nil
	rare := 0
	for i, v := range all.Label.Ints {
		if v != 1 {
			if rare++; rare%90 != 0 {
				continue
			}
		}
		in.Floats = append(in.Floats, all.Inputs[0].Floats[i*size:(i+1)*size]...)
		label.Ints = append(label.Ints, v)
	}
	d := &dataset.Data{Inputs: []dataset.Column{in}, Label: &label}
	r, err := search.Merge(t.Context(), s, d, search.Options{Learn: gating.LearnOptions{MaxSteps: 2}})
	if err != nil || len(r.Warnings) > 0 {
		t.Errorf("got %v", err)
	}
}
