package dataset

import (
	"cmp"
	"fmt"
	"runtime/debug"

	"github.com/softmerge/softmerge/gating/dataset/spill"
)

const (
	// DefaultMaxBytes is the most memory that the values of a data set take unless Options say otherwise: 8 GiB, or
	// half of what the machine has where that is less.
	DefaultMaxBytes = 8 << 30
	// DefaultMaxDisk is the most disk that they take then: 1 TiB, if there is so much.
	DefaultMaxDisk = 1 << 40
)

// newStore is the room that Options give to data.
func newStore(o Options) *spill.Store {
	memory := o.MaxBytes
	if memory <= 0 {
		memory = DefaultMaxBytes
		if machine := spill.Memory(); machine > 0 {
			memory = min(memory, machine/2)
		}
	}
	return spill.New(memory, cmp.Or(o.MaxDisk, DefaultMaxDisk))
}

// noteDisk says what of the data is on disk.
func (d *Data) noteDisk() {
	temporary, inPlace := d.store.Spilled()
	if temporary > 0 {
		d.addNotes(fmt.Sprintf("%.1f GB of the data do not fit in the memory for it (--data-memory): "+
			"they are on disk, in temporary files", float64(temporary)/1e9))
	}
	if inPlace > 0 {
		d.addNotes(fmt.Sprintf("%.1f GB of the data do not fit in the memory for it (--data-memory): "+
			"they are used where they lie in the files given, which must not change meanwhile", float64(inPlace)/1e9))
	}
}

// take reserves memory for bytes that are read as text, or fails.
func (l *loader) take(bytes int) error { return storeError(l.store.Take(int64(bytes))) }

// Close gives back what Open has put on disk, for data that does not fit in memory. Neither the data may be used any
// more nor what was selected, split or otherwise made of it. Without Close it goes with the process.
func (d *Data) Close() error { return d.store.Close() }

// Guard makes an error of kind ErrData of a fault in this goroutine, as a data file causes that is shortened while it
// is used where it lies, or a disk that fails. Where the data may be on disk a function that reads it begins with
//
//	defer dataset.Guard(&err)()
func Guard(err *error) func() {
	before := debug.SetPanicOnFault(true)
	return func() {
		debug.SetPanicOnFault(before)
		if fault := spill.Fault(recover()); fault != nil {
			*err = storeError(fault)
		}
	}
}

// free gives the arrays of d back, which nothing else uses.
func (d *Data) free() {
	for _, p := range d.Parts() {
		for _, c := range p.columns() {
			c.free(p.store)
		}
	}
}

func (c *Column) free(s *spill.Store) {
	spill.Free(s, c.Floats)
	spill.Free(s, c.Ints)
}
