package graphmatch

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/softmerge/softmerge/graphmatch/internal/flow"
)

// Compare gives the status Identical to every matched layer whose tensors are bit-equal in all models.
// Each comparison ends at the first difference, so fine-tuned weights cost little; the pages of mapped
// files are the only memory used.
func (a *Alignment) Compare() error {
	for i := range a.Layers {
		l := &a.Layers[i]
		if l.Status != Matched {
			continue
		}
		same, err := a.identical(l)
		if err != nil {
			return fmt.Errorf("layer %q: %w", l.Name, err)
		}
		if same {
			l.Status = Identical
		}
	}
	return nil
}

// identical compares a layer's tensors, the smallest first.
func (a *Alignment) identical(l *Layer) (bool, error) {
	params := slices.SortedStableFunc(slices.Values(l.Params), func(p, q Param) int {
		return p.Uses[a.Base].from.Elements() - q.Uses[a.Base].from.Elements()
	})
	for _, p := range params {
		for j := range a.Models {
			if j == a.Base {
				continue
			}
			if same, err := a.equalBits(&p, j); !same || err != nil {
				return false, err
			}
		}
	}
	return true, nil
}

// equalBits compares model j's tensor with the base's.
func (a *Alignment) equalBits(p *Param, j int) (bool, error) {
	base, other := p.Uses[a.Base], p.Uses[j]
	if base.fold != nil || other.fold != nil || other.factor != 1 {
		return false, nil // the same only up to rounding
	}
	if base.from.DataType() != other.from.DataType() {
		return false, nil // likewise
	}
	x, err := a.Models[a.Base].Tensor(base.Tensor).Raw()
	if err != nil {
		return false, fmt.Errorf("%s: %w", a.labels[a.Base], err)
	}
	y, err := a.Models[j].Tensor(other.Tensor).Raw()
	if err != nil {
		return false, fmt.Errorf("%s: %w", a.labels[j], err)
	}
	if other.Transposed {
		size := p.Type.Size() / 8
		rows, cols := p.Shape[0], p.Shape[1]
		return len(x) == len(y) && equalTransposed(x, y, rows, cols, size), nil
	}
	return bytes.Equal(x, y), nil
}

// equalTransposed compares a rows x cols matrix with one stored as cols x rows.
func equalTransposed(x, y []byte, rows, cols, size int) bool {
	for r := range rows {
		for c := range cols {
			i, k := (r*cols+c)*size, (c*rows+r)*size
			if !bytes.Equal(x[i:i+size], y[k:k+size]) {
				return false
			}
		}
	}
	return true
}

// exporterConstant tells whether a layer is no more than a constant that exporters write as nodes: one
// number throughout, the same in every model.
func (r row) exporterConstant() bool {
	numbers := map[string]float32{}
	for _, u := range r {
		if u == nil {
			return false
		}
		for _, p := range u.Params {
			value, ok := flow.Fill(u.Model, p.C)
			known, seen := numbers[p.Role]
			if !ok || !p.C.Literal || seen && known != value {
				return false
			}
			numbers[p.Role] = value
		}
	}
	return true
}
