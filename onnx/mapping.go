package onnx

import (
	"fmt"
	"os"
	"sync/atomic"

	"github.com/softmerge/softmerge/onnx/untrusted"
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
	f, info, err := untrusted.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return mapFile(f, info)
}

// mapFile maps an open regular file; f may be closed afterwards.
func mapFile(f *os.File, info os.FileInfo) (*mapping, error) {
	size := int(info.Size())
	if int64(size) != info.Size() {
		return nil, fmt.Errorf("%s: %d bytes are too many for this system", f.Name(), info.Size())
	}
	m := &mapping{info: info}
	if size == 0 {
		return m, nil
	}
	var err error
	if m.data, m.unmap, err = mapContent(f, size); err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	return m, nil
}
