package dataset

import (
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/softmerge/softmerge/gating/dataset/parquet"
	"github.com/softmerge/softmerge/gating/dataset/record"
)

const (
	// mostShards and deepestShard bound the search for files in a folder.
	mostShards   = 10_000
	deepestShard = 4
)

// shard is one of the files that a data set is stored as.
type shard struct {
	path string
	part string // train, validation, test, or empty where the name does not say
	set  string // the folder of the data set, below the one that was given
}

// findShards lists the files below a folder whose names end in suffix, in the order of their names, with their parts:
// train-00000-of-00002.parquet, data/train/0.parquet.
func findShards(root, suffix string) ([]shard, error) {
	var list []shard
	err := walkFiles(root, func(path, below string) error {
		if !strings.HasSuffix(strings.ToLower(path), suffix) {
			return nil
		}
		if len(list) == mostShards {
			return fail("give the files that you want", "the folder holds more than %d files %s", mostShards, suffix)
		}
		part, set := cutPartOfPath(below)
		list = append(list, shard{path, part, set})
		return nil
	})
	return list, unreadable(err)
}

// walkFiles visits the files below a folder in the order of their names, but hidden ones and those deep below. The
// folder itself may be a link.
func walkFiles(root string, visit func(path, below string) error) error {
	root = filepath.Clean(root) + string(filepath.Separator)
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		below, _ := filepath.Rel(root, path)
		hidden := strings.HasPrefix(d.Name(), ".")
		if d.IsDir() && (hidden || strings.Count(below, string(filepath.Separator)) >= deepestShard) {
			return filepath.SkipDir
		}
		if d.IsDir() || hidden {
			return nil
		}
		return visit(path, below)
	})
}

// partOfPath tells the part from the name of a file, else from the folders above it, the nearest first.
func partOfPath(path string) string {
	part, _ := cutPartOfPath(path)
	return part
}

// cutPartOfPath is partOfPath with the folder of what names the part: in sst2/test/0.parquet that is sst2.
func cutPartOfPath(file string) (part, set string) {
	for path := file; path != "." && path != "" && path != string(filepath.Separator); path = filepath.Dir(path) {
		name := filepath.Base(path)
		name = strings.TrimSuffix(name, filepath.Ext(name))
		words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return strings.ContainsRune("_.- ", r) })
		for _, word := range words {
			if part := partNames[word]; part != "" {
				return part, filepath.Dir(path)
			}
		}
	}
	return "", filepath.Dir(file)
}

// oneSet refuses files of a part wanted that lie in folders of several data sets, such as the configurations of one on
// the Hugging Face Hub: they may have the same columns and mean something else.
func oneSet(root string, list []shard, wanted string) error {
	sets := map[string][]string{}
	for _, s := range list {
		if wanted == "" || s.part == partNames[strings.ToLower(wanted)] {
			if at := filepath.Join(root, s.set); !slices.Contains(sets[s.part], at) {
				sets[s.part] = append(sets[s.part], at)
			}
		}
	}
	for _, part := range slices.Sorted(maps.Keys(sets)) {
		if folders := sets[part]; len(folders) > 1 {
			for i := range folders {
				folders[i] = addressOf(folders[i], wanted)
			}
			return fail("give one of the folders: "+quoted(folders),
				"files lie in %d folders, which may be different data sets", len(folders))
		}
	}
	return nil
}

// addressOf is what a user types for a part of a folder.
func addressOf(folder, part string) string {
	if part == "" {
		return folder
	}
	return folder + "#" + part
}

// chooseShards takes the files of the part wanted. Several parts are never mixed without being asked.
func chooseShards(root string, list []shard, wanted string) ([]shard, error) {
	byPart := map[string][]shard{}
	for _, s := range list {
		byPart[s.part] = append(byPart[s.part], s)
	}
	parts := slices.Sorted(maps.Keys(byPart))
	var known, options []string
	for _, part := range []string{"validation", "train", "test"} { // what a merge best learns from comes first
		if byPart[part] != nil {
			known, options = append(known, part), append(options, addressOf(root, part))
		}
	}
	if wanted != "" {
		if part := byPart[partNames[strings.ToLower(wanted)]]; part != nil {
			return part, nil
		}
		return nil, fail("leave out # and what follows, or name one of: "+strings.Join(known, ", "),
			"there is no part %q among %d files", wanted, len(list))
	}
	if len(parts) > 1 {
		return nil, fail("say which part to take: "+strings.Join(options, ", ")+"; or give the files themselves",
			"the folder holds several parts of data: %s", describeParts(parts, byPart))
	}
	return list, nil
}

