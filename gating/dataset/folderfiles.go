package dataset

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// folderKinds are the ends of the names of files that a folder may hold several of as one data set. Parquet files are
// not among them: their columns are chained before they are read.
var folderKinds = []string{".tar", ".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz", ".csv", ".csv.gz", ".tsv", ".tsv.gz",
	".npz", ".safetensors"}

// folderKind finds the one kind of files that a folder holds; empty where there are none, or where there are images,
// whose labels such files may be.
func folderKind(root string) (string, error) {
	kinds, files, images := map[string]bool{}, 0, false
	err := walkFiles(root, func(path, _ string) error {
		if images = isImage(filepath.Base(path)); images || files == mostShards {
			return filepath.SkipAll
		}
		files++
		for _, kind := range folderKinds {
			if strings.HasSuffix(strings.ToLower(path), kind) {
				kinds[kind] = true
			}
		}
		return nil
	})
	list := slices.Sorted(maps.Keys(kinds))
	switch {
	case err != nil:
		return "", unreadable(err)
	case images || len(list) == 0:
		return "", nil
	case len(list) > 1:
		return "", fail("give the files that you want, --data before each",
			"the folder holds files of several kinds: %s", strings.Join(list, ", "))
	}
	return list[0], nil
}

// openEach reads files of one data set one by one, and joins them.
func (l *loader) openEach(paths []string) (*Data, error) {
	list := make([]*Data, len(paths))
	for i, path := range paths {
		l.group, l.classes = nil, nil
		l.folder, l.table = filepath.Dir(path), filepath.Base(path)
		d, err := l.openKind(path)
		if err != nil {
			return nil, inFile(path, paths, err)
		}
		notes := d.Notes // are of all files, as a rule, and said once
		d.readFrom(path)
		d.Notes = notes
		list[i] = d
	}
	return l.joined(list)
}

// joined joins data, and gives back the memory of what is joined.
func (l *loader) joined(list []*Data) (*Data, error) {
	d, err := Join(list...)
	if err != nil || len(list) == 1 {
		return d, err
	}
	for _, d := range list {
		d.free()
	}
	return d, nil
}
