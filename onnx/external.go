package onnx

import (
	"errors"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/softmerge/softmerge/onnx/advice"
	"github.com/softmerge/softmerge/onnx/onnxpb"
	"github.com/softmerge/softmerge/onnx/untrusted"
)

// externals are the data files beside a model, opened when first needed.
type externals struct {
	dir   string // "" allows none
	model string // path of the model file, "" if from memory
	mu    sync.Mutex
	files map[string]*mapping // by cleaned location
	shut  bool
}

// externalRef is a parsed external_data field.
type externalRef struct {
	location       string // slash-separated, cleaned, local to the model's folder
	offset, length int64  // length -1: as much as the tensor needs
}

// externalOf parses where the external payload of t is and refuses places
// outside the model's folder without touching any file.
func externalOf(t *onnxpb.TensorProto) (externalRef, error) {
	ref := externalRef{length: -1}
	var err error
	for _, kv := range t.GetExternalData() {
		switch kv.GetKey() {
		case "location":
			ref.location = kv.GetValue()
		case "offset":
			ref.offset, err = parseCount(kv)
		case "length":
			ref.length, err = parseCount(kv)
		}
		if err != nil {
			return ref, err
		}
	}
	if ref.location == "" {
		return ref, invalidf("external data has no location")
	}
	if !filepath.IsLocal(filepath.FromSlash(ref.location)) {
		return ref, advice.Errorf(ErrInvalid, "data files must lie beside the model or below it",
			"external data at %q is outside the model's folder", ref.location)
	}
	ref.location = path.Clean(filepath.ToSlash(ref.location))
	return ref, nil
}

func parseCount(kv *onnxpb.StringStringEntryProto) (int64, error) {
	n, err := strconv.ParseUint(kv.GetValue(), 10, 63)
	if err != nil {
		return 0, invalidf("external data has %s %q, want a number of bytes", kv.GetKey(), kv.GetValue())
	}
	return int64(n), nil
}

// read returns the bytes of an external payload that must be size bytes long.
func (x *externals) read(ref externalRef, size int) ([]byte, error) {
	if ref.length >= 0 && ref.length != int64(size) {
		return nil, invalidf("external data in %q has length %d, the shape needs %d bytes", ref.location, ref.length,
			size)
	}
	f, err := x.open(ref.location)
	if err != nil {
		return nil, err
	}
	if ref.offset > int64(len(f.data)) || int64(size) > int64(len(f.data))-ref.offset {
		return nil, invalidf("external data at %d+%d is beyond the end of %q (%d bytes)", ref.offset, size,
			ref.location, len(f.data))
	}
	return f.data[ref.offset : ref.offset+int64(size)], nil
}

// open maps the data file at location, once.
func (x *externals) open(location string) (*mapping, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.shut {
		return nil, ErrClosed
	}
	if f := x.files[location]; f != nil {
		return f, nil
	}
	if x.dir == "" {
		return nil, advice.Errorf(ErrInvalid, "open the model from its file",
			"external data in %q cannot be read: the model has no folder", location)
	}
	f, err := x.openInside(location)
	if err != nil {
		return nil, err
	}
	if x.files == nil {
		x.files = map[string]*mapping{}
	}
	x.files[location] = f
	return f, nil
}

// openInside opens location without ever leaving the model's folder, not even
// through a link, with one exception: download caches keep model and data as
// links into one store folder, so a link may lead to the folder in which the
// model itself really lies.
func (x *externals) openInside(location string) (*mapping, error) {
	f, err := openBelow(x.dir, filepath.FromSlash(location))
	if err == nil || x.model == "" {
		return f, err
	}
	full, linkErr := filepath.EvalSymlinks(filepath.Join(x.dir, filepath.FromSlash(location)))
	model, modelErr := filepath.EvalSymlinks(x.model)
	if linkErr != nil || modelErr != nil || filepath.Dir(full) != filepath.Dir(model) {
		return nil, err
	}
	return openBelow(filepath.Dir(model), filepath.Base(full))
}

// openBelow maps the regular file name in dir; os.Root keeps it there.
func openBelow(dir, name string) (*mapping, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	f, info, err := untrusted.OpenIn(root, name)
	if errors.Is(err, untrusted.ErrNotRegular) {
		return nil, invalidf("external data file %q is not a regular file", name)
	}
	if err != nil {
		return nil, unreadable(name, err)
	}
	defer f.Close()
	return mapFile(f, info)
}

func unreadable(name string, err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return advice.Errorf(ErrInvalid, "keep the data files beside the model",
		"external data file %q cannot be read: %v", name, err)
}

func (x *externals) close() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.shut = true
	var errs []error
	for _, f := range x.files {
		errs = append(errs, f.close())
	}
	return errors.Join(errs...)
}
