package main

import (
	"fmt"
	"os"
	"runtime"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
)

// models opens and checks files; close closes them all.
func models(v *voice, paths []string) (list []*onnx.Model, close func(), err error) {
	close = func() {
		for _, m := range list {
			m.Close()
		}
	}
	for _, p := range paths {
		m, err := openChecked(v, p)
		if err != nil {
			close()
			return nil, nil, err
		}
		list = append(list, m)
	}
	return list, close, nil
}

// openChecked opens one file and refuses it if it breaks ONNX's rules.
func openChecked(v *voice, path string) (*onnx.Model, error) {
	m, err := onnx.Open(path)
	if err != nil {
		return nil, err
	}
	if err := onnx.Validate(m); err != nil {
		m.Close()
		return nil, err
	}
	return m, nil
}

// baseIndex finds --base among the models' paths; it may name a file anew.
func baseIndex(base string, paths []string) (int, error) {
	if base == "" {
		return 0, nil
	}
	for i, p := range paths {
		if p == base || sameFile(p, base) {
			return i, nil
		}
	}
	return 0, usagef("name one of the models that are to be merged", "--base %s is not among the models", base)
}

func sameFile(a, b string) bool {
	x, errA := os.Stat(a)
	y, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(x, y)
}

// openData reads a data file for a model's inputs.
func openData(m *onnx.Model, path, label string) (*dataset.Data, error) {
	return dataset.Open(path, dataset.Options{Inputs: gating.Fields(m), Label: label})
}

// workers starts the goroutines of the kernels.
func workers(threads int) *kernel.Workers {
	if threads == 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	return kernel.NewWorkers(threads)
}

// align aligns models and selects layers, and says what was selected.
func align(v *voice, list []*onnx.Model, base int, f selectFlags) (*graphmatch.Selection, error) {
	a, err := graphmatch.Align(list, base)
	if err != nil {
		return nil, err
	}
	s, err := a.Select(f.only, f.except)
	if err != nil {
		return nil, err
	}
	if len(s.Layers) == 0 {
		return nil, fmt.Errorf("%w: no layer is selected", graphmatch.ErrPattern)
	}
	t := a.Table()
	v.say("%d of %d layers selected, %d match in all %d models", len(s.Layers), len(a.Layers), t.Matched, len(list))
	return s, nil
}
