package main

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"os"
	"path/filepath"
	"strings"

	"github.com/softmerge/softmerge/cmd/softmerge/internal/exit"
)

// misusedFiles is what is wrong with the files that data comes in.
func misusedFiles() []chapter {
	return []chapter{
		{"Folders of images", false, wrongFolders()},
		{"Tables and arrays", false, wrongTables()},
		{"Data as others have it", false, othersData()},
	}
}

func wrongFolders() []misuse {
	digitFolder := func(k *kitchen, n int) string { return k.images("images", k.digits(n), digitName) }
	return []misuse{
		{"an empty folder", func(k *kitchen) []string {
			k.ok(os.Mkdir(filepath.Join(k.dir, "empty"), 0o755))
			return k.merge(filepath.Join(k.dir, "empty"), k.mlps())
		}, isRefused, exit.Data, []string{"one folder per class"}},
		{"images without folders of classes", func(k *kitchen) []string {
			d := k.digits(20)
			return k.merge(k.images("flat", d, func(int64) string { return "." }), k.mlps())
		}, isRefused, exit.Data, []string{"one folder per class"}},
		{"a folder of a single class", func(k *kitchen) []string {
			return k.merge(k.images("one", k.digits(40), func(int64) string { return "cat" }), k.mlps())
		}, isRefused, exit.Data, []string{"class"}},
		{"a folder of train and val, one level too high", func(k *kitchen) []string {
			d := k.digits(60)
			k.images("data/train", d, digitName)
			k.images("data/val", d, digitName)
			return k.merge(filepath.Join(k.dir, "data"), k.mlps())
		}, isRefused, exit.Data, []string{"train"}},
		{"five classes of the model's ten", func(k *kitchen) []string {
			d, half := k.digits(300), digits{}
			for i, y := range d.y {
				if y >= 5 {
					half.x, half.y = append(half.x, d.x[64*i:64*i+64]...), append(half.y, y)
				}
			}
			return k.merge(k.images("half", half, digitName), k.mlps())
		}, isRefused, exit.Data, []string{"--classes"}},
		{"a class folder without images", func(k *kitchen) []string {
			dir := digitFolder(k, 100)
			k.ok(os.Mkdir(filepath.Join(dir, "digit9b"), 0o755))
			return k.merge(dir, k.mlps())
		}, isRefused, exit.Data, []string{"digit9b"}},
		{"folders named 1 to 10, which sort as 1, 10, 2", func(k *kitchen) []string {
			return k.merge(k.images("images", k.digits(300), func(y int64) string { return fmt.Sprint(y + 1) }), k.mlps())
		}, handled, exit.Done, []string{"<- chosen"}},
		{".DS_Store, Thumbs.db and hidden folders", func(k *kitchen) []string {
			dir := digitFolder(k, 300)
			k.file("images/.DS_Store", "x")
			k.file("images/digit0/.DS_Store", "x")
			k.file("images/digit0/._0001.png", "no image")
			k.file("images/digit0/Thumbs.db", "x")
			k.file("images/.ipynb_checkpoints/0.png", "no image")
			return k.merge(dir, k.mlps())
		}, handled, exit.Done, []string{"300 samples to learn from"}},
		{"a text file named .png", func(k *kitchen) []string {
			dir := digitFolder(k, 100)
			k.file("images/digit0/note.png", "this is no image")
			return k.merge(dir, k.mlps())
		}, isRefused, exit.Data, []string{"note.png"}},
		{"an image cut off", func(k *kitchen) []string {
			dir := digitFolder(k, 100)
			path := k.png("images/digit0/cut.png", image.NewGray(image.Rect(0, 0, 8, 8)))
			k.ok(os.Truncate(path, 50))
			return k.merge(dir, k.mlps())
		}, isRefused, exit.Data, []string{"cut.png"}},
		{"an image that says it has 16 billion pixels", func(k *kitchen) []string {
			dir := digitFolder(k, 100)
			header := binary.BigEndian.AppendUint32([]byte("IHDR"), 1<<17)
			header = append(binary.BigEndian.AppendUint32(header, 1<<17), 8, 0, 0, 0, 0)
			k.file("images/digit0/huge.png", "\x89PNG\r\n\x1a\n\x00\x00\x00\x0d"+string(header)+
				string(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(header))))
			return k.merge(dir, k.mlps())
		}, isRefused, exit.Data, []string{"huge.png", "131072 x 131072"}},
		{"images of several sizes", func(k *kitchen) []string {
			dir := digitFolder(k, 300)
			k.png("images/digit0/large.png", image.NewGray(image.Rect(0, 0, 31, 17)))
			return k.merge(dir, k.mlps())
		}, handled, exit.Done, []string{"<- chosen"}},
		{"coloured images for a grey network", func(k *kitchen) []string {
			d := k.digits(300)
			for i, y := range d.y {
				img := image.NewRGBA(image.Rect(0, 0, 8, 8))
				for j, v := range d.x[64*i : 64*i+64] {
					img.SetRGBA(j%8, j/8, color.RGBA{uint8(255 * v), uint8(255 * v), uint8(255 * v), 255})
				}
				k.png(fmt.Sprintf("rgb/%s/%d.png", digitName(y), i), img)
			}
			return k.merge(filepath.Join(k.dir, "rgb"), k.mlps())
		}, handled, exit.Done, []string{"<- chosen"}},
		{"a folder of images for a network of tokens", func(k *kitchen) []string {
			return k.merge(digitFolder(k, 40), k.family("families/gpt", 2))
		}, isRefused, exit.Data, []string{"takes no images"}},
		{"an archive of images, not unpacked", func(k *kitchen) []string {
			return k.merge(k.file("images.zip", "PK\x03\x04"), k.mlps())
		}, isRefused, exit.Data, []string{"unknown kind of data"}},
	}
}

