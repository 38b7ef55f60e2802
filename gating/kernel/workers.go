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
	closed  atomic.Bool
	helpers []*helper
}

// NewWorkers starts threads-1 goroutines, the caller of For being one more. Fewer than one thread means
// as many as GOMAXPROCS. Close ends the goroutines.
func NewWorkers(threads int) *Workers {
	if threads < 1 {
		threads = runtime.GOMAXPROCS(0)
	}
	w := &Workers{threads: threads}
	spins := 0
	if threads <= runtime.GOMAXPROCS(0) {
		spins = spinRounds
	}
	for range threads - 1 {
		h := &helper{spins: spins, wake: make(chan struct{}, 1)}
		w.helpers = append(w.helpers, h)
		go h.serve()
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
	for _, h := range w.helpers {
		h.offerLoop(&loop{last: true})
	}
}

// For calls body with ranges that cover 0..n once and without overlap, in any order, from several goroutines. Ranges
// begin at multiples of grain (at least 1). Without helpers, or when there is but one range, body(0, n) runs in the
// caller. When a body panics, ranges not yet begun are skipped and For panics in the caller with the same value once
// all bodies have returned.
func (w *Workers) For(n, grain int, body func(lo, hi int)) {
	if n <= 0 {
		return
	}
	grain = max(grain, 1)
	if w == nil || len(w.helpers) == 0 || n <= grain || w.closed.Load() || !w.busy.CompareAndSwap(false, true) {
		body(0, n)
		return
	}
	defer w.busy.Store(false)
	l := &loop{n: n, grain: grain, threads: w.threads, body: body}
	helpers := w.helpers[:min(len(w.helpers), (n-1)/grain)]
	l.pending.Add(len(helpers))
	for _, h := range helpers {
		h.offerLoop(l)
	}
	l.run()
	for _, h := range helpers {
		h.withdraw(l)
	}
	l.pending.Wait()
	if l.failed.Load() {
		panic(l.failure)
	}
}

// loop is one call of For, shared by the goroutines that work on it.
type loop struct {
	n, grain, threads int
	body              func(lo, hi int)
	last              bool // ends the helper instead
	next              atomic.Int64
	pending           sync.WaitGroup
	failed            atomic.Bool
	failure           any
}

// take returns the next range. Ranges get smaller towards the end, so that all goroutines finish together although
// some are slower.
func (l *loop) take() (lo, hi int) {
	for {
		lo := int(l.next.Load())
		if lo >= l.n {
			return l.n, l.n
		}
		share := (l.n - lo) / (2 * l.threads * l.grain)
		hi := min(lo+max(share, 1)*l.grain, l.n)
		if l.next.CompareAndSwap(int64(lo), int64(hi)) {
			return lo, hi
		}
	}
}

// run takes ranges until none is left.
func (l *loop) run() {
	defer func() {
		if r := recover(); r != nil {
			l.next.Store(int64(l.n))
			if l.failed.CompareAndSwap(false, true) {
				l.failure = r
			}
		}
	}()
	for lo, hi := l.take(); lo < hi; lo, hi = l.take() {
		l.body(lo, hi)
	}
}

// need panics unless a slice has at least want elements: assembly checks no bounds.
func requireLen(what string, have, want int) {
	if have < want {
		panic(fmt.Sprintf("kernel: %s has %d elements, need %d", what, have, want))
	}
}
