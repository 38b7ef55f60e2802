package dataset

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// partFolder finds the folder of the part of the data that is wanted, where a folder has one for each part and nothing
// else: train and test, as Hugging Face, Keras and torchvision users have them. Several are never mixed without being
// asked.
func (l *loader) partFolder(root string) (path string, ok bool, err error) {
	folders, err := classFolders(root)
	if err != nil || len(folders) == 0 {
		return "", false, err
	}
	var list []shard
	for _, folder := range folders {
		part := partNames[strings.ToLower(folder)]
		if part == "" || !holdsSamples(filepath.Join(root, folder)) {
			return "", false, nil
		}
		list = append(list, shard{path: filepath.Join(root, folder), part: part})
	}
	chosen, err := chooseShards(root, list, l.part)
	if err != nil {
		return "", false, err
	}
	l.part, l.partUsed = "", true
	if len(chosen) > 1 {
		return "", false, fail("give the one to use", "several folders are of the same part: %s", quoted(folders))
	}
	return chosen[0].path, true, nil
}

// holdsSamples says whether a folder may be data by itself: there are folders in it, or a table of its images.
func holdsSamples(path string) bool {
	folders, err := classFolders(path)
	return err == nil && len(folders) > 0 || metadataOf(path) != ""
}

// metadataNames are the tables that Hugging Face's imagefolder reads, and those that others have beside images.
var metadataNames = []string{"metadata.csv", "metadata.jsonl"}

// metadataOf is the path of the table that names the images of a folder, empty if there is none.
func metadataOf(root string) string {
	for _, name := range metadataNames {
		if path := filepath.Join(root, name); exists(path) {
			return path
		}
	}
	return ""
}

// metadata finds the table that names the images of a folder, and what reads it.
func (l *loader) metadata(root string) (open func(path string) (*Data, error), table string) {
	table = metadataOf(root)
	if table == "" {
		return nil, ""
	}
	return l.bySuffix()[filepath.Ext(table)], table
}

// idxFiles are the files of images in MNIST's format in a folder, by the part of the data. Those of MNIST itself are
// called train and t10k.
func idxFiles(root string) map[string]string {
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil
	}
	files := map[string]string{}
	for _, e := range entries {
		name := strings.ToLower(e.Name())
		if e.IsDir() || !isIDX(name) || !strings.Contains(name, "images") {
			continue
		}
		part := partOfPath(name)
		if strings.HasPrefix(name, "t10k") {
			part = "test"
		}
		if _, twice := files[part]; !twice { // the same packed and not: the first, which is not
			files[part] = filepath.Join(root, e.Name())
		}
	}
	return files
}

// openIDXFolder reads the part wanted of a folder as MNIST comes.
func (l *loader) openIDXFolder(root string, files map[string]string) (*Data, error) {
	var list []shard
	for _, part := range slices.Sorted(maps.Keys(files)) {
		list = append(list, shard{path: files[part], part: part})
	}
	chosen, err := chooseShards(root, list, l.part)
	if err != nil {
		return nil, err
	}
	l.part, l.partUsed = "", true
	return l.openIDX(chosen[0].path)
}
