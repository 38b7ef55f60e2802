// Package recordtest is for the tests of packages that read columns of records.
package recordtest

import (
	"fmt"
	"strings"

	"github.com/softmerge/softmerge/gating/dataset/record"
)

// Show writes all columns: name, kind, type and depth of lists, then of every row its shape, its numbers and its bytes,
// and the error that reading ended with.
func Show(columns []record.Column) string {
	var out []string
	for _, c := range columns {
		text := strings.ToLower(fmt.Sprintf("%s %s %s %d:", c.Name(), c.Kind(), c.Type(), c.Lists()))
		err := c.Each(func(v record.Value) error {
			text += fmt.Sprintf(" %v%v%v%s", v.Shape, v.Ints, v.Floats, v.Bytes)
			return nil
		})
		if err != nil {
			text += " " + err.Error()
		}
		out = append(out, text)
	}
	return strings.Join(out, "; ")
}
