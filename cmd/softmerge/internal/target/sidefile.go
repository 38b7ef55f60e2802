package target

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
)

// SideFiles are JSON files that are written beside a model, complete under
// temporary names until Commit. (renameio does the same, but not on Windows.)
type SideFiles []sideFile

type sideFile struct{ temporary, path string }

// Add writes one; an empty path asks for none.
func (s *SideFiles) Add(path string, o any) error {
	if path == "" {
		return nil
	}
	data, err := json.Marshal(o)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".tmp-*")
	if err != nil {
		return writeError(path, err)
	}
	*s = append(*s, sideFile{f.Name(), path})
	_, err = f.Write(append(data, '\n'))
	if err := errors.Join(err, f.Sync(), f.Close(), os.Chmod(f.Name(), 0o644)); err != nil {
		return writeError(path, err)
	}
	return nil
}

// Commit gives the files their names.
func (s *SideFiles) Commit() error {
	for len(*s) > 0 {
		next := (*s)[0]
		if err := os.Rename(next.temporary, next.path); err != nil {
			return writeError(next.path, err)
		}
		*s = (*s)[1:]
	}
	return nil
}

// Discard removes what was not committed.
func (s *SideFiles) Discard() {
	for _, f := range *s {
		os.Remove(f.temporary)
	}
}
