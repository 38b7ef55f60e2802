package main

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/softmerge/softmerge/cmd/softmerge/internal/exit"
)

// englishDigit is a name whose alphabetical order is not the classes'.
func englishDigit(y int64) string {
	return []string{"zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"}[y]
}

func number(y int64) string { return fmt.Sprint(y) }

// halves writes samples as two tables in one folder.
func (k *kitchen) halves(label func(int64) string) {
	d := k.digits(300)
	k.csv("tables/a.csv", digits{d.x[:64*150], d.y[:150]}, true, label)
	k.csv("tables/b.csv", digits{d.x[64*150:], d.y[150:]}, true, label)
}

// read is the content of a file that was made.
func (k *kitchen) read(name string) string {
	text, err := os.ReadFile(k.path(name))
	k.ok(err)
	return string(text)
}

// othersData is data as it lies around: what other libraries and other people's downloads look like.
func othersData() []misuse {
	unreadable := func(name, content string) func(*kitchen) []string {
		return func(k *kitchen) []string { return k.merge(k.file(name, content), k.mlps()) }
	}
	pickle := "\x80\x04\x95\x00\x00\x00"
	return append([]misuse{
		{"CIFAR-10's batches, which are pickles", func(k *kitchen) []string {
			k.file("cifar-10-batches-py/batches.meta", pickle)
			k.file("cifar-10-batches-py/data_batch_1", pickle)
			return k.merge(filepath.Join(k.dir, "cifar-10-batches-py"), k.mlps())
		}, isRefused, exit.Data, []string{"a Python pickle, which may run any code", "numpy.savez"}},
		{"a pickle of arrays", unreadable("data.pkl", pickle), isRefused, exit.Data,
			[]string{"a Python pickle, which may run any code"}},
		{"an HDF5 file", unreadable("data.h5", "\x89HDF\r\n\x1a\n"), isRefused, exit.Data,
			[]string{"an HDF5 file", "h5py.File"}},
		{"a MATLAB file", unreadable("data.mat", "MATLAB 5.0 MAT-file"), isRefused, exit.Data,
			[]string{"scipy.io.loadmat"}},
		{"a TFRecord file", unreadable("train.tfrecord", "\x00\x00"), isRefused, exit.Data,
			[]string{"tf.data.TFRecordDataset"}},
		{"a data set of Arrow files, as save_to_disk writes it", func(k *kitchen) []string {
			k.file("ds/state.json", "{}")
			k.file("ds/data-00000-of-00001.arrow", "ARROW1\x00\x00")
			return k.merge(filepath.Join(k.dir, "ds"), k.mlps())
		}, isRefused, exit.Data, []string{"an Arrow file", "to_parquet"}},
		{"a memory map of NumPy", unreadable("x.dat", "\x00\x00\x00\x00"), isRefused, exit.Data,
			[]string{"numbers without shape or type", "numpy.memmap"}},
		{"a spreadsheet", unreadable("data.xlsx", "PK\x03\x04"), isRefused, exit.Data, []string{"pandas.read_excel"}},
		{"labels that are Python objects", func(k *kitchen) []string {
			return k.merge(k.fixture("hostile/data/pickle.npz"), k.mlps())
		}, isRefused, exit.Data, []string{"Python objects (a pickle)"}},
		{"a packed table", func(k *kitchen) []string {
			path := k.csv("data.csv", k.digits(300), true, func(y int64) string { return fmt.Sprint(y) })
			text, err := os.ReadFile(path)
			k.ok(err)
			return k.merge(k.file("data.csv.gz", packed(text)), k.mlps())
		}, handled, exit.Done, []string{"<- chosen"}},
		{"MNIST's folder, with train and test", func(k *kitchen) []string {
			k.mnist("mnist/train", k.digits(300))
			k.mnist("mnist/t10k", k.digits(100))
			return k.merge(filepath.Join(k.dir, "mnist"), k.mlps())
		}, isRefused, exit.Data, []string{"several parts of data", "mnist#train"}},
		{"its part", func(k *kitchen) []string {
			k.mnist("mnist/train", k.digits(300))
			k.mnist("mnist/t10k", k.digits(100))
			return k.merge(filepath.Join(k.dir, "mnist")+"#train", k.mlps())
		}, handled, exit.Done, []string{"300 samples to learn from", "<- chosen"}},
	}, append(namedImages(), archives()...)...)
}

