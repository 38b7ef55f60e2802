// Package webdataset reads tar archives of samples as WebDataset has them: files of one name up to the first dot are
// one sample, what follows the dot is a field. Images (.jpg, .png and others) and arrays (.npy, .npz) are decoded
// later, .cls is a class, .txt is text, the keys of .json are fields of their own. Fields of other kinds are not read,
// and [Archive] says so.
package webdataset

import (
	"archive/tar"
	"errors"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/softmerge/softmerge/gating/dataset/record"
	"github.com/softmerge/softmerge/onnx/advice"
)

// ErrArchive is the kind of every error of this package. Each has a hint.
var ErrArchive = errors.New("bad WebDataset archive")

func fail(hint, text string, args ...any) error {
	return advice.Errorf(ErrArchive, hint, text, args...)
}

const (
	again = "write the archive again"
	// mostFiles bounds the entries of an archive.
	mostFiles = 1 << 24
	// mostText bounds a field that is read whole.
	mostText = 16 << 20
)

// The kinds of fields, by their suffixes as the decoders of WebDataset know them.
var (
	imageSuffixes = []string{"jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff"}
	arraySuffixes = []string{"npy", "npz"}
	textSuffixes  = []string{"txt", "text", "transcript"}
	classSuffixes = []string{"cls", "cls2", "class", "count", "index", "inx", "id"}
	jsonSuffixes  = []string{"json", "jsn"}
	codeSuffixes  = []string{"pyd", "pickle", "pkl", "pth", "pt"} // pickles, which may run any code
)

// entry is a file in the archive.
type entry struct {
	name     string
	at, size int64
}

// sample is the files of one name, by field.
type sample struct {
	key    string
	fields map[string]entry
}

// Archive is what an archive holds.
type Archive struct {
	// Columns are the fields that are read, those that are decoded later first.
	Columns []record.Column
	// Unread says of each other field of the first sample why it is not read.
	Unread []string
}

// Read lists the samples of an archive of so many bytes, and reads all but its images and arrays. take is told how many
// bytes are kept in memory, and may refuse.
func Read(f io.ReaderAt, size int64, take func(bytes int) error) (*Archive, error) {
	samples, err := list(f, size, take)
	if err != nil {
		return nil, err
	}
	if len(samples) == 0 {
		return nil, fail("a sample is files of one name: 000000.jpg and 000000.cls", "the archive holds no samples")
	}
	out := &Archive{}
	t := table{values: map[string]*record.Values{}, fromJSON: map[string]bool{}}
	for _, field := range samples[0].order() {
		if err := out.add(&t, f, field, samples, take); err != nil {
			return nil, err
		}
	}
	for _, key := range t.keys {
		out.Columns = append(out.Columns, t.values[key])
	}
	if len(out.Columns) == 0 {
		return nil, fail("fields are .jpg, .png, .webp, .npy, .npz, .cls, .txt and .json",
			"no field of sample %q is read: %s", samples[0].key, strings.Join(out.Unread, ", "))
	}
	return out, nil
}

// add reads a field of all samples, or notes that it is not read.
func (a *Archive) add(t *table, f io.ReaderAt, field string, samples []*sample, take func(int) error) error {
	switch kind := suffix(field); {
	case slices.Contains(imageSuffixes, kind), slices.Contains(arraySuffixes, kind):
		files, err := newFiles(f, field, samples)
		if err != nil {
			return err
		}
		a.Columns = append(a.Columns, files)
	case slices.Contains(textSuffixes, kind), slices.Contains(classSuffixes, kind), slices.Contains(jsonSuffixes, kind):
		return t.read(f, field, samples, take)
	case slices.Contains(codeSuffixes, kind):
		a.Unread = append(a.Unread, "."+field+" (a pickle, which may run any code: save arrays as .npy)")
	default:
		a.Unread = append(a.Unread, "."+field)
	}
	return nil
}

// list reads the directory of the archive.
func list(f io.ReaderAt, size int64, take func(int) error) ([]*sample, error) {
	section := io.NewSectionReader(f, 0, size)
	in := tar.NewReader(section)
	var samples []*sample
	for n := 0; ; n++ {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return samples, nil
		}
		if err != nil {
			return nil, fail(again+"; compressed ones must be unpacked first", "this is no whole tar archive: %w", err)
		}
		if n == mostFiles {
			return nil, fail("divide the archive", "it holds more than %d files", mostFiles)
		}
		key, field, ok := strings.Cut(path.Base(h.Name), ".")
		if h.Typeflag != tar.TypeReg || !ok || key == "" {
			continue
		}
		at, err := section.Seek(0, io.SeekCurrent)
		if err != nil || h.Size > size-at {
			return nil, fail(again, "%q is longer than the archive", h.Name)
		}
		key = path.Join(path.Dir(h.Name), key)
		if len(samples) == 0 || samples[len(samples)-1].key != key {
			samples = append(samples, &sample{key: key, fields: map[string]entry{}})
		}
		s := samples[len(samples)-1]
		field = strings.ToLower(field)
		if _, twice := s.fields[field]; twice {
			return nil, fail(again, "the sample %q has two fields %q", key, field)
		}
		s.fields[field] = entry{h.Name, at, h.Size}
		if err := take(len(h.Name)*2 + 200); err != nil {
			return nil, err
		}
	}
}

// order lists the fields of a sample as they follow one another in the archive.
func (s *sample) order() []string {
	var fields []string
	for field := range s.fields {
		fields = append(fields, field)
	}
	slices.SortFunc(fields, func(a, b string) int { return int(s.fields[a].at - s.fields[b].at) })
	return fields
}

// suffix is the kind of a field: seg.png is an image.
func suffix(field string) string { return field[strings.LastIndexByte(field, '.')+1:] }

// columnName is what a field is called: what stands before its kind, else what it usually is.
func columnName(field string) string {
	kind := suffix(field)
	if name := strings.TrimSuffix(strings.TrimSuffix(field, kind), "."); name != "" {
		return name
	}
	switch {
	case kind == "cls" || kind == "class":
		return "label"
	case slices.Contains(textSuffixes, kind):
		return "text"
	case slices.Contains(imageSuffixes, kind):
		return "image"
	}
	return kind
}

// lookup finds a field of a sample; every sample needs those of the first.
func (s *sample) lookup(field string) (entry, error) {
	e, ok := s.fields[field]
	if !ok {
		return e, fail("give every sample the same fields", "the sample %q has no .%s", s.key, field)
	}
	return e, nil
}