func wrongTables() []misuse {
	number := func(y int64) string { return fmt.Sprint(y) }
	edited := func(edit func(string) string) func(*kitchen) []string {
		return func(k *kitchen) []string {
			path := k.csv("data.csv", k.digits(300), true, number)
			text, err := os.ReadFile(path)
			k.ok(err)
			return k.merge(k.file("data.csv", edit(string(text))), k.mlps())
		}
	}
	return []misuse{
		{"data larger than --data-memory", func(k *kitchen) []string {
			return k.merge(k.npz("data.npz", k.digits(300)), k.mlps(), "--data-memory", "20K")
		}, handled, exit.Done, []string{"they are on disk, in temporary files", "<- chosen"}},
		{"data larger than --data-memory, and no disk for it", func(k *kitchen) []string {
			return k.merge(k.npz("data.npz", k.digits(300)), k.mlps(), "--data-memory", "20K", "--data-disk", "0")
		}, isRefused, exit.Data, []string{"do not fit in the 20480 bytes allowed for data", "--data-memory"}},
		{"--data-memory that is no size", func(k *kitchen) []string {
			return k.merge(k.npz("data.npz", k.digits(300)), k.mlps(), "--data-memory", "plenty")
		}, isRefused, exit.Usage, []string{"500M, 8G or 1T"}},
		{"CSV with a missing value", edited(func(s string) string {
			return strings.Replace(s, "0,0,", "0,,", 1)
		}), isRefused, exit.Data, []string{"data.csv"}},
		{"CSV without a header", func(k *kitchen) []string {
			return k.merge(k.csv("bare.csv", k.digits(300), false, number), k.mlps())
		}, isRefused, exit.Data, []string{"only numbers where the names of the columns belong"}},
		{"CSV with semicolons", edited(func(s string) string { return strings.ReplaceAll(s, ",", ";") }),
			handled, exit.Done, []string{"cells are separated by ';'", "<- chosen"}},
		{"CSV with semicolons and decimal commas", edited(func(s string) string {
			return strings.ReplaceAll(strings.ReplaceAll(s, ",", ";"), ".", ",")
		}), handled, exit.Done, []string{"read as decimal points", "<- chosen"}},
		{"CSV with tabs", edited(func(s string) string { return strings.ReplaceAll(s, ",", "\t") }),
			handled, exit.Done, []string{"cells are separated by", "<- chosen"}},
		{"CSV with the index that pandas writes", edited(func(s string) string {
			lines := strings.Split(strings.TrimSpace(s), "\n")
			for i := range lines[1:] {
				lines[i+1] = fmt.Sprint(i, ",", lines[i+1])
			}
			return "," + strings.Join(lines, "\n") + "\n"
		}), handled, exit.Done, []string{"the first column, which has no name, is left out", "<- chosen"}},
		{"CSV as UTF-16", edited(func(s string) string {
			return "\xff\xfe" + strings.ReplaceAll(s, "", "\x00")[1:]
		}), isRefused, exit.Data, []string{"UTF-16", "save it as UTF-8"}},
		{"CSV without the label of one row", edited(func(s string) string {
			lines := strings.Split(s, "\n")
			lines[7] = lines[7][:strings.LastIndexByte(lines[7], ',')+1]
			return strings.Join(lines, "\n")
		}), isRefused, exit.Data, []string{"line 8", `("label")`, "there is no value"}},
		{"CSV with a column too many, the row's number", edited(func(s string) string {
			lines := strings.Split(strings.TrimSpace(s), "\n")
			for i := range lines {
				lines[i] = fmt.Sprint(i, ",", lines[i])
			}
			lines[0] = strings.Replace(lines[0], "0,", "id,", 1)
			return strings.Join(lines, "\n") + "\n"
		}), isRefused, exit.Data, []string{"65", "leave out the columns that are no input, 1 of 65, such as \"id\""}},
		{"CSV with labels in a column of another name", edited(func(s string) string {
			return strings.Replace(s, "label", "species", 1)
		}), isRefused, exit.Data, []string{"65", "say which is the label, as --label \"species\" for the last"}},
		{"CSV with names of classes", func(k *kitchen) []string {
			return k.merge(k.csv("names.csv", k.digits(300), true, digitName), k.mlps())
		}, handled, exit.Done, []string{`classes of label "label"`, `0 "digit0", 1 "digit1"`, "<- chosen"}},
		{"CSV with names of classes that the alphabet orders otherwise", func(k *kitchen) []string {
			return k.merge(k.csv("names.csv", k.digits(300), true, englishDigit), k.mlps())
		}, isRefused, exit.Data, []string{`0 "eight", 1 "five"`, notTheirs}},
		{"the same, with --classes", func(k *kitchen) []string {
			var names string
			for y := range int64(10) {
				names += englishDigit(y) + "\n"
			}
			return k.merge(k.csv("names.csv", k.digits(300), true, englishDigit), k.mlps(), "--classes",
				k.file("names.txt", names))
		}, handled, exit.Done, []string{"<- chosen"}},
		{"--classes for labels that are numbers", func(k *kitchen) []string {
			return k.merge(k.npz("data.npz", k.digits(300)), k.mlps(), "--classes", k.file("names.txt", "a\nb\n"))
		}, isRefused, exit.Usage, []string{"--classes is for folders of images and for labels that are text"}},
		{"CSV with decimal commas in quotes", edited(func(s string) string {
			return strings.ReplaceAll(s, "0.5,", "\"0,5\",")
		}), isRefused, exit.Data, []string{"data.csv"}},
		{".npz with arrays of Python objects", func(k *kitchen) []string {
			return k.merge(k.fixture("hostile/data/pickle.npz"), k.mlps())
		}, isRefused, exit.Data, []string{"object"}},
		{".npz cut off by a broken download", func(k *kitchen) []string {
			return k.merge(k.fixture("hostile/data/truncated.npz"), k.mlps())
		}, isRefused, exit.Data, []string{"truncated.npz"}},
		{".npz that unpacks to more than memory", func(k *kitchen) []string {
			return k.merge(k.fixture("hostile/data/bomb.npz"), k.mlps())
		}, isRefused, exit.Data, []string{"bomb.npz"}},
		{".npz of other keys than the graph's inputs", func(k *kitchen) []string {
			d := k.digits(300)
			x := input(d)
			x.name = "images"
			return k.merge(k.arrays("keys.npz", x, label(d)), k.mlps())
		}, handled, exit.Done, []string{"<- chosen"}},
		{"two inputs that may be each other's, under other keys", func(k *kitchen) []string {
			ids, labels := make([]int64, 64*60), make([]int64, 60)
			return k.merge(k.arrays("swapped.npz", array{"a", "<i8", []int{60, 64}, ids},
				array{"b", "<i8", []int{60, 64}, ids}, array{"label", "<i8", []int{60}, labels}),
				k.family("families/bert", 2))
		}, isRefused, exit.Data, []string{"input_ids"}},
		{"padded sequences without lengths", func(k *kitchen) []string {
			return k.merge(k.fixture("families/gru/lengths_val.npz"), k.family("families/gru", 2))
		}, handled, exit.Done, []string{"<- chosen"}},
		{"a model as --data", func(k *kitchen) []string { return k.merge(k.mlps()[0], k.mlps()) },
			isRefused, exit.Data, []string{"unknown kind of data"}},
		{"--data that is not there", func(k *kitchen) []string {
			return k.merge(filepath.Join(k.dir, "nowhere.npz"), k.mlps())
		}, isRefused, exit.Data, []string{"no such file"}},
		{"a PyTorch tensor as --data", func(k *kitchen) []string {
			return k.merge(k.file("val.pt", "PK\x03\x04"), k.mlps())
		}, isRefused, exit.Data, []string{"numpy.savez"}},
	}
}
