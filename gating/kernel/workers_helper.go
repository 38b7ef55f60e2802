package kernel

import (
	"runtime"
	"sync/atomic"
)

// helper is one goroutine of Workers. Between loops it watches for the next one for some ten microseconds, because
// kernels follow each other closely and waking a sleeping thread takes as long as a small kernel; then it sleeps.
type helper struct {
	offer  atomic.Pointer[loop]
	asleep atomic.Bool
	wake   chan struct{}
	spins  int
}

const (
	spinRounds = 100
	spinLooks  = 50 // between two chances for other goroutines
)

// give offers a loop and wakes the helper if it sleeps.
func (h *helper) offerLoop(l *loop) {
	h.offer.Store(l)
	if h.asleep.CompareAndSwap(true, false) {
		h.wake <- struct{}{}
	}
}

// takeBack withdraws an offer that the helper has not taken yet: then nobody need wait for it.
func (h *helper) withdraw(l *loop) {
	if h.offer.CompareAndSwap(l, nil) {
		l.pending.Done()
	}
}

func (h *helper) serve() {
	for {
		l := h.poll()
		if l == nil {
			h.sleep()
			continue
		}
		if l.last {
			return
		}
		l.run()
		l.pending.Done()
	}
}

// look returns the next loop, or nil when none came for a while.
func (h *helper) poll() *loop {
	for round := 0; ; round++ {
		for range spinLooks {
			if h.offer.Load() != nil {
				if l := h.offer.Swap(nil); l != nil {
					return l
				}
			}
		}
		if round >= h.spins {
			return nil
		}
		runtime.Gosched()
	}
}

// sleep returns when an offer may have been made. An offer made before the helper said that it sleeps is seen here;
// one made after brings a message.
func (h *helper) sleep() {
	h.asleep.Store(true)
	if h.offer.Load() != nil && h.asleep.CompareAndSwap(true, false) {
		return
	}
	<-h.wake
}
