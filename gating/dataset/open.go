package dataset

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/softmerge/softmerge/gating/dataset/imaging"
	"github.com/softmerge/softmerge/gating/dataset/spill"
	"github.com/softmerge/softmerge/onnx/advice"
	"github.com/softmerge/softmerge/onnx/untrusted"
)

// Options say what the data is wanted for.
type Options struct {
	// Inputs are the graph's inputs, in its order. When there are none, every array that is not the label becomes an
	// input as it is, in the order of the file.
	Inputs []Field
	// Label is the key of the label: an array, a CSV column, an output of ONNX test data. Empty means label,
	// labels, y or target, whichever comes first in this list.
	Label string
	// More are the keys of further labels, where a model has several outputs to judge.
	More []string
	// Group is the key of an array, column or output with one whole number or one text a sample, by which results
	// are reported in parts, see [Data.Groups]. It may be the label, but no input: networks never see it.
	// GroupByFile stands for the file or folder that a sample was read from. Empty means no groups.
	Group string
	// Preprocess says what becomes of images before the network sees them. Data without images does not look at it.
	Preprocess imaging.Preprocess
	// Classes are the names of the classes of folders, by number. When there are none, folders are numbered by their
	// names, see [Data.ClassNames], and there must be one for each class of the model.
	Classes []string
	// Sample is how many images are read at most, evenly spread over those there are; zero reads all. Other data is
	// read whole.
	Sample int
	// Tokenizer is the tokenizer.json that text goes through; empty takes the one beside the data, else the one in
	// ModelFolder.
	Tokenizer, ModelFolder string
	// Text are the keys of the text, or of the two texts that belong together; none takes the only one, the one called
	// text, or a pair that is known, such as sentence1 and sentence2.
	Text []string
	// MaxLength is how many tokens a text may have; zero means what the tokenizer and the graph allow.
	MaxLength int
	// MaxBytes bounds the memory for values; zero means DefaultMaxBytes. Arrays that do not fit in it are on disk,
	// where the system can map files (Linux, macOS, FreeBSD): an .npy or .safetensors file of the graph's type is used
	// where it lies, all else is put into temporary files, which have no names and go with the process or
	// [Data.Close]. What is read as text, JSON lines and the like, has to fit in memory.
	MaxBytes int64
	// MaxDisk bounds the temporary files; zero means DefaultMaxDisk, less than zero that there are none, so that
	// MaxBytes is all that data may take. A disk is never filled to its last twentieth.
	MaxDisk int64
}

// Open reads a data set into memory. What it is shows from the name:
//
//   - .npz: arrays by key, the graph's input names and the label's; compressed or not. One input, or one label beside
//     inputs that were found, needs no name, and numpy.savez(path, a, b, y) without names is taken in that order. An
//     array "lengths" says how many positions of each sample are real, along the first axis after the batch that is
//     symbolic in the graph; samples are cut to them, and so is a label whose first axis is as long as that axis.
//     "NAME.lengths" is for one input or the label alone.
//   - .parquet, or a folder of such files: columns of numbers, of lists, fixed or ragged, of images as Hugging Face has
//     them (struct{bytes, path}), of text; a folder is one data set, of which FOLDER#train names a part.
//   - .jsonl, .ndjson: an object a line, its keys as columns of numbers, lists and text.
//   - .tar: samples as WebDataset has them: .jpg, .png or .webp beside .cls, .txt or .json.
//   - .safetensors: arrays by key, as in .npz.
//   - .npy: one array for the one input, no label.
//   - .csv, .tsv: a header row, then one row of numbers per sample.
//   - names with idx1, idx2, ... as in train-images-idx3-ubyte, or ending in .idx, with or without .gz: the
//     MNIST format.
//   - a folder with test_data_set_0 in it, or input_0.pb: ONNX test data, whose sets may differ in shape.
//   - a folder of images with a file of annotations as COCO has them: the label is [M,5], for
//     each object its class, from 0 in the order of the categories' ids, and x1, y1, x2, y2 in pixels of what the
//     network sees; a class of -1 pads.
//   - a folder with two folders, images and masks: the class of every pixel, in a file of the image's name.
//   - a folder of .npz, .csv, .tsv, .jsonl, .tar or .safetensors files and no images: one data set, in the order of
//     their names, of which FOLDER#train names a part.
//   - any other folder: images, a folder per class.
//
// An array that no name decides is taken where its type and shape fit the input and no other array does; Data.Notes
// say so, and which arrays are left. Arrays such as x_val and y_val beside x_train and y_train are parts of the
// data: one must be chosen, by FILE#validation or by naming the label. Parts are train, validation (val, valid,
// dev) and test.
//
// Text becomes input_ids, attention_mask, token_type_ids and position_ids by a tokenizer.json, as the graph's inputs
// are named. The label "next" is then the token that follows at every position, [Ignored] where none does.
//
// Every array must fit its Field; see [Column] for how values are kept. All errors are of kind [ErrData].
func Open(path string, o Options) (*Data, error) {
	return OpenAll([]string{path}, o)
}

