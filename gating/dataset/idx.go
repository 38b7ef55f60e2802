package dataset

import (
	"bufio"
	"compress/gzip"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/softmerge/softmerge/gating/dataset/spill"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/untrusted"
)

var idxName = regexp.MustCompile(`idx[1-9]|\.idx(\.gz)?$`)

// isIDX knows the names that IDX files go by, in lower case: train-images-idx3-ubyte, t10k-images.idx3-ubyte.gz, x.idx.
func isIDX(name string) bool { return idxName.MatchString(name) }

// openIDX reads a file in the format of MNIST and, if it lies beside it, the file of labels whose name has "labels" for
// "images" and idx1 for idx3. Pictures go through the preprocessing as others do; where the graph takes none, bytes of
// several axes become 0 to 1 for a float input.
func (l *loader) openIDX(path string) (*Data, error) {
	if d, err := l.openPicturesOfIDX(path); d != nil || err != nil {
		return d, err
	}
	arrays := []named{{l.onlyInput("x"), idxArray{path: path, image: true}}}
	if labels, ok := idxLabels(path); ok {
		arrays = append(arrays, named{"label", idxArray{path: labels}})
	}
	return l.assemble(arrays)
}

// idxLabels finds the labels that belong to a file of images, compressed or not.
func idxLabels(path string) (string, bool) {
	dir, name := filepath.Split(path)
	name = strings.TrimSuffix(name, ".gz")
	name = regexp.MustCompile(`idx[1-9]`).ReplaceAllString(strings.Replace(name, "images", "labels", 1), "idx1")
	for _, suffix := range []string{"", ".gz"} {
		candidate := dir + name + suffix
		if info, err := os.Stat(candidate); err == nil && info.Mode().IsRegular() && candidate != path {
			return candidate, true
		}
	}
	return "", false
}

// idxArray is one IDX file: two zero bytes, a type, the number of axes, their lengths as big endian uint32, the values.
type idxArray struct {
	path  string
	image bool
}

var idxTypes = map[byte]elementCode{0x08: u1, 0x09: i1, 0x0b: i2, 0x0c: i4, 0x0d: f4, 0x0e: f8}

func (a idxArray) header() (typ onnx.DataType, shape []int, err error) {
	err = a.with(func(p payload, s []int) error {
		typ, shape = elementTypes[p.code], s
		return nil
	})
	return typ, shape, err
}

func (a idxArray) floats(b *spill.Store) (values []float32, err error) {
	err = a.with(func(p payload, shape []int) error {
		values, err = p.readFloats(b)
		if a.image && p.code == u1 && len(shape) > 1 {
			scalePixels(values)
		}
		return err
	})
	return values, err
}

func (a idxArray) ints(b *spill.Store) (values []int64, err error) {
	err = a.with(func(p payload, _ []int) error {
		values, err = p.readInts(b)
		return err
	})
	return values, err
}

// scalePixels maps 0..255 to 0..1.
func scalePixels(values []float32) {
	for i, v := range values {
		values[i] = v / 255
	}
}

// with opens the file, reads its head and hands the values over.
func (a idxArray) with(use func(payload, []int) error) error {
	f, info, err := untrusted.Open(a.path)
	if err != nil {
		return unreadable(err)
	}
	defer f.Close()
	return readIDX(f, info.Size(), strings.HasSuffix(strings.ToLower(a.path), ".gz"), use)
}

// readIDX reads the head of an IDX stream of size bytes, compressed or not, and hands the values over.
func readIDX(r io.Reader, size int64, compressed bool, use func(payload, []int) error) error {
	most := size
	if compressed {
		z, err := gzip.NewReader(bufio.NewReader(r))
		if err != nil {
			return fail("write or download the file again", "this is not a whole .gz file: %v", err)
		}
		r, most = z, size*deflateLimit
	}
	code, shape, err := readIDXHeader(r)
	if err != nil {
		return err
	}
	count, err := countElements(shape)
	if err != nil {
		return err
	}
	p := payload{Reader: r, element: element{code: code, big: true}, count: count, likely: min(most, size*usualRatio)}
	if int64(count) > most/int64(p.size()) {
		return fail("write or download the file again",
			"the file is truncated: shape %v of %s does not fit in %d bytes", shape, elementTypes[code], size)
	}
	return use(p, shape)
}

func readIDXHeader(r io.Reader) (elementCode, []int, error) {
	var magic [4]byte
	if _, err := io.ReadFull(r, magic[:]); err != nil {
		return 0, nil, cutShort(err)
	}
	code, ok := idxTypes[magic[2]]
	if magic[0] != 0 || magic[1] != 0 || !ok {
		return 0, nil, fail("download the file again; if it is compressed its name must end in .gz",
			"this is not an IDX file: it begins with % x", magic)
	}
	lengths := make([]uint32, magic[3])
	if err := binary.Read(r, binary.BigEndian, lengths); err != nil {
		return 0, nil, cutShort(err)
	}
	shape := make([]int, len(lengths))
	for i, n := range lengths {
		shape[i] = int(n)
	}
	return code, shape, nil
}
