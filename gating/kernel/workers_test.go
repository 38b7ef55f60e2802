package kernel

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

func TestForCoversEachIndexOnce(t *testing.T) {
	for _, threads := range []int{0, 1, 2, 3, 8} {
		w := NewWorkers(threads)
		for _, n := range []int{0, 1, 2, 7, 64, 1000} {
			for _, grain := range []int{0, 1, 3, 64, 5000} {
				seen := make([]atomic.Int32, n)
				w.For(n, grain, func(lo, hi int) {
					if lo >= hi || lo%max(grain, 1) != 0 {
						t.Errorf("range %d..%d for grain %d", lo, hi, grain)
					}
					for i := lo; i < hi; i++ {
						seen[i].Add(1)
					}
				})
				for i := range seen {
					if c := seen[i].Load(); c != 1 {
						t.Fatalf("%d threads, n %d, grain %d: index %d ran %d times", threads, n, grain, i, c)
					}
				}
			}
		}
		w.Close()
	}
}

func TestForSurvivesSleepsAndCrowds(t *testing.T) {
	w := NewWorkers(4)
	defer w.Close()
	for round := range 300 {
		var sum atomic.Int64
		w.For(100, 1, func(lo, hi int) {
			for i := lo; i < hi; i++ {
				sum.Add(int64(i))
			}
		})
		if sum.Load() != 4950 {
			t.Fatalf("round %d: sum %d", round, sum.Load())
		}
		for range round * 20 { // let helpers fall asleep at every point
			runtime.Gosched()
		}
	}
}

func TestForNestedAndConcurrentRunInTheirCaller(t *testing.T) {
	w := NewWorkers(3)
	defer w.Close()
	var count atomic.Int64
	var callers sync.WaitGroup
	for range 4 {
		callers.Go(func() {
			w.For(10, 1, func(lo, hi int) {
				w.For((hi-lo)*10, 1, func(lo, hi int) { count.Add(int64(hi - lo)) })
			})
		})
	}
	callers.Wait()
	if count.Load() != 400 {
		t.Fatalf("ran %d bodies, want 400", count.Load())
	}
}

func TestForPanicsInTheCaller(t *testing.T) {
	w := NewWorkers(3)
	defer w.Close()
	for i := range 50 {
		got := func() (r any) {
			defer func() { r = recover() }()
			w.For(100, 1, func(lo, hi int) {
				if lo <= i && i < hi {
					panic(fmt.Sprint("at ", i))
				}
			})
			return nil
		}()
		if want := fmt.Sprint("at ", i); got != want {
			t.Fatalf("recovered %v, want %v", got, want)
		}
	}
	ran := false
	w.For(1, 1, func(int, int) { ran = true })
	if !ran {
		t.Fatal("no loop runs after a panic")
	}
}

func TestWorkersNilAndClosed(t *testing.T) {
	closed := NewWorkers(4)
	closed.Close()
	closed.Close()
	for _, w := range []*Workers{nil, closed} {
		calls := 0
		w.For(1000, 1, func(lo, hi int) { calls++ })
		if calls != 1 {
			t.Fatalf("%d calls, want body(0, n) once", calls)
		}
	}
	if (*Workers)(nil).Threads() != 1 || closed.Threads() != 4 {
		t.Fatal("wrong number of threads")
	}
	(*Workers)(nil).Close()
}

func BenchmarkFor(b *testing.B) {
	w := NewWorkers(0)
	defer w.Close()
	for b.Loop() {
		w.For(2, 1, func(lo, hi int) {})
	}
}