// OpenAll reads several files or folders, each as Open does, and joins them in the order given; where the graph has
// symbolic axes each may have samples of other lengths. MaxBytes and MaxDisk count for all of them together.
func OpenAll(paths []string, o Options) (*Data, error) {
	l := &loader{Options: o, store: newStore(o)}
	d, err := l.openAll(paths)
	if err != nil {
		l.store.Close()
		return nil, err
	}
	return d, nil
}

// openAll reads files and joins them.
func (l *loader) openAll(paths []string) (d *Data, err error) {
	defer Guard(&err)()
	if slices.ContainsFunc(l.Inputs, func(f Field) bool { return f.Name == l.Group }) {
		return nil, fail("save the groups under a name of their own",
			"samples cannot be grouped by %q, which is an input of the model", l.Group)
	}
	list := make([]*Data, len(paths))
	for i, path := range paths {
		if list[i], err = l.open(path); err != nil {
			if len(paths) > 1 && strings.EqualFold(filepath.Ext(path), ".npy") {
				err = advice.With(err, single.hint) // input and label are no two data sets
			}
			return nil, err
		}
	}
	if len(paths) == 1 {
		list[0].noteShard(paths[0])
	}
	if l.Group == GroupByFile {
		groupByFile(list, paths)
	}
	joined, err := l.joined(list)
	if err != nil {
		return nil, err
	}
	joined.noteDisk()
	return joined, nil
}

// open reads one file or folder, or the part of it that is named after #.
func (l *loader) open(whole string) (*Data, error) {
	path, part := cutPart(whole)
	l.part, l.partUsed, l.group, l.classes = part, false, nil, nil
	l.folder, l.table = filepath.Dir(path), filepath.Base(path)
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		l.folder = path
	}
	d, err := l.openKind(path)
	if err == nil && part != "" && !l.partUsed {
		err = fail("leave out #"+part, "data of this kind has no parts to choose from")
	}
	if err != nil {
		err = unreadable(err)
		if !strings.HasPrefix(err.Error(), path) {
			err = fmt.Errorf("%s: %w", path, err)
		}
		return nil, err
	}
	d.readFrom(path)
	return d, nil
}

// cutPart takes the name of a part off a path: mnist.npz#test. A file whose name has a # is left alone.
func cutPart(path string) (file, part string) {
	at := strings.LastIndexByte(path, '#')
	if at <= 0 || exists(path) {
		return path, ""
	}
	return path[:at], path[at+1:]
}

// openKind tells from the name what the data is.
func (l *loader) openKind(path string) (*Data, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, patternError(path, err)
	}
	if !info.IsDir() && !info.Mode().IsRegular() {
		return nil, fail("give a regular file or a folder", "this is neither a file nor a folder")
	}
	if err := notFetched(path); err != nil {
		return nil, err
	}
	switch {
	case info.IsDir() && isTestData(path):
		return l.openTestData(path)
	case info.IsDir() && holds(path, ".parquet"):
		return l.openFolder(path, ".parquet", l.openParquet)
	case info.IsDir():
		return l.openPictures(path)
	}
	name := strings.ToLower(filepath.Base(path))
	if open := l.bySuffix()[filepath.Ext(strings.TrimSuffix(name, packed))]; open != nil && isStream(name) {
		return open(path)
	}
	if isIDX(name) {
		return l.openIDX(path)
	}
	return nil, unknownKind(path)
}

