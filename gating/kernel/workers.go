package kernel

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
)

// Workers is a set of goroutines that share the loops of kernels. A nil *Workers is valid and runs everything
// in the caller's goroutine. One loop runs at a time: a loop started while another is under way, be it nested
// inside a body or from another goroutine, runs in its caller alone.
type Workers struct {
	threads int
	busy    atomic.Bool
	wake    []chan *loop
	closed  atomic.Bool
}

// NewWorkers starts threads-1 goroutines, the caller of For being one more. Fewer than one thread means
// as many as GOMAXPROCS. Close ends the goroutines.
func NewWorkers(threads int) *Workers {
	if threads < 1 {
		threads = runtime.GOMAXPROCS(0)
	}
	w := &Workers{threads: threads}
	for range threads - 1 {
		c := make(chan *loop, 1)
		w.wake = append(w.wake, c)
		go serve(c)
	}
	return w
}

// Threads returns the number of goroutines that share a loop, the caller included.
func (w *Workers) Threads() int {
	if w == nil {
		return 1
	}
	return w.threads
}

// Close ends the goroutines. Loops started later run in their caller alone. It must not be called during a loop.
func (w *Workers) Close() {
	if w == nil || w.closed.Swap(true) {
		return
	}
	for _, c := range w.wake {
		close(c)
	}
}

// For calls body with ranges that cover 0..n once and without overlap, in any order, from several goroutines.
// Ranges begin at multiples of grain (at least 1) and, but for the last, hold a multiple of it. Without helpers, or when there is
// one range, body(0, n) runs in the caller. When a body panics, the other ranges may be skipped and For panics
// in the caller with the same value once all bodies have returned.
func (w *Workers) For(n, grain int, body func(lo, hi int)) {
	if n <= 0 {
		return
	}
	grain = max(grain, 1)
	if w == nil || len(w.wake) == 0 || n <= grain || w.closed.Load() || !w.busy.CompareAndSwap(false, true) {
		body(0, n)
		return
	}
	defer w.busy.Store(false)
	l := &loop{n: n, step: stepOf(n, grain, w.threads), body: body}
	helpers := min(len(w.wake), (n-1)/l.step)
	l.pending.Add(helpers)
	for _, c := range w.wake[:helpers] {
		c <- l
	}
	l.run()
	l.pending.Wait()
	if l.failure != nil {
		panic(l.failure)
	}
}

// stepOf cuts n so that every thread gets a few ranges: enough to even out unequal speeds, few enough to be cheap.
func stepOf(n, grain, threads int) int {
	const rangesPerThread = 4
	units := (n + grain - 1) / grain
	return grain * max(1, (units+threads*rangesPerThread-1)/(threads*rangesPerThread))
}

// loop is one call of For, shared by the goroutines that work on it.
type loop struct {
	n, step int
	body    func(lo, hi int)
	next    atomic.Int64
	pending sync.WaitGroup
	once    sync.Once
	failure any
}

func serve(c <-chan *loop) {
	for l := range c {
		l.run()
		l.pending.Done()
	}
}

// run takes ranges until none is left.
func (l *loop) run() {
	defer func() {
		if r := recover(); r != nil {
			l.next.Store(int64(l.n))
			l.once.Do(func() { l.failure = r })
		}
	}()
	for {
		lo := int(l.next.Add(int64(l.step))) - l.step
		if lo >= l.n {
			return
		}
		l.body(lo, min(lo+l.step, l.n))
	}
}

// need panics unless a slice has at least want elements: assembly checks no bounds.
func need(what string, have, want int) {
	if have < want {
		panic(fmt.Sprintf("kernel: %s has %d elements, need %d", what, have, want))
	}
}
