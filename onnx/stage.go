package onnx

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/softmerge/softmerge/onnx/advice"
)

// stage is a temporary folder beside the target. Files are complete there,
// under their final names, before the first of them is moved to its place.
type stage struct {
	path      string // of the model to be written
	root      string // the folder
	dir       string // in it: what is written
	aside     string // in it: what is replaced, until all is in its place
	overwrite bool
	inputs    []os.FileInfo
	names     []string // staged, in the order they are moved: the model last
	undo      []func() error
}

// newStage refuses what must not be written over, then makes the folder.
func newStage(path string, m *Model, o WriteOptions) (*stage, error) {
	s := &stage{path: path, overwrite: o.Overwrite}
	if m.base.file.info != nil {
		s.inputs = append(s.inputs, m.base.file.info)
	}
	for _, in := range o.Inputs {
		info, err := os.Stat(in)
		if err != nil {
			return nil, err
		}
		s.inputs = append(s.inputs, info)
	}
	locations, _, err := m.dataFiles()
	if err != nil {
		return nil, err
	}
	for _, location := range locations {
		f, err := m.base.external.open(location)
		if err != nil {
			return nil, err
		}
		s.inputs = append(s.inputs, f.info)
	}
	if err := s.allow(path); err != nil {
		return nil, err
	}
	if s.root, err = os.MkdirTemp(filepath.Dir(path), "."+filepath.Base(path)+".tmp-"); err != nil {
		return nil, err
	}
	s.dir, s.aside = filepath.Join(s.root, "new"), filepath.Join(s.root, "old")
	if err := errors.Join(os.Mkdir(s.dir, 0o700), os.Mkdir(s.aside, 0o700)); err != nil {
		s.discard()
		return nil, err
	}
	return s, nil
}

// allow checks that path may be written.
func (s *stage) allow(path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(path); err != nil {
			return nil
		}
		return fmt.Errorf("%s: a link that leads nowhere has this name", path)
	}
	if err != nil {
		return err
	}
	for _, in := range s.inputs {
		if os.SameFile(info, in) {
			return advice.Errorf(fs.ErrExist, "write to another file", "%s: is one of the inputs", path)
		}
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s: not a regular file", path)
	}
	if !s.overwrite {
		return advice.Errorf(fs.ErrExist, "write to another file or allow overwriting", "%s: the file exists", path)
	}
	return nil
}

// final is where a staged file goes.
func (s *stage) final(name string) string {
	return filepath.Join(filepath.Dir(s.path), filepath.FromSlash(name))
}

// write stages a file that is to be moved to its place.
func (s *stage) write(name string, content io.WriterTo) (err error) {
	staged, err := s.prepare(name)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(staged, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if info, err := os.Stat(s.final(name)); err == nil {
		if err := f.Chmod(info.Mode().Perm()); err != nil {
			return err
		}
	}
	if _, err := content.WriteTo(f); err != nil {
		return err
	}
	s.names = append(s.names, name)
	return f.Sync()
}

// link stages a file that is in its place already, for Verify to find.
func (s *stage) link(name string, f *mapping) error {
	staged, err := s.prepare(name)
	if err != nil {
		return err
	}
	if full, err := filepath.EvalSymlinks(s.final(name)); err == nil && os.Link(full, staged) == nil {
		return nil
	}
	return os.WriteFile(staged, f.data, 0o600) // no hard links here
}

// prepare makes the folders of a staged file.
func (s *stage) prepare(name string) (string, error) {
	staged := filepath.Join(s.dir, filepath.FromSlash(name))
	return staged, os.MkdirAll(filepath.Dir(staged), 0o777)
}

// commit moves the staged files to their places, data before the model that
// refers to it. If one cannot be moved, all is put back.
func (s *stage) commit() error {
	for i, name := range s.names {
		if err := s.move(name, filepath.Join(s.aside, strconv.Itoa(i))); err != nil {
			for len(s.undo) > 0 {
				last := len(s.undo) - 1
				err = errors.Join(err, s.undo[last]())
				s.undo = s.undo[:last]
			}
			return err
		}
	}
	return syncDir(filepath.Dir(s.path))
}

// move moves one staged file; a file it replaces is kept aside until all have
// been moved.
func (s *stage) move(name, aside string) error {
	final := s.final(name)
	last := name == s.names[len(s.names)-1]
	if _, err := os.Lstat(final); err == nil {
		if err := s.allow(final); err != nil {
			return err
		}
		if !last { // the last rename replaces the file in one step
			if err := os.Rename(final, aside); err != nil {
				return err
			}
			s.undo = append(s.undo, func() error { return os.Rename(aside, final) })
		}
	}
	if err := os.Rename(filepath.Join(s.dir, filepath.FromSlash(name)), final); err != nil {
		return err
	}
	s.undo = append(s.undo, func() error { return os.Remove(final) })
	return nil
}

// discard removes the stage.
func (s *stage) discard() {
	_ = os.RemoveAll(s.root)
}
