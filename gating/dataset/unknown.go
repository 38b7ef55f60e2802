package dataset

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/softmerge/softmerge/onnx/untrusted"
)

// refusedKind is a kind of file that holds data, and how it becomes one that is read.
type refusedKind struct {
	what, hint string
}

var (
	pickled = refusedKind{"a Python pickle, which may run any code when it is opened",
		"load it in Python, where it was written, and save arrays: numpy.savez('data.npz', input=x, label=y)"}
	hdf = refusedKind{"an HDF5 file",
		"convert it: f = h5py.File(path); numpy.savez('data.npz', input=f['x'][:], label=f['y'][:])"}
	matlab = refusedKind{"a MATLAB file",
		"convert it: m = scipy.io.loadmat(path); numpy.savez('data.npz', input=m['X'], label=m['y'].ravel())"}
	tfRecord = refusedKind{"a TFRecord file, whose fields only its writer knows",
		"read it with tf.data.TFRecordDataset and save arrays: numpy.savez('data.npz', input=x, label=y)"}
	arrow = refusedKind{"an Arrow file",
		"convert it: datasets.load_from_disk(folder).to_parquet('data.parquet'), or pandas.read_feather(path)." +
			"to_parquet('data.parquet')"}
	excel      = refusedKind{"a spreadsheet", "convert it: pandas.read_excel(path).to_csv('data.csv', index=False)"}
	packedFile = refusedKind{"a packed archive", "unpack it and give the file or folder that comes out"}
	bare       = refusedKind{"numbers without shape or type", "say what they are: numpy.save('data.npy', " +
		"numpy.memmap(path, dtype='float32', mode='r', shape=(n, ...)))"}
	pointer = refusedKind{"a pointer to a file in Git LFS", "fetch the file with git lfs pull, or download it again"}
	single  = refusedKind{"one array, and a folder of such does not say which is which",
		"save them together: numpy.savez('data.npz', input=numpy.load('x.npy'), label=numpy.load('y.npy'))"}
	database = refusedKind{"a database",
		"convert it: pandas.read_sql(query, connection).to_csv('data.csv', index=False)"}
)

// refusedSuffixes are kinds of files by the ends of their names.
var refusedSuffixes = map[string]refusedKind{
	".pkl": pickled, ".pickle": pickled, ".pk": pickled, ".joblib": pickled, ".pt": pickled, ".pth": pickled,
	".ckpt": pickled, ".h5": hdf, ".hdf5": hdf, ".hdf": hdf, ".mat": matlab, ".tfrecord": tfRecord,
	".tfrecords": tfRecord, ".arrow": arrow, ".feather": arrow, ".xlsx": excel, ".xls": excel, ".ods": excel,
	".zip": packedFile, ".gz": packedFile, ".tgz": packedFile, ".bz2": packedFile, ".xz": packedFile,
	".zst": packedFile, ".7z": packedFile, ".rar": packedFile,
	".dat": bare, ".raw": bare, ".memmap": bare, ".mmap": bare, ".bin": bare, ".db": database,
	".sqlite": database, ".sqlite3": database, ".mdb": database, ".lmdb": database,
	".npy": single,
}

// refusedBeginnings are kinds of files by their first bytes, for names that do not tell.
var refusedBeginnings = []struct {
	begins string
	kind   refusedKind
}{
	{"\x80\x02", pickled}, {"\x80\x03", pickled}, {"\x80\x04", pickled}, {"\x80\x05", pickled},
	{"\x89HDF\r\n\x1a\n", hdf}, {"MATLAB 5.0", matlab}, {"ARROW1", arrow}, {"SQLite format 3", database},
	{"\x1f\x8b", packedFile}, {"PK\x03\x04", packedFile}, {"BZh", packedFile}, {"\xfd7zXZ", packedFile},
	{"\x28\xb5\x2f\xfd", packedFile}, {"version https://", pointer},
}

// unknownKind refuses a file that is none of those read here: with what it is and how to convert it, if that shows.
func unknownKind(path string) error {
	suffix := strings.ToLower(filepath.Ext(path))
	kind, known := refusedSuffixes[suffix]
	if !known {
		kind, known = kindByBeginning(path)
	}
	if known {
		return fail(kind.hint, "unknown kind of data %q: this is %s", suffix, kind.what)
	}
	return fail("convert it: numpy.savez(path, input=x, label=y)",
		"unknown kind of data %q: want .npz, .npy, .safetensors, .csv, .tsv, .jsonl, .parquet, .tar, an IDX file, or "+
			"a folder of images, of such files or of ONNX test data", filepath.Ext(path))
}

// refusedIn refuses a folder by the first file in it that is of a kind known here and not read.
func refusedIn(root string) error {
	const most = 100
	entries, err := os.ReadDir(root)
	if err != nil {
		return unreadable(err)
	}
	for _, e := range entries[:min(len(entries), most)] {
		path := filepath.Join(root, e.Name())
		if e.IsDir() || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		kind, known := refusedSuffixes[strings.ToLower(filepath.Ext(path))]
		if !known {
			kind, known = kindByBeginning(path)
		}
		if known {
			return fail(kind.hint, "%s: this is %s", e.Name(), kind.what)
		}
	}
	return nil
}

// tablesBeside refuses a folder with one folder of images, which is no class, and tables that may name them.
func tablesBeside(root string) error {
	folders, err := classFolders(root)
	if err != nil || len(folders) != 1 {
		return nil //nolint:nilerr // what cannot be read is refused where it is read
	}
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil //nolint:nilerr // as above
	}
	var tables []string
	for _, e := range entries {
		if slices.Contains([]string{".csv", ".tsv", ".jsonl"}, strings.ToLower(filepath.Ext(e.Name()))) {
			tables = append(tables, filepath.Join(root, e.Name()))
		}
	}
	if len(tables) == 0 {
		return nil
	}
	return fail("give the table that names the images and their labels: "+tables[0],
		"the folder has one folder, %q, and beside it %d tables", folders[0], len(tables))
}

// kindByBeginning tells a kind of file by its first bytes.
func kindByBeginning(path string) (kind refusedKind, known bool) {
	f, _, err := untrusted.Open(path)
	if err != nil {
		return kind, false
	}
	defer f.Close()
	head := make([]byte, 16)
	n, _ := f.ReadAt(head, 0) // a shorter file ends in an error, too
	for _, of := range refusedBeginnings {
		if bytes.HasPrefix(head[:n], []byte(of.begins)) {
			return of.kind, true
		}
	}
	return kind, false
}

// notFetched refuses a file that Git LFS keeps elsewhere, whatever it is called.
func notFetched(path string) error {
	if kind, _ := kindByBeginning(path); kind == pointer {
		return fail(kind.hint, "this is %s", kind.what)
	}
	return nil
}

// patternError adds to the error that there is no file of a name what to give where the name is a pattern.
func patternError(path string, err error) error {
	folder, name := filepath.Split(path)
	if !errors.Is(err, fs.ErrNotExist) || !strings.ContainsAny(name, "*?[{") {
		return err
	}
	hint := "patterns are not expanded: give --data once for each file"
	if folder = filepath.Clean(folder); exists(folder) {
		hint += ", or the folder: --data " + addressOf(folder, partOfPath(name))
	}
	return fail(hint, "no such file: %q is a pattern", name)
}