// bySuffix are the readers of files by the ends of their names.
func (l *loader) bySuffix() map[string]func(path string) (*Data, error) {
	return map[string]func(path string) (*Data, error){
		".parquet":     func(path string) (*Data, error) { return l.openParquet([]string{path}) },
		".safetensors": l.openSafetensors,
		".tar":         l.openTar,
		".jsonl":       l.openJSONLines,
		".ndjson":      l.openJSONLines,
		".json":        l.openJSONLines,
		".npz":         l.openNPZ,
		".npy":         l.openNPY,
		".csv":         func(path string) (*Data, error) { return l.openCSV(stream(path), ',') },
		".tsv":         func(path string) (*Data, error) { return l.openCSV(stream(path), '\t') },
	}
}

func (l *loader) openNPZ(path string) (*Data, error) {
	f, info, err := untrusted.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	arrays, err := npzArrays(f, info.Size())
	if err != nil {
		return nil, err
	}
	return l.assembleCut(arrays)
}

func (l *loader) openNPY(path string) (*Data, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	return l.assemble([]named{{l.onlyInput("x"), npyFile(path, info.Size())}})
}

// onlyInput is the name of the graph's input when there is just one, for files that do not name their arrays.
func (l *loader) onlyInput(otherwise string) string {
	if len(l.Inputs) == 1 {
		return l.Inputs[0].Name
	}
	return otherwise
}

// loader reads the files of one data set.
type loader struct {
	Options
	store    *spill.Store
	part     string // the part of the data wanted, empty for all or the only one
	partUsed bool
	folder   string              // where the data lies
	table    string              // the name of the file that names images
	classes  map[string][]string // the names of classes that the file has, by column
	group    groupSource         // where the groups of samples are, nil before they are found
	probe    bool                // nothing is read but whether there are images, see HoldsImages
}

// pick finds the inputs and the label of the part wanted.
func (l *loader) pick(arrays []named) (picked, error) {
	l.partUsed = true
	p, err := pick(l.withoutGroups(arrays), l.Options, l.part)
	if err != nil {
		return p, err
	}
	return p, l.findGroup(arrays, p.part)
}

// assemble gives every input its array by name and reads them.
func (l *loader) assemble(arrays []named) (*Data, error) {
	p, err := l.pick(arrays)
	if err != nil {
		return nil, err
	}
	return l.read(p)
}

// read checks the headers of all columns, and that they have the same number of samples, before it reads their values.
func (l *loader) read(p picked) (*Data, error) {
	l.nameTexts(&p)
	plans, err := planAll(p)
	if err != nil {
		return nil, err
	}
	if l.probe {
		return nil, errNoImages
	}
	d := &Data{Notes: p.notes, store: l.store}
	for _, c := range plans {
		if err := c.fill(l.store); err != nil {
			return nil, fmt.Errorf("%s %q: %w", c.role, c.Name, err)
		}
		if at := slices.IndexFunc(c.Ints, func(v int64) bool { return v < 0 }); c.below > 0 && at >= 0 {
			d.Warnings.Addf(ErrData, "pad with the id that the tokenizer pads with", "input %q, %s: id %d counts "+
				"from the end of the model's table, as ONNX has it", c.Name, where(at, c.shape), c.Ints[at])
		}
		switch {
		case c.role != "label":
			d.Inputs = append(d.Inputs, c.Column)
		case d.Label == nil:
			d.Label = &c.Column
		default:
			d.More = append(d.More, c.Column)
		}
	}
	d.nameClasses(p)
	d.noteOddities(p)
	return d, l.readGroups(d)
}

func planAll(p picked) ([]plan, error) {
	var plans []plan
	for i, a := range p.inputs {
		c, err := planInput(p.fields[i], a)
		if err != nil {
			return nil, fmt.Errorf("input %q: %w", p.fields[i].Name, err)
		}
		plans = append(plans, c)
	}
	for _, a := range p.labels {
		c, err := planLabel(a)
		if err != nil {
			return nil, fmt.Errorf("label %q: %w", a.name, err)
		}
		plans = append(plans, c)
	}
	for _, c := range plans {
		if c.shape[0] != plans[0].shape[0] {
			return nil, fail("every array needs one row per sample, in the same order",
				"%q has %d samples but %q has %d", c.Name, c.shape[0], plans[0].Name, plans[0].shape[0])
		}
	}
	return plans, nil
}
