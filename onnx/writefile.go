package onnx

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
)

// WriteOptions say how WriteFile treats what is there.
type WriteOptions struct {
	// Overwrite allows replacing an existing file.
	Overwrite bool
	// Inputs are files that must not be written over, whatever Overwrite says.
	// The file the model was opened from and its data files need not be listed.
	Inputs []string
	// Verify, if set, is called with the path of the complete model before it
	// gets its name. Its data files, if any, are beside it. If it returns an
	// error nothing is written and WriteFile returns that error.
	Verify func(tmpPath string) error

	limit int64 // for tests; 0 is maxFileSize
}

// WriteFile writes the model to path, whole or not at all: it is written to a
// temporary folder beside path, synced, verified and renamed. On any failure
// nothing is left behind and existing files are as they were.
//
// A model without external data becomes one file. A model with external data
// that no edit changes goes on reading its data files if they lie beside path
// already. Otherwise the data that it reads, and no more, goes into one file named after
// path with ".data" appended, as it does where the model would exceed 2 GiB: names in an
// untrusted model choose no file.
func WriteFile(path string, m *Model, o WriteOptions) (err error) {
	if o.limit == 0 {
		o.limit = maxFileSize
	}
	s, err := newStage(path, m, o)
	if err != nil {
		return err
	}
	defer s.discard()
	l, err := s.stageData(m, o)
	if err != nil {
		return err
	}
	p, err := m.patched(l)
	if err != nil {
		return err
	}
	if err := s.write(filepath.Base(path), p); err != nil {
		return err
	}
	if o.Verify != nil {
		if err := o.Verify(filepath.Join(s.dir, filepath.Base(path))); err != nil {
			return err
		}
	}
	return s.commit()
}

// stageData puts the data files a model needs into the stage. If they are new
// it returns the layout that the model has to be written with.
func (s *stage) stageData(m *Model, o WriteOptions) (*layout, error) {
	locations, edited, err := m.dataFiles()
	if err != nil {
		return nil, err
	}
	spill := false
	if !edited {
		p, err := m.patched(nil)
		if err != nil {
			return nil, err
		}
		spill = p.size > o.limit
		kept := false
		if !spill {
			if kept, err = s.keepData(m, locations); err != nil || kept {
				return nil, err
			}
		}
	}
	l, err := s.plan(m, spill, o.limit)
	if err != nil {
		return nil, err
	}
	return l, s.write(l.location, l)
}

// plan lays out the data file, with large initializers in it if the model
// exceeds the limit otherwise.
func (s *stage) plan(m *Model, spill bool, limit int64) (*layout, error) {
	l, err := m.newLayout(filepath.Base(s.path)+".data", spill)
	if err != nil {
		return nil, err
	}
	p, err := m.patched(l)
	if err != nil {
		return nil, err
	}
	switch {
	case p.size <= limit:
		return l, s.allow(filepath.Join(filepath.Dir(s.path), l.location))
	case !spill:
		return s.plan(m, true, limit)
	}
	return nil, fmt.Errorf("%s: %d bytes are left without the initializers, more than the %d a model file may have",
		s.path, p.size, limit)
}

// keepData makes the model's data files visible to Verify if all of them are in their
// place already: the model is written beside the one it was opened from. Otherwise it
// reports false. It writes no file under a name that the model chose: an upload could
// choose that of a script which somebody runs.
func (s *stage) keepData(m *Model, locations []string) (bool, error) {
	for _, location := range locations {
		f, err := m.base.external.open(location)
		if err != nil {
			return false, err
		}
		if !sameContent(s.final(location), f) || location == filepath.Base(s.path) {
			return false, nil
		}
	}
	for _, location := range locations {
		f, err := m.base.external.open(location)
		if err != nil {
			return false, err
		}
		if err := s.link(location, f); err != nil {
			return false, err
		}
	}
	return true, nil
}

// sameContent says whether the file at path is f or equals it.
func sameContent(path string, f *mapping) bool {
	info, err := os.Stat(path)
	if err != nil {
		return false
	}
	if os.SameFile(info, f.info) {
		return true
	}
	if !info.Mode().IsRegular() || info.Size() != int64(len(f.data)) {
		return false
	}
	other, err := mapPath(path)
	if err != nil {
		return false
	}
	defer other.close()
	return bytes.Equal(other.data, f.data)
}
