//go:build !unix

package onnx

import (
	"io"
	"os"
)

// mapContent reads size bytes of f.
func mapContent(f *os.File, size int) ([]byte, func() error, error) {
	data := make([]byte, size)
	if _, err := io.ReadFull(f, data); err != nil {
		return nil, nil, err
	}
	return data, nil, nil
}
