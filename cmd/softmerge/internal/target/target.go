// Package target writes files beside each other: checked before any work, all of them or none, and never
// over an input.
package target

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/softmerge/softmerge/cmd/softmerge/internal/exit"
	"github.com/softmerge/softmerge/cmd/softmerge/internal/source"
	"github.com/softmerge/softmerge/onnx/advice"
)

// File is a file that a command is going to write, and the flag that names it; an empty path asks for none.
type File struct{ Flag, Path string }

// Check refuses targets that cannot be right, before any work: an input, the same
// file twice, a file that is there (unless force is given), a folder that is not.
func Check(list []File, inputs []string, force bool) error {
	seen := map[string]string{}
	for _, t := range list {
		if t.Path == "" {
			continue
		}
		if t.Path == "-" {
			return exit.Usagef("name a file, as ./- for one of that name",
				"%s -: files are not written to standard output", t.Flag)
		}
		for _, in := range inputs {
			if in != "" && source.Same(t.Path, in) {
				return exit.Usagef("choose another file",
					"%s %s is an input and must not be written over", t.Flag, t.Path)
			}
		}
		if other := seen[filepath.Clean(t.Path)]; other != "" {
			return exit.Usagef("choose different files", "%s and %s are both %s", other, t.Flag, t.Path)
		}
		seen[filepath.Clean(t.Path)] = t.Flag
		if err := checkPlace(t.Flag, t.Path, force); err != nil {
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
		return exit.Usagef("create the folder first", "%s %s: %s is not a folder", flag, path, dir)
	}
	if _, err := os.Lstat(path); err == nil {
		there, err := os.Stat(path)
		switch {
		case err != nil || !there.Mode().IsRegular():
			return exit.Usagef("name a file", "%s %s is there and is not a regular file", flag, path)
		case !force:
			return exit.Usagef("choose another file, or overwrite it with --force", "%s %s exists", flag, path)
		}
	}
	probe, err := os.CreateTemp(dir, ".softmerge-*")
	if err != nil {
		return advice.With(fmt.Errorf("%s %s: %s cannot be written to: %w", flag, path, dir, source.Cause(err)),
			"choose a folder that you may write to")
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// writeError says which file could not be written, not which temporary one.
func writeError(path string, err error) error {
	var p *fs.PathError
	var l *os.LinkError
	switch {
	case errors.Is(err, fs.ErrExist):
		return exit.Usagef("choose another name, or overwrite with --force", "%v", err)
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
