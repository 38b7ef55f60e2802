package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/advice"
)

// models opens and checks files; close closes them all.
func models(paths []string) (list []*onnx.Model, close func(), err error) {
	close = func() {
		for _, m := range list {
			m.Close()
		}
	}
	for _, p := range paths {
		m, err := openChecked(p)
		if err != nil {
			close()
			return nil, nil, err
		}
		list = append(list, m)
	}
	return list, close, nil
}

// openChecked opens one file and refuses it if it breaks ONNX's rules.
func openChecked(path string) (*onnx.Model, error) {
	m, err := onnx.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, advice.With(fmt.Errorf("%s: there is no such file", path), "check the path; quote it if it has spaces")
	case errors.Is(err, fs.ErrPermission):
		return nil, advice.With(fmt.Errorf("%s: %w", path, unwrapPath(err)), "check that you may read the file")
	case err != nil && isFolder(path):
		return nil, advice.With(fmt.Errorf("%s: this is a folder", path), "name the .onnx file in it")
	case err != nil:
		return nil, err
	}
	if err := onnx.Validate(m); err != nil {
		m.Close()
		return nil, firstFew(err)
	}
	return m, nil
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// maxListed is how many findings, names or reasons are printed before the rest is only counted.
const maxListed = 5

// firstFew cuts a joined error short: a broken file can break a rule a thousand times.
func firstFew(err error) error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || len(joined.Unwrap()) <= maxListed {
		return err
	}
	list := joined.Unwrap()
	return errors.Join(append(list[:maxListed:maxListed], fmt.Errorf("and %d more", len(list)-maxListed))...)
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

// openData reads data files for a model's inputs and joins them.
func openData(m *onnx.Model, paths []string, label string) (*dataset.Data, error) {
	return dataset.OpenAll(paths, dataset.Options{Inputs: gating.Fields(m), Label: label})
}

// workers starts the goroutines of the kernels.
func workers(threads int) *kernel.Workers {
	if threads == 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	return kernel.NewWorkers(threads)
}

// align aligns models and selects layers; at least one.
func align(list []*onnx.Model, base int, f selectFlags) (*graphmatch.Selection, error) {
	a, err := graphmatch.Align(list, base)
	if err != nil {
		return nil, err
	}
	if len(a.Layers) == 0 {
		return nil, advice.With(fmt.Errorf("%w: they have no weights", graphmatch.ErrAlign), "softmerge inspect shows what is in a file")
	}
	s, err := a.Select(f.only, f.except)
	if err != nil {
		return nil, err
	}
	if len(s.Layers) == 0 {
		return nil, usagef("--except leaves out all that --only chooses", "no layer is selected")
	}
	return s, nil
}