func describeParts(parts []string, byPart map[string][]shard) string {
	var text []string
	for _, part := range parts {
		name := part
		if name == "" {
			name = "others"
		}
		text = append(text, fmt.Sprintf("%s (%d files)", name, len(byPart[part])))
	}
	return strings.Join(text, ", ")
}

// openFolder reads the files of a folder whose names end in suffix as one data set.
func (l *loader) openFolder(root, suffix string, open func(paths []string) (*Data, error)) (*Data, error) {
	l.partUsed = true
	list, err := findShards(root, suffix)
	if err != nil {
		return nil, err
	}
	if err := oneSet(root, list, l.part); err != nil {
		return nil, err
	}
	chosen, err := chooseShards(root, list, l.part)
	if err != nil {
		return nil, err
	}
	l.part = ""
	var paths []string
	for _, s := range chosen {
		paths = append(paths, s.path)
	}
	d, err := open(paths)
	if err != nil {
		return nil, err
	}
	note := fmt.Sprintf("%d files", len(paths))
	if part := chosen[0].part; part != "" {
		note = fmt.Sprintf("the part %q is taken: %s", part, note)
	}
	if len(list) > 1 {
		d.addNotes(note)
	}
	return d, nil
}

// openParquet reads Parquet files as one data set; their columns must be the same.
func (l *loader) openParquet(paths []string) (*Data, error) {
	var columns [][]record.Column
	for _, path := range paths {
		if err := notFetched(path); err != nil {
			return nil, inFile(path, paths, err)
		}
		f, err := parquet.Open(path)
		if err != nil {
			return nil, inFile(path, paths, recordError(err))
		}
		defer f.Close()
		if len(columns) == 0 {
			columns = make([][]record.Column, len(f.Columns))
			l.classes = f.Classes
		}
		if err := l.addShard(columns, f.Columns); err != nil {
			return nil, inFile(path, paths, err)
		}
	}
	var chained []record.Column
	for _, list := range columns {
		chained = append(chained, record.Chain(list...))
	}
	d, err := l.openRecords(chained)
	if err == nil && d.Label != nil && l.classes[d.Label.Name] != nil {
		d.addNotes("classes of " + d.Label.Name + ": " + quoted(l.classes[d.Label.Name]))
	}
	return d, err
}

// addShard adds the columns of one more file.
func (l *loader) addShard(columns [][]record.Column, more []record.Column) error {
	if len(more) != len(columns) {
		return fail("give files of one data set", "the file has %d columns, others have %d", len(more), len(columns))
	}
	for i, c := range more {
		if len(columns[i]) > 0 {
			first := columns[i][0]
			if c.Name() != first.Name() || c.Kind() != first.Kind() || c.Lists() != first.Lists() {
				return fail("give files of one data set", "column %d is %q (%s), in others %q (%s)", i, c.Name(),
					c.Kind(),
					first.Name(), first.Kind())
			}
		}
		columns[i] = append(columns[i], c)
	}
	return nil
}

// inFile says which of several files an error is about.
func inFile(path string, paths []string, err error) error {
	if len(paths) == 1 {
		return err
	}
	return fmt.Errorf("%s: %w", filepath.Base(path), err)
}

// holds says whether a folder has a file with this suffix, itself or in folders below it.
func holds(root, suffix string) bool {
	found := false
	err := walkFiles(root, func(path, _ string) error {
		if found = strings.EqualFold(filepath.Ext(path), suffix); found {
			return filepath.SkipAll
		}
		return nil
	})
	return err == nil && found
}

var shardName = regexp.MustCompile(`^(.*-)(\d{5})(-of-)(\d{5})(\..*)$`)

// noteShard says of a file train-00000-of-00002.parquet that there are others beside it.
func (d *Data) noteShard(path string) {
	name := shardName.FindStringSubmatch(filepath.Base(path))
	if name == nil || name[4] < "00002" {
		return
	}
	other := "00000"
	if name[2] == other {
		other = "00001"
	}
	folder := filepath.Dir(path)
	if exists(filepath.Join(folder, name[1]+other+name[3]+name[4]+name[5])) {
		all := addressOf(folder, partOfPath(filepath.Base(path)))
		d.addNotes(fmt.Sprintf("this is one of %s files: %s takes all", strings.TrimLeft(name[4], "0"), all))
	}
}
