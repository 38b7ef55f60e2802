package main

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// array is one array of an .npz file.
type array struct {
	name, code string // NumPy's type code, such as <f4
	shape      []int
	values     any
}

// write writes an array as an .npy file.
func (a array) write(w io.Writer) error {
	shape := ""
	for _, n := range a.shape {
		shape += fmt.Sprint(n, ",")
	}
	header := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }\n", a.code, shape)
	for _, v := range []any{[]byte("\x93NUMPY\x01\x00"), uint16(len(header)), []byte(header), a.values} {
		if err := binary.Write(w, binary.LittleEndian, v); err != nil {
			return err
		}
	}
	return nil
}

// writeNPZ writes arrays as NumPy does.
func writeNPZ(path string, arrays []array) error {
	var file bytes.Buffer
	w := zip.NewWriter(&file)
	for _, a := range arrays {
		f, err := w.Create(a.name + ".npy")
		if err != nil {
			return err
		}
		if err := a.write(f); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	return os.WriteFile(path, file.Bytes(), 0o644)
}

// makeNPZ writes a small .npz file: npz FILE NAME CODE SHAPE VALUES ..., as in
// npz x.npz input f4 2,3 0 lengths i8 2 3,1. Values that are too few are repeated.
func makeNPZ(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args)%4 != 1 {
		ts.Fatalf("usage: npz FILE NAME CODE SHAPE VALUES ...")
	}
	numbers := func(text string) (list []int) {
		for _, part := range strings.Split(text, ",") {
			n, err := strconv.Atoi(part)
			ts.Check(err)
			list = append(list, n)
		}
		return list
	}
	var arrays []array
	for i := 1; i < len(args); i += 4 {
		a := array{name: args[i], code: "<" + args[i+1], shape: numbers(args[i+2])}
		given, n := numbers(args[i+3]), 1
		for _, d := range a.shape {
			n *= d
		}
		floats, ints := make([]float32, n), make([]int64, n)
		for k := range n {
			floats[k], ints[k] = float32(given[k%len(given)]), int64(given[k%len(given)])
		}
		a.values = ints
		if a.code == "<f4" {
			a.values = floats
		}
		arrays = append(arrays, a)
	}
	ts.Check(writeNPZ(ts.MkAbs(args[0]), arrays))
}
