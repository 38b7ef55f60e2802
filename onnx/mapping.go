package onnx

import (
	"fmt"
	"os"
	"sync/atomic"
)

// mapping is the content of a file, mapped where the system can.
type mapping struct {
	data   []byte
	info   os.FileInfo
	unmap  func() error
	closed atomic.Bool
}

func (m *mapping) close() error {
	if m.closed.Swap(true) || m.unmap == nil {
		return nil
	}
	return m.unmap()
}

// mapPath maps the regular file at path.
func mapPath(path string) (*mapping, error) {
	// Opening a pipe would block, so look before.
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return mapFile(f)
}

// mapFile maps an open regular file; f may be closed afterwards.
func mapFile(f *os.File) (*mapping, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file", f.Name())
	}
	size := int(info.Size())
	if int64(size) != info.Size() {
		return nil, fmt.Errorf("%s: %d bytes are too many for this system", f.Name(), info.Size())
	}
	m := &mapping{info: info}
	if size == 0 {
		return m, nil
	}
	if m.data, m.unmap, err = mapContent(f, size); err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	return m, nil
}
