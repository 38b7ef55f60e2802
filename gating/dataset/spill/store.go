// Package spill keeps arrays of numbers: in memory while there is room, then on disk, in temporary files that have no
// name, or in the file of the user that they are read from. Files are mapped into the address space, so that every
// array is an ordinary slice; the kernel loads its pages when they are used and drops them when memory is wanted for
// something else.
//
// Room is taken before it is used and counted against bounds, so that neither memory nor a disk is ever filled. What
// cannot be foreseen, a file that somebody shortens while it is mapped or a disk that fails, reaches the program as a
// fault; Fault makes an error of it.
package spill

import (
	"errors"
	"runtime"
	"sync"
	"unsafe"

	"github.com/softmerge/softmerge/onnx/advice"
)

// ErrRoom is the kind of every error of this package. Each has a hint.
var ErrRoom = errors.New("no room for data")

func fail(hint, text string, args ...any) error { return advice.Errorf(ErrRoom, hint, text, args...) }

// Number is what arrays hold.
type Number interface{ float32 | float64 | int64 }

// leastSpilled is the least that is worth a file of its own, in bytes. Where there is a disk, less always fits.
const leastSpilled = 64 << 10

// Store is the room for the arrays of a data set. It may be used by several goroutines.
type Store struct {
	mu         sync.Mutex
	most, used int64 // bytes of memory
	held       map[uintptr]*holding
	disk       *disk // nil if there is none
}

// holding is an array in memory.
type holding struct {
	at      uintptr
	bytes   int64
	cleanup runtime.Cleanup
	gone    bool
}

// New returns room for so many bytes in memory, and then for so many on disk; 0 is none. Where the system maps no files
// none of the arrays are on disk.
func New(memory, disk int64) *Store {
	return &Store{most: memory, held: map[uintptr]*holding{}, disk: newDisk(disk)}
}

// Spills says whether arrays that do not fit in memory are put on disk.
func (s *Store) Spills() bool { return supported && s.disk != nil }

// Spilled is how many bytes of arrays are in temporary files, and how many are used where they lie in the user's.
func (s *Store) Spilled() (temporary, inPlace int64) {
	if s.disk == nil {
		return 0, 0
	}
	s.disk.mu.Lock()
	defer s.disk.mu.Unlock()
	for _, r := range s.disk.regions {
		if r.taken == 0 {
			inPlace += int64(len(r.mapped))
		}
		temporary += r.taken
	}
	return temporary, inPlace
}

// HasDisk says whether there may be temporary files.
func (s *Store) HasDisk() bool { return s.disk != nil }

// Take reserves bytes of memory, or fails.
func (s *Store) Take(bytes int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if bytes > s.most-s.used {
		return fail("use fewer samples, or allow more memory: --data-memory",
			"%d more bytes do not fit in the %d bytes allowed for data (%d used)", bytes, s.most, s.used)
	}
	s.used += bytes
	return nil
}

// GiveBack returns bytes of memory that were taken.
func (s *Store) GiveBack(bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used -= bytes
}

// Fits says whether there is memory for an array of n numbers of a size in bytes.
func (s *Store) Fits(n, size int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return int64(n) <= (s.most-s.used)/int64(size)
}

// Begin returns an empty array that is going to have n numbers: in memory with room for some of them, to be made longer
// as they come, or on disk with room for all. Finish is to be told when all are there.
func Begin[T Number](s *Store, n, room int) ([]T, error) {
	bytes := sizeOf[T](n)
	switch noMemory := s.Take(bytes); {
	case noMemory == nil:
		return make([]T, 0, room), nil
	case !s.Spills():
		return nil, noMemory
	case bytes < leastSpilled:
		s.GiveBack(-bytes)
		return make([]T, 0, n), nil
	}
	values, err := onDisk[T](s.disk, n)
	if err != nil {
		return nil, err
	}
	return values[:0], nil
}

// sizeOf is how many bytes an array takes.
func sizeOf[T Number](n int) int64 { return int64(n) * int64(unsafe.Sizeof(T(0))) }

// address is where an array is, which is what it is known by.
func address[T Number](values []T) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(values))) }

// Finish takes a whole array that was begun: its memory counts for as long as something uses it.
func Finish[T Number](s *Store, values []T) {
	if len(values) == 0 || s.disk.holds(address(values)) {
		return
	}
	h := &holding{at: address(values), bytes: sizeOf[T](len(values))}
	h.cleanup = runtime.AddCleanup(unsafe.SliceData(values), s.collected, h)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held[h.at] = h
}

// collected counts an array that nothing uses any more.
func (s *Store) collected(h *holding) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h.gone {
		return
	}
	h.gone = true
	s.used -= h.bytes
	if s.held[h.at] == h { // else there is another one at its place by now
		delete(s.held, h.at)
	}
}

// Array returns n zeros.
func Array[T Number](s *Store, n int) ([]T, error) {
	values, err := Begin[T](s, n, n)
	if err != nil {
		return nil, err
	}
	Finish(s, values[:n])
	return values[:n], nil
}

// Copy returns n zeros for a copy of what was read already. It is Array, but where no disk is to be used a copy is in
// memory even beyond the bound, and so it is without a store.
func Copy[T Number](s *Store, n int) ([]T, error) {
	if s == nil {
		return make([]T, n), nil
	}
	values, err := Array[T](s, n)
	if err != nil && !s.Spills() {
		return make([]T, n), nil
	}
	return values, err
}

// Free gives an array back, which nothing may use any more.
func Free[T Number](s *Store, values []T) {
	if s == nil || cap(values) == 0 || s.disk.free(address(values)) {
		return
	}
	s.mu.Lock()
	h := s.held[address(values)]
	s.mu.Unlock()
	if h != nil {
		h.cleanup.Stop()
		s.collected(h)
	}
}

// Close gives back what is on disk: no array of the store may be used any more.
func (s *Store) Close() error {
	if s == nil || s.disk == nil {
		return nil
	}
	return s.disk.close()
}