// namedImages are images whose labels are in a table.
func namedImages() []misuse {
	table := func(k *kitchen, name, images, column string) {
		d := k.digits(300)
		k.images(images, d, func(int64) string { return "." })
		var rows strings.Builder
		fmt.Fprintf(&rows, "%s,label\n", column)
		for i, y := range d.y {
			fmt.Fprintf(&rows, "%04d.png,%s\n", i, digitName(y))
		}
		k.file(name, rows.String())
	}
	return []misuse{
		{"images of 16 bits, which Pillow's convert makes white", func(k *kitchen) []string {
			d := k.digits(300)
			for i, y := range d.y {
				grey := image.NewGray16(image.Rect(0, 0, 8, 8))
				for j, v := range d.x[64*i : 64*i+64] {
					grey.SetGray16(j%8, j/8, color.Gray16{Y: uint16(math.Round(float64(v) * 65535))})
				}
				k.png(fmt.Sprintf("deep/%s/%d.png", digitName(y), i), grey)
			}
			return k.merge(filepath.Join(k.dir, "deep"), k.mlps())
		}, warned, exit.Done, []string{"300 of 300 images have grey of 16 bits", "<- chosen"}},
		{"two images of many that cannot be read", func(k *kitchen) []string {
			dir := k.images("images", k.digits(100), digitName)
			k.file("images/digit0/a.png", "")
			k.file("images/digit7/a.png", "")
			return k.merge(dir, k.mlps())
		}, isRefused, exit.Data, []string{"digit0/a.png", "and 1 more of 102 images cannot be read"}},
		{"--resize letterbox with --crop", func(k *kitchen) []string {
			return k.merge(k.images("images", k.digits(100), digitName), k.mlps(), "--resize", "letterbox", "--crop", "8")
		}, isRefused, exit.Usage, []string{"a letterboxed image has the size wanted"}},
		{"images that a table names, as Kaggle has them", func(k *kitchen) []string {
			table(k, "kaggle/train.csv", "kaggle/train", "image_id")
			return k.merge(filepath.Join(k.dir, "kaggle/train.csv"), k.mlps())
		}, handled, exit.Done, []string{`0 "digit0"`, "300 samples to learn from", "<- chosen"}},
		{"the folder of such a table", func(k *kitchen) []string {
			table(k, "kaggle/train.csv", "kaggle/images", "image_id")
			return k.merge(filepath.Join(k.dir, "kaggle"), k.mlps())
		}, isRefused, exit.Data, []string{"beside it 1 tables", "give the table"}},
		{"a folder of images with metadata.csv, as Hugging Face has it", func(k *kitchen) []string {
			table(k, "hf/train/metadata.csv", "hf/train", "file_name")
			return k.merge(filepath.Join(k.dir, "hf"), k.mlps())
		}, handled, exit.Done, []string{`0 "digit0"`, "300 samples to learn from", "<- chosen"}},
		{"a table that names an image which is not there", func(k *kitchen) []string {
			table(k, "kaggle/train.csv", "kaggle/images", "image_id")
			k.ok(os.Remove(filepath.Join(k.dir, "kaggle/images/0002.png")))
			return k.merge(filepath.Join(k.dir, "kaggle/train.csv"), k.mlps())
		}, isRefused, exit.Data, []string{"line 4", `there is no image "0002.png"`}},
	}
}

