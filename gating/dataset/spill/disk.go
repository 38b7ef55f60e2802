package spill

import (
	"errors"
	"os"
	"sync"
	"unsafe"
)

// disk is the room for arrays on disk. A nil one holds nothing.
type disk struct {
	mu      sync.Mutex
	most    int64
	used    int64
	regions map[uintptr]region // by the address of their first number
}

// region is a range of the address space.
type region struct {
	mapped []byte // from the beginning of a page on
	taken  int64  // bytes of disk that go with it
}

// newDisk returns room for so many bytes, nil where there shall be none.
func newDisk(most int64) *disk {
	if most <= 0 {
		return nil
	}
	return &disk{most: most, regions: map[uintptr]region{}}
}

// take counts bytes that are going to be written to a temporary file, or fails: where they pass the bound, or would
// leave the disk nearly full.
func (d *disk) take(bytes int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if bytes > d.most-d.used {
		return fail("use fewer samples, or allow more disk: --data-disk",
			"%d more bytes do not fit in the %d bytes of disk allowed for data (%d used)", bytes, d.most, d.used)
	}
	folder, err := tempFolder()
	if err != nil {
		return err
	}
	if free, size, ok := freeBytes(folder); ok && bytes > free-reserve(size) {
		return fail("use fewer samples, free some disk, or set TMPDIR to a folder on a larger one",
			"%d more bytes for data would fill the disk of %s, which has %d left", bytes, folder, free)
	}
	d.used += bytes
	return nil
}

// TakeDisk reserves bytes of disk for a temporary file, or fails. It is for stores that have disk.
func (s *Store) TakeDisk(bytes int64) error {
	return s.disk.take(bytes)
}

// reserve is what stays free on a disk of a size, for all else that writes there.
func reserve(size int64) int64 { return min(size/20, 4<<30) }

// giveBack counts bytes that are no longer on disk.
func (d *disk) giveBack(bytes int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.used -= bytes
}

// Create makes a temporary file that goes when it is closed, however the program ends.
func Create() (*os.File, error) {
	folder, err := tempFolder()
	if err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(folder, "softmerge-*")
	if err != nil {
		return nil, fail("set TMPDIR to a folder that can be written to", "%w", err)
	}
	// Where open files can be removed this leaves nothing behind.
	os.Remove(f.Name())
	return f, nil
}

// onDisk returns an array of n zeros.
func onDisk[T Number](d *disk, n int) ([]T, error) {
	bytes := sizeOf[T](n)
	if err := d.take(bytes); err != nil {
		return nil, err
	}
	mapped, err := create(bytes)
	if err != nil {
		d.giveBack(bytes)
		return nil, fail("use fewer samples, or set TMPDIR to a folder on a larger disk",
			"%d bytes for data cannot be put on disk: %w", bytes, err)
	}
	return keep[T](d, region{mapped, bytes}, 0, n), nil
}

// create maps a new temporary file whose bytes the disk has promised: pages of a file with holes fault when the disk
// is full.
func create(bytes int64) ([]byte, error) {
	f, err := Create()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := allocate(f, bytes); err != nil {
		return nil, err
	}
	return mapFile(f, 0, bytes, true)
}

// Map returns n numbers of a file as they are there, little endian, from an offset on, without reading them. It
// returns false where this system cannot do so, or the numbers do not lie as it wants them, or no disk is to be used.
func Map[T Number](s *Store, f *os.File, offset int64, n int) ([]T, bool) {
	info, err := f.Stat()
	if !s.Spills() || n == 0 || offset%sizeOf[T](1) != 0 || !littleEndian() || err != nil ||
		offset > info.Size()-sizeOf[T](n) {
		return nil, false
	}
	skip := offset % int64(os.Getpagesize())
	mapped, err := mapFile(f, offset-skip, skip+sizeOf[T](n), false)
	if err != nil {
		return nil, false
	}
	return keep[T](s.disk, region{mapped: mapped}, int(skip), n), true
}

// littleEndian says whether this machine has the byte order of files.
func littleEndian() bool {
	one := uint16(1)
	return *(*byte)(unsafe.Pointer(&one)) == 1
}

// keep notes a region, and returns its numbers from a byte on.
func keep[T Number](d *disk, r region, at, n int) []T {
	first := (*T)(unsafe.Pointer(&r.mapped[at]))
	d.mu.Lock()
	defer d.mu.Unlock()
	d.regions[uintptr(unsafe.Pointer(first))] = r
	return unsafe.Slice(first, n)
}

// free gives an array back if it is on disk, and says whether it is.
func (d *disk) free(at uintptr) bool {
	if d == nil {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	r, ok := d.regions[at]
	if ok {
		delete(d.regions, at)
		d.used -= r.taken
		_ = unmap(r.mapped) // it is a range that was mapped
	}
	return ok
}

// holds says whether an array is on disk.
func (d *disk) holds(at uintptr) bool {
	if d == nil {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	_, ok := d.regions[at]
	return ok
}

// close gives everything back.
func (d *disk) close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var errs []error
	for _, r := range d.regions {
		errs = append(errs, unmap(r.mapped))
		d.used -= r.taken
	}
	clear(d.regions)
	return errors.Join(errs...)
}
