package target

import (
	"errors"
	"fmt"
	"os"

	"github.com/softmerge/softmerge/onnx"
)

// Written is what a file that was written turned out to be.
type Written struct {
	SHA256 string // in hexadecimal
	Size   int64  // bytes
}

// Model writes a model, all of it or nothing. Before the file gets its name it is read back, checked, and
// shown to last: an error of either leaves nothing behind.
func Model(path string, m *onnx.Model, o onnx.WriteOptions, check func(*onnx.Model) error,
	last func(Written) error) error {
	o.Verify = func(temporary string) error {
		w, err := readBack(temporary, check)
		if err != nil {
			return err
		}
		return last(w)
	}
	if err := onnx.WriteFile(path, m, o); err != nil {
		return writeError(path, err)
	}
	return nil
}

// readBack opens a written model, checks it and says what it is.
func readBack(path string, check func(*onnx.Model) error) (Written, error) {
	back, err := onnx.Open(path)
	if err != nil {
		return Written{}, err
	}
	defer back.Close()
	if err := check(back); err != nil { // whatever it is, it is no fault of the user's files
		return Written{}, fmt.Errorf("checking the written file: %v", err)
	}
	sum, sumErr := back.SHA256()
	info, sizeErr := os.Stat(path)
	if err := errors.Join(sumErr, sizeErr); err != nil {
		return Written{}, err
	}
	return Written{sum, info.Size()}, nil
}
