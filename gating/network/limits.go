package network

import "github.com/softmerge/softmerge/gating/network/op"

// CheckSize refuses a tensor larger than memory allows, before it is made.
func (l *lowerer) CheckSize(c *op.Call, s op.Spec) error {
	bytes := int64(8)
	for _, d := range s.Shape {
		if d < 0 {
			return c.ShapeError("an output would have shape %v", s.Shape)
		}
		if d > 0 && bytes > l.MaxBytes/int64(d) {
			return c.ShapeError("an output of shape %v would take more than the limit of %d bytes", s.Shape, l.MaxBytes)
		}
		bytes *= int64(d)
	}
	return nil
}

// Spend counts the memory of a tensor that is computed now. A short file can ask for many.
func (l *lowerer) Spend(c *op.Call, s op.Spec) error {
	if err := l.CheckSize(c, s); err != nil {
		return err
	}
	if l.folded += 8 * int64(s.Len()); l.folded > l.MaxBytes {
		return c.ShapeError("what is known before the graph runs would take more than the limit of %d bytes",
			l.MaxBytes)
	}
	return nil
}
