package kernel

import (
	"testing"
	"unsafe"
)

// TestResizeReusesAndAligns checks that memory grows, is kept, and begins at whole cache lines.
func TestResizeReusesAndAligns(t *testing.T) {
	var s []float32
	first := resize(&s, 10)
	if len(first) != 10 || cap(s) < 1<<14 {
		t.Fatalf("10 elements in %d", cap(s))
	}
	first[9] = 7
	if again := resize(&s, 5); len(again) != 5 || &again[0] != &first[0] {
		t.Error("a smaller request got other memory")
	}
	large := resize(&s, 1<<15)
	if len(large) != 1<<15 {
		t.Fatalf("%d elements, want %d", len(large), 1<<15)
	}
	for _, p := range []*float32{&first[0], &large[0]} {
		if uintptr(unsafe.Pointer(p))%64 != 0 {
			t.Error("memory does not begin at a cache line")
		}
	}
}

func TestArangeCountsBySteps(t *testing.T) {
	var s []int
	for _, c := range []struct{ n, step int }{{0, 3}, {1, 5}, {4, 3}, {3, 0}} {
		for i, v := range arange(&s, c.n, c.step) {
			if v != i*c.step {
				t.Errorf("element %d of steps of %d is %d", i, c.step, v)
			}
		}
	}
}

// TestScratchIsNotShared takes two at a time: kernels that call kernels must not overwrite each other's memory.
func TestScratchIsNotShared(t *testing.T) {
	a, b := getScratch(), getScratch()
	defer a.release()
	defer b.release()
	if a == b {
		t.Fatal("two callers got one scratch")
	}
	x, y := resize(&a.left, 4), resize(&b.left, 4)
	x[0], y[0] = 1, 2
	if x[0] != 1 {
		t.Error("two callers share memory")
	}
}

// TestSized keeps memory that is large enough.
func TestSized(t *testing.T) {
	m := make([]float32, 8)
	if got := sized(m, 3); len(got) != 3 || &got[0] != &m[0] {
		t.Error("memory that is large enough was not kept")
	}
	if got := sized(m, 9); len(got) != 9 {
		t.Errorf("%d elements, want 9", len(got))
	}
}
