package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/softmerge/softmerge/onnx/advice"
)

// targets are the files that a command is going to write, each with its flag.
type targets []struct{ flag, path string }

// check refuses targets that cannot be right, before any work: an input, the same
// file twice, a file that is there (unless force is given), a folder that is not.
func (list targets) check(inputs []string, force bool) error {
	seen := map[string]string{}
	for _, t := range list {
		if t.path == "" {
			continue
		}
		for _, in := range inputs {
			if in != "" && sameFile(t.path, in) {
				return usagef("choose another file", "%s %s is an input and must not be written over", t.flag, t.path)
			}
		}
		if other := seen[filepath.Clean(t.path)]; other != "" {
			return usagef("choose different files", "%s and %s are both %s", other, t.flag, t.path)
		}
		seen[filepath.Clean(t.path)] = t.flag
		if err := checkPlace(t.flag, t.path, force); err != nil {
			return err
		}
	}
	return nil
}

// checkPlace checks what is at a target, and that its folder takes files: nobody
// wants to learn that after the learning.
func checkPlace(flag, path string, force bool) error {
	dir := filepath.Dir(path)
	if folder, err := os.Stat(dir); err != nil || !folder.IsDir() {
		return usagef("create the folder first", "%s %s: %s is not a folder", flag, path, dir)
	}
	if _, err := os.Lstat(path); err == nil {
		there, err := os.Stat(path)
		switch {
		case err != nil || !there.Mode().IsRegular():
			return usagef("name a file", "%s %s is there and is not a regular file", flag, path)
		case !force:
			return usagef("choose another file, or overwrite it with --force", "%s %s exists", flag, path)
		}
	}
	probe, err := os.CreateTemp(dir, ".softmerge-*")
	if err != nil {
		return advice.With(fmt.Errorf("%s %s: %s cannot be written to: %w", flag, path, dir, unwrapPath(err)), "choose a folder that you may write to")
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// unwrapPath is the cause of an error about a file that the message names already.
func unwrapPath(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// sameFile says whether two paths lead to one file.
func sameFile(a, b string) bool {
	x, errA := os.Stat(a)
	y, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(x, y)
}

// writeError says which file could not be written, not which temporary one.
func writeError(path string, err error) error {
	var p *fs.PathError
	var l *os.LinkError
	switch {
	case errors.Is(err, fs.ErrExist):
		return usagef("choose another name, or overwrite with --force", "%v", err)
	case errors.As(err, &p):
		err = p.Err
	case errors.As(err, &l):
		err = l.Err
	default:
		return err
	}
	return advice.With(fmt.Errorf("%s cannot be written: %w", path, err),
		"nothing is left behind; check the free space and your rights in "+filepath.Dir(path))
}

// fileSize is a file's size in bytes, 0 if it cannot be had.
func fileSize(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}
