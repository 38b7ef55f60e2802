// Package source opens the files that a command line names, and says in a user's terms why it cannot.
package source

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/softmerge/softmerge/cmd/softmerge/internal/terminal"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/advice"
	"github.com/softmerge/softmerge/onnx/untrusted"
)

// Models opens and checks files; close closes them all.
func Models(paths []string) (list []*onnx.Model, close func(), err error) {
	close = func() {
		for _, m := range list {
			m.Close()
		}
	}
	for _, p := range paths {
		m, err := Model(p)
		if err != nil {
			close()
			return nil, nil, err
		}
		list = append(list, m)
	}
	return list, close, nil
}

// dataSuffixes end the names of files that are data, as where a shell made several of a pattern after --data.
var dataSuffixes = []string{".npz", ".npy", ".csv", ".tsv", ".jsonl", ".ndjson", ".tar", ".parquet"}

// Model opens one file and refuses it if it breaks ONNX's rules.
func Model(path string) (*onnx.Model, error) {
	m, err := onnx.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, advice.With(fmt.Errorf("%s: there is no such file", path),
			"check the path; quote it if it has spaces")
	case errors.Is(err, fs.ErrPermission):
		return nil, advice.With(fmt.Errorf("%s: %w", path, Cause(err)), "check that you may read the file")
	case errors.Is(err, onnx.ErrInvalid) && slices.Contains(dataSuffixes, strings.ToLower(filepath.Ext(path))):
		return nil, advice.With(err, "this is data by its name: write --data before each file, or give its folder")
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

// Bytes reads a whole file of at most so many bytes; a larger one is an error of the kind.
func Bytes(path string, most int64, tooLarge error) ([]byte, error) {
	data, err := untrusted.Read(path, most)
	switch {
	case errors.Is(err, untrusted.ErrTooLarge):
		return nil, fmt.Errorf("%s: %w: %w", path, tooLarge, Cause(err))
	case err != nil:
		return nil, fmt.Errorf("%s: %w", path, Cause(err))
	}
	return data, nil
}

// Cause is the cause of an error about a file that the message names already.
func Cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// Same says whether two paths lead to one file.
func Same(a, b string) bool {
	x, errA := os.Stat(a)
	y, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(x, y)
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// firstFew cuts a joined error short: a broken file can break a rule a thousand times.
func firstFew(err error) error {
	const most = terminal.MaxListed
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || len(joined.Unwrap()) <= most {
		return err
	}
	list := joined.Unwrap()
	return errors.Join(append(list[:most:most], fmt.Errorf("and %d more", len(list)-most))...)
}
