// Package parquet reads columns of Parquet files, as the libraries of Hugging Face write them: numbers, lists of
// numbers, text, and images as struct{bytes, path}.
//
// The format is read by github.com/parquet-go/parquet-go. It trusts what page headers declare, so every header is
// looked at before the library sees the page, and a panic of the library becomes an error.
package parquet

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/softmerge/softmerge/gating/dataset/record"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/advice"
	"github.com/softmerge/softmerge/onnx/untrusted"
)

// ErrParquet is the kind of every error of this package. Each has a hint.
var ErrParquet = errors.New("bad Parquet file")

func fail(hint, text string, args ...any) error {
	return advice.Errorf(ErrParquet, hint, text, args...)
}

const again = "write or download the file again"

// File is an open Parquet file.
type File struct {
	// Columns are in the order of the file. Fields of a struct are columns of their own, "objects.bbox".
	Columns []record.Column
	// Classes are the names of the classes of columns of type ClassLabel, by column, by Hugging Face's metadata.
	Classes map[string][]string

	file *os.File
	size int64
}

// Open opens a file and reads its footer. The columns can be read until Close.
func Open(path string) (*File, error) {
	f, info, err := untrusted.Open(path)
	if err != nil {
		return nil, err
	}
	out := &File{file: f, size: info.Size()}
	if err := out.read(); err != nil {
		f.Close()
		return nil, err
	}
	return out, nil
}

// Close ends reading.
func (f *File) Close() error { return f.file.Close() }

// mostFooter bounds the footer, which is read whole and takes several times its size in memory.
const mostFooter = 64 << 20

// read reads the footer.
func (f *File) read() (err error) {
	defer func() { err = recovered(recover(), err) }()
	var tail [8]byte
	if f.size < 12 {
		return fail(again, "this is no Parquet file: it has %d bytes", f.size)
	}
	if _, err := f.file.ReadAt(tail[:], f.size-8); err != nil {
		return fail(again, "%w", err)
	}
	if string(tail[4:]) == "PARE" {
		return fail("write it without encryption", "the file is encrypted")
	}
	if n := int64(tail[0]) | int64(tail[1])<<8 | int64(tail[2])<<16 | int64(tail[3])<<24; string(tail[4:]) != "PAR1" ||
		n > min(f.size-12, mostFooter) {
		return fail(again, "this is no whole Parquet file: it does not end with a footer and PAR1")
	}
	p, err := parquet.OpenFile(f.file, f.size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return fail(again, "the footer cannot be read: %w", err)
	}
	f.add(p)
	f.Classes = classesOf(p)
	return nil
}

// recovered makes an error of a panic of the library.
func recovered(panicked any, err error) error {
	if panicked != nil {
		return fail(again, "the file is damaged: %v", panicked)
	}
	return err
}

// add lists the columns.
func (f *File) add(p *parquet.File) {
	leaves := leavesOf(p.Root())
	for i, leaf := range leaves {
		name := nameOf(leaf.Path())
		c := &column{file: f, parquet: p, leaf: leaf, index: i, name: name}
		c.settle()
		if base, isPath := strings.CutSuffix(name, ".path"); isPath && c.kind == record.Text && hasBytes(leaves, base) {
			continue
		}
		if base, isBytes := strings.CutSuffix(name, ".bytes"); isBytes && c.kind == record.Image {
			c.name = base
		}
		f.Columns = append(f.Columns, c)
	}
}

func hasBytes(leaves []*parquet.Column, name string) bool {
	return slices.ContainsFunc(leaves, func(c *parquet.Column) bool { return nameOf(c.Path()) == name+".bytes" })
}

func leavesOf(c *parquet.Column) []*parquet.Column {
	if c.Leaf() {
		return []*parquet.Column{c}
	}
	var list []*parquet.Column
	for _, child := range c.Columns() {
		list = append(list, leavesOf(child)...)
	}
	return list
}

// nameOf joins the path of a leaf, without the groups that lists are written as.
func nameOf(path []string) string {
	var kept []string
	for i := 0; i < len(path); i++ {
		isList := i > 0 && i+1 < len(path) && slices.Contains([]string{"list", "bag", "array"}, path[i]) &&
			slices.Contains([]string{"element", "item", "array_element", "array"}, path[i+1])
		if isList {
			i++
			continue
		}
		kept = append(kept, path[i])
	}
	return strings.Join(kept, ".")
}

// settle finds out what a column holds.
func (c *column) settle() {
	c.kind, c.lists = record.Number, c.leaf.MaxRepetitionLevel()
	t := c.leaf.Type()
	logical := t.LogicalType()
	switch t.Kind() {
	case parquet.Boolean:
		c.typ = onnx.Bool
	case parquet.Int32, parquet.Int64:
		c.typ = onnx.Int64
		if logical != nil && logical.Value != nil {
			if _, isInteger := logical.Value.(*format.IntType); !isInteger {
				c.kind = record.Other // dates and decimals
			}
		}
	case parquet.Float:
		c.typ = onnx.Float32
	case parquet.Double:
		c.typ = onnx.Float64
	case parquet.ByteArray:
		c.kind = record.Image
		if isText(t) {
			c.kind = record.Text
		}
		if c.lists > 0 {
			c.kind = record.Other
		}
	default:
		c.kind, c.typ = record.Other, onnx.Float16
		if logical != nil {
			if _, isHalf := logical.Value.(*format.Float16Type); isHalf && t.Length() == 2 {
				c.kind = record.Number
			}
		}
	}
}

// isText says whether bytes are annotated as text.
func isText(t parquet.Type) bool {
	if logical := t.LogicalType(); logical != nil {
		switch logical.Value.(type) {
		case *format.StringType, *format.EnumType, *format.JsonType:
			return true
		}
	}
	converted := t.ConvertedType()
	return converted != nil && *converted == 0 // UTF8
}

// classesOf reads the names of classes out of the metadata that Hugging Face's library writes.
func classesOf(p *parquet.File) map[string][]string {
	text, ok := p.Lookup("huggingface")
	if !ok {
		return nil
	}
	var meta struct {
		Info struct {
			Features map[string]json.RawMessage `json:"features"`
		} `json:"info"`
	}
	if json.Unmarshal([]byte(text), &meta) != nil {
		return nil // it decides nothing
	}
	out := map[string][]string{}
	for column, raw := range meta.Info.Features {
		var feature struct {
			Type  string   `json:"_type"`
			Names []string `json:"names"`
		}
		if json.Unmarshal(raw, &feature) == nil && feature.Type == "ClassLabel" && len(feature.Names) > 0 {
			out[column] = feature.Names
		}
	}
	return out
}

// place says for a message which row of which column is meant.
func (c *column) place(row int) string { return fmt.Sprintf("row %d of column %q", row, c.name) }
