package dataset

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/onnx"
)

func grey8() Options {
	return Options{Inputs: []Field{{Name: "x", Type: onnx.Float32, Shape: []int{-1, 1, 8, 8}}}}
}

// hub is a folder as a download of a data set from the Hugging Face Hub gives it.
func hub(t *testing.T) string {
	t.Helper()
	return linked(t, map[string]string{"README.md": "expected.json", "dataset_infos.json": "expected.json",
		"data/train-00000-of-00001.parquet": first, "data/test-00000-of-00001.parquet": first,
		"data/validation-00000-of-00002.parquet": first, "data/validation-00001-of-00002.parquet": second})
}

// A folder of several splits is refused with what to type, the split that a merge learns from first.
func TestHubSplits(t *testing.T) {
	root := hub(t)
	for _, given := range []string{root, filepath.Join(root, "data")} {
		_, err := Open(given, grey8())
		wantRefusal(t, err, "test (1 files), train (1 files), validation (2 files)",
			given+"#validation, "+given+"#train, "+given+"#test")
		if d := mustOpen(t, given+"#validation", grey8()); d.Len() != 10 {
			t.Errorf("%d samples", d.Len())
		}
	}
}

// The Hub's cache has links to files, and users link to its folders.
func TestHubLinks(t *testing.T) {
	root, at := hub(t), t.TempDir()
	link := filepath.Join(at, "link")
	if err := os.Symlink(root, link); err != nil {
		t.Skip(err)
	}
	if d := mustOpen(t, link+"#validation", grey8()); d.Len() != 10 {
		t.Errorf("%d samples", d.Len())
	}
	_, err := Open(link, grey8())
	wantRefusal(t, err, link+"#validation")
}

// Configurations of a data set, as GLUE has them, are other data with the same splits.
func TestHubConfigurations(t *testing.T) {
	root := linked(t, map[string]string{"cola/train-00000-of-00001.parquet": first, "cola/test/0000.parquet": second,
		"sst2/train-00000-of-00001.parquet": first, "sst2/test/0000.parquet": second,
		"sst2/validation-00000-of-00001.parquet": second})
	cola, sst2 := filepath.Join(root, "cola"), filepath.Join(root, "sst2")
	_, err := Open(root, grey8())
	wantRefusal(t, err, "2 folders", "different data sets", cola, sst2)
	_, err = Open(root+"#train", grey8())
	wantRefusal(t, err, "2 folders", cola+"#train", sst2+"#train")
	for given, want := range map[string]int{cola + "#train": 6, sst2 + "#test": 4, root + "#validation": 4} {
		if d := mustOpen(t, given, grey8()); d.Len() != want {
			t.Errorf("%s: %d samples, want %d", given, d.Len(), want)
		}
	}
}

// One shard of several is read, and is said to be one.
func TestHubShard(t *testing.T) {
	root := hub(t)
	data := filepath.Join(root, "data")
	shard := filepath.Join(data, "validation-00001-of-00002.parquet")
	notes := func(paths ...string) string {
		d, err := OpenAll(paths, grey8())
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(d.Notes, "\n")
	}
	const of = "this is one of 2 files"
	if got := notes(shard); !strings.Contains(got, of) || !strings.Contains(got, data+"#validation") {
		t.Errorf("notes %q", got)
	}
	if got := notes(shard, filepath.Join(data, "validation-00000-of-00002.parquet")); strings.Contains(got, of) {
		t.Errorf("both: notes %q", got)
	}
	if got := notes(filepath.Join(data, "test-00000-of-00001.parquet")); strings.Contains(got, "this is one of") {
		t.Errorf("the only one: notes %q", got)
	}
}

// A pattern in quotes is no file, and what to give is said.
func TestHubPattern(t *testing.T) {
	data := filepath.Join(hub(t), "data")
	_, err := Open(filepath.Join(data, "validation-*.parquet"), grey8())
	wantRefusal(t, err, "no such file", "--data once for each file", data+"#validation")
}

// Files that git did not fetch are named as such.
func TestHubPointer(t *testing.T) {
	const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
	root := storeAll(t, map[string][]byte{"data/train-00000-of-00001.parquet": []byte(pointer), "x.npz": []byte(pointer)})
	for _, given := range []string{root, filepath.Join(root, "x.npz")} {
		_, err := Open(given, grey8())
		wantRefusal(t, err, "a pointer to a file in Git LFS", "git lfs pull")
	}
}

// A folder of tables is one data set, too, of which a split is to be named.
func TestHubTables(t *testing.T) {
	table := []byte("text,a,b,label\nx,1,2,0\n")
	root := storeAll(t, map[string][]byte{"README.md": nil, "data/test.csv": table, "data/train.csv": table,
		"data/validation.csv": table, "dataset_infos.json": []byte("{}")})
	for _, given := range []string{root, filepath.Join(root, "data")} {
		_, err := Open(given, Options{Inputs: twoColumns})
		wantRefusal(t, err, "several parts of data", given+"#validation, "+given+"#train, "+given+"#test")
		d := mustOpen(t, given+"#validation", Options{Inputs: []Field{{Name: "a"}, {Name: "b"}}})
		if d.Len() != 1 || d.Label.Ints[0] != 0 {
			t.Errorf("%d samples, label %v", d.Len(), d.Label)
		}
	}
}

// Test data of benchmarks on the Hub has no labels but -1.
func TestHubSecretLabels(t *testing.T) {
	for lines, want := range map[string]string{
		"{\"x\":1,\"label\":-1}\n{\"x\":2,\"label\":-1}\n": "take another part",
		"{\"x\":1,\"label\":-1}\n{\"x\":2,\"label\":0}\n":  "class indices count from 0",
	} {
		d := mustOpen(t, store(t, "test.jsonl", []byte(lines)), Options{Inputs: []Field{{Name: "x", Shape: []int{-1}}}})
		wantRefusal(t, d.CheckLabels(2), "class -1 is outside", want)
	}
}
