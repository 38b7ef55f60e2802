package dataset

import (
	"compress/gzip"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/softmerge/softmerge/onnx/untrusted"
)

// packed is the suffix of files that gzip has packed.
const packed = ".gz"

// isStream says whether a file can be read as it lies: packed ones only from their beginning to their end, as tables
// and lines are.
func isStream(name string) bool {
	plain, isPacked := strings.CutSuffix(name, packed)
	return !isPacked || slices.Contains([]string{".csv", ".tsv", ".jsonl", ".ndjson", ".json"}, filepath.Ext(plain))
}

// stream opens a file that is read from its beginning, and unpacks it if need be. What comes out of it is bounded by
// those who keep it in memory.
func stream(path string) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) {
		f, _, err := untrusted.Open(path)
		if err != nil || !strings.HasSuffix(strings.ToLower(path), packed) {
			return f, unreadable(err)
		}
		z, err := gzip.NewReader(f)
		if err != nil {
			f.Close()
			return nil, fail("write or download the file again", "this is no gzip file: %v", err)
		}
		return struct {
			io.Reader
			io.Closer
		}{z, f}, nil
	}
}
