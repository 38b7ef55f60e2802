package record

// Thin keeps at most so many rows, evenly spread, all if most is 0.
func Thin(c Column, most int) Column {
	if most <= 0 || most >= c.Rows() {
		return c
	}
	if own, ok := c.(interface{ Thin(most int) Column }); ok {
		return own.Thin(most)
	}
	return thin{c, most}
}

type thin struct {
	Column
	most int
}

func (t thin) Rows() int { return t.most }

func (t thin) Each(visit func(Value) error) error {
	row, kept := 0, 0
	return t.Column.Each(func(v Value) error {
		at := row
		row++
		if kept == t.most || at != kept*t.Column.Rows()/t.most {
			return nil
		}
		kept++
		return visit(v)
	})
}
