package spill_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/softmerge/softmerge/gating/dataset/spill"
	"github.com/softmerge/softmerge/onnx/advice"
)

const large = 100_000 // numbers of an array that is worth a file

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// wantRefusal checks the kind of an error and what it says.
func wantRefusal(t *testing.T, err error, says string) {
	t.Helper()
	if !errors.Is(err, spill.ErrRoom) || advice.Hint(err) == "" || !strings.Contains(err.Error(), says) {
		t.Errorf("error %v with hint %q: want %q", err, advice.Hint(err), says)
	}
}

// Arrays are in memory while they fit and on disk then, all zeros and each on its own.
func TestArray(t *testing.T) {
	s := spill.New(4*large, 24*large)
	defer s.Close()
	a := must(spill.Array[float32](s, large))(t)
	if disk, _ := s.Spilled(); disk != 0 || s.Fits(1, 1) {
		t.Fatalf("%d bytes are on disk", disk)
	}
	b := must(spill.Array[int64](s, large))(t)
	c := must(spill.Array[float64](s, large))(t)
	if disk, _ := s.Spilled(); disk != 16*large {
		t.Fatalf("%d bytes are on disk", disk)
	}
	for i := range large {
		if a[i] != 0 || b[i] != 0 || c[i] != 0 {
			t.Fatalf("number %d is %v, %v, %v", i, a[i], b[i], c[i])
		}
		a[i], b[i], c[i] = 1, int64(i), float64(-i)
	}
	for i := range large {
		if b[i] != int64(i) || c[i] != float64(-i) {
			t.Fatalf("number %d is %v, %v", i, b[i], c[i])
		}
	}
	_, err := spill.Array[float64](s, large+1)
	wantRefusal(t, err, "bytes of disk allowed for data (1600000 used)")
	spill.Free(s, b)
	if _, err := spill.Array[float64](s, large+1); err != nil {
		t.Errorf("what is given back is not used again: %v", err)
	}
}

// Without disk the bound on memory is all there is, but for copies.
func TestNoDisk(t *testing.T) {
	s := spill.New(4*large, -1)
	_, err := spill.Array[float32](s, large+1)
	wantRefusal(t, err, "400004 more bytes do not fit in the 400000 bytes allowed")
	if got, err := spill.Copy[float32](s, large+1); err != nil || len(got) != large+1 {
		t.Errorf("a copy of %d numbers: %v", len(got), err)
	}
	if got, err := spill.Copy[float32](nil, 3); err != nil || len(got) != 3 {
		t.Errorf("a copy of %d numbers: %v", len(got), err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// More than the disk has is refused before anything is written.
func TestFullDisk(t *testing.T) {
	s := spill.New(0, 1<<60)
	if !s.Spills() {
		t.Skip("this system maps no files")
	}
	_, err := spill.Array[int64](s, 1<<50)
	wantRefusal(t, err, "would fill the disk")
	if disk, _ := s.Spilled(); disk != 0 {
		t.Errorf("%d bytes are on disk", disk)
	}
}

// Memory counts as long as something uses it: what is collected, or given back, can be taken again, and only once.
func TestMemoryIsGivenBack(t *testing.T) {
	s := spill.New(4*large, -1)
	for range 3 {
		a := must(spill.Array[float32](s, large))(t)
		spill.Free(s, a)
		spill.Free(s, a)
		if !s.Fits(large, 4) || s.Fits(large+1, 4) {
			t.Fatal("what is given back does not count right")
		}
	}
	must(spill.Array[float32](s, large))(t)
	for range 200 {
		if runtime.GC(); s.Fits(large, 4) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("what nothing uses is not given back")
}

// Numbers of a file are there without being read, also where they do not begin at a page; what lies askew, or is not
// all there, is refused.
func TestMap(t *testing.T) {
	s := spill.New(0, 1)
	if !s.Spills() {
		t.Skip("this system maps no files")
	}
	defer s.Close()
	content := make([]byte, 3*8192)
	content[8192+64] = 7
	path := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	f := must(os.Open(path))(t)
	defer f.Close()
	got, ok := spill.Map[int64](s, f, 8192+64, 100)
	if !ok || len(got) != 100 || got[0] != 7 || got[1] != 0 {
		t.Errorf("%v, %v", ok, got)
	}
	if _, inPlace := s.Spilled(); inPlace < 800 {
		t.Errorf("%d bytes are used in place", inPlace)
	}
	for _, c := range []struct{ offset, n int64 }{{4, 100}, {0, 3*1024 + 1}, {3 * 8192, 1}, {0, 0}} {
		if _, ok := spill.Map[int64](s, f, c.offset, int(c.n)); ok {
			t.Errorf("%d numbers from %d on are mapped", c.n, c.offset)
		}
	}
}

// A file that is shortened while it is mapped gives an error, and no end of the program. Other panics stay panics.
func TestFault(t *testing.T) {
	s := spill.New(0, 1)
	if !s.Spills() {
		t.Skip("this system maps no files")
	}
	defer s.Close()
	path := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(path, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	f := must(os.Open(path))(t)
	defer f.Close()
	values, ok := spill.Map[float32](s, f, 0, 1<<18)
	if !ok {
		t.Fatal("not mapped")
	}
	sum := func() (sum float32, err error) {
		defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
		defer func() { err = spill.Fault(recover()) }()
		for _, v := range values {
			sum += v
		}
		return sum, nil
	}
	if _, err := sum(); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 100); err != nil {
		t.Fatal(err)
	}
	_, err := sum()
	wantRefusal(t, err, "a file was shortened")
	defer func() {
		if recover() != "other" {
			t.Error("another panic is lost")
		}
	}()
	_ = spill.Fault("other")
}

// Several goroutines take and give back at once.
func TestConcurrent(t *testing.T) {
	s := spill.New(40*large, 1<<30)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 50 {
				a, err := spill.Array[float32](s, large)
				if err != nil {
					t.Error(err)
					return
				}
				a[large-1] = 1
				spill.Free(s, a)
			}
		})
	}
	group.Wait()
	if disk, _ := s.Spilled(); disk != 0 || !s.Fits(10*large, 4) {
		t.Errorf("%d bytes are on disk", disk)
	}
}
