package spill

// Fault makes an error of a fault of a mapped page that was recovered in a goroutine with debug.SetPanicOnFault. It
// returns nil for nil, and panics again with what is no fault.
func Fault(recovered any) error {
	if recovered == nil {
		return nil
	}
	fault, ok := recovered.(interface{ Addr() uintptr })
	if !ok {
		panic(recovered)
	}
	return fail("do not change data files while they are read; check the disk",
		"a page of the data at %#x cannot be read: a file was shortened, or the disk failed", fault.Addr())
}