// archives are WebDataset's.
func archives() []misuse {
	of := func(field string, content func(d digits, i int) []byte) func(*kitchen) []string {
		return func(k *kitchen) []string {
			d := k.digits(300)
			var b bytes.Buffer
			w := tar.NewWriter(&b)
			for i, y := range d.y {
				for name, bytes := range map[string][]byte{field: content(d, i), "cls": []byte(fmt.Sprint(y))} {
					k.ok(w.WriteHeader(&tar.Header{Name: fmt.Sprintf("%04d.%s", i, name), Mode: 0o600,
						Size: int64(len(bytes))}))
					_, err := w.Write(bytes)
					k.ok(err)
				}
			}
			k.ok(w.Close())
			return k.merge(k.file("data.tar", b.String()), k.mlps())
		}
	}
	member := func(d digits, i int) []byte {
		content := []byte("\x93NUMPY\x01\x00\x3f\x00" + fmt.Sprintf("%-62s\n",
			"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 8, 8), }"))
		content, err := binary.Append(content, binary.LittleEndian, d.x[64*i:64*i+64])
		if err != nil {
			panic(err)
		}
		return content
	}
	return []misuse{
		{"an archive of arrays (.npy), as WebDataset has them", of("npy", member), handled, exit.Done,
			[]string{"<- chosen"}},
		{"an archive of PyTorch's tensors (.pth)", of("pth", func(digits, int) []byte { return []byte("PK") }),
			isRefused, exit.Data, []string{".pth (a pickle, which may run any code: save arrays as .npy)"}},
		{"a folder of tables", func(k *kitchen) []string {
			k.halves(number)
			return k.merge(filepath.Join(k.dir, "tables"), k.mlps())
		}, handled, exit.Done, []string{"tables: 2 files", "300 samples", "<- chosen"}},
		{"a folder of tables of which one has its columns in another order", func(k *kitchen) []string {
			k.halves(number)
			k.file("tables/b.csv", strings.Replace(k.read("tables/b.csv"), "p0,p1,", "p1,p0,", 1))
			return k.merge(filepath.Join(k.dir, "tables"), k.mlps())
		}, isRefused, exit.Data, []string{`b.csv is "p1", but of`, "the same columns in the same order"}},
		{"tables of which one lacks a class, with names of classes", func(k *kitchen) []string {
			k.halves(func(y int64) string { return englishDigit(y) })
			k.file("tables/b.csv", strings.ReplaceAll(k.read("tables/b.csv"), ",nine\n", ",eight\n"))
			return k.merge(filepath.Join(k.dir, "tables"), k.mlps())
		}, isRefused, exit.Data, []string{`b.csv has the classes`, "name the classes with --classes FILE"}},
		{"a quoted pattern for the data", func(k *kitchen) []string {
			k.halves(number)
			return k.merge(filepath.Join(k.dir, "tables", "*.csv"), k.mlps())
		}, isRefused, exit.Data, []string{"*.csv\" is a pattern", "patterns are not expanded: give --data once for each file, or the folder"}},
		{"a pattern for the data that the shell expanded", func(k *kitchen) []string {
			k.halves(number)
			return k.merge(filepath.Join(k.dir, "tables", "a.csv"), append(k.mlps(), filepath.Join(k.dir, "tables", "b.csv")))
		}, isRefused, exit.Invalid, []string{"b.csv", "this is data by its name: write --data before each file"}},
		{"a folder of tables and arrays", func(k *kitchen) []string {
			k.halves(number)
			k.npz("tables/c.npz", k.digits(100))
			return k.merge(filepath.Join(k.dir, "tables"), k.mlps())
		}, isRefused, exit.Data, []string{"files of several kinds: .csv, .npz"}},
		{"inputs and labels as two .npy files", func(k *kitchen) []string {
			d := k.digits(100)
			return k.merge(k.array("x.npy", input(d)), k.mlps(), "--data", k.array("y.npy", label(d)))
		}, isRefused, exit.Data, []string{"y.npy: input \"input\": shape [100] does not fit", "save them together: numpy.savez"}},
		{"a folder of arrays, each in a file of its own", func(k *kitchen) []string {
			k.file("arrays/x.npy", "")
			k.file("arrays/y.npy", "")
			return k.merge(filepath.Join(k.dir, "arrays"), k.mlps())
		}, isRefused, exit.Data, []string{"x.npy: this is one array", "numpy.savez('data.npz'"}},
		{"an archive of arrays of which one is cut off", of("npy", func(d digits, i int) []byte {
			return member(d, i)[:200]
		}), isRefused, exit.Data, []string{"0000.npy", "truncated"}},
	}
}
