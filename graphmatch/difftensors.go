package graphmatch

import (
	"bytes"
	"fmt"
	"math"
	"slices"

	"github.com/softmerge/softmerge/graphmatch/internal/flow"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// What became of a tensor between two models.
const (
	TensorIdentical = "identical" // same type, shape and bits
	TensorChanged   = "changed"   // other values, or the same in another type
	TensorReshaped  = "reshaped"  // another shape: values are not compared
	TensorAdded     = "added"     // only b has it
	TensorRemoved   = "removed"   // only a has it
)

// TensorChange compares one tensor, or one use of it where layers share it.
type TensorChange struct {
	Status string   `json:"status"`
	Layer  string   `json:"layer,omitempty"` // layer that reads it, "" for tensors that are no parameter of one
	Role   string   `json:"role,omitempty"`
	Names  []string `json:"names"`  // a's and b's, "" where there is none
	Shapes [][]int  `json:"shapes"` // a's and b's as stored, null where there is none
	Types  []string `json:"dtypes"`
	// Relative is ||b-a|| / ||a|| in the Euclidean norm, Cosine that of the angle between a and b, MaxAbs the
	// largest |b-a|. Each is nil where it is no finite number: NaN among the values, or a is zero.
	Relative *float64 `json:"relative"`
	Cosine   *float64 `json:"cosine"`
	MaxAbs   *float64 `json:"max_abs"`
}

// tensorChanges compares the parameters of all layers, then the other initializers by name or, where b has
// none of that name, by what reads them.
func (a *Alignment) tensorChanges(counterpart map[string]string) ([]TensorChange, error) {
	changes := []TensorChange{}
	seen := map[*onnxpb.TensorProto]bool{}
	for _, l := range a.inGraphOrder() {
		for k := range l.Params {
			p := &l.Params[k]
			seen[p.Uses[0].Tensor], seen[p.Uses[1].Tensor] = true, true
			c, err := a.paramChange(l, p)
			if err != nil {
				return nil, fmt.Errorf("layer %q, %s: %w", l.Name, p.Role, err)
			}
			changes = append(changes, c)
		}
	}
	rest, err := a.otherTensors(seen, counterpart)
	return append(changes, rest...), err
}

// inGraphOrder lists the layers of two models in a's order, those that only b has after the one that comes
// before them in b.
func (a *Alignment) inGraphOrder() []*Layer {
	var list []*Layer
	of := map[*flow.Unit]*Layer{}
	for i := range a.Layers {
		l := &a.Layers[i]
		of[l.row[1]] = l
		if w := l.row[1]; w != nil && w.Source != nil {
			of[w.Source] = l
		}
		if l.row[0] != nil {
			list = append(list, l)
		}
	}
	at := 0
	for _, u := range a.views[1].Units {
		l := of[u]
		switch {
		case l == nil:
		case l.row[0] == nil:
			list = slices.Insert(list, at, l)
			at++
		default:
			at = slices.Index(list, l) + 1
		}
	}
	return list
}

// paramChange compares one parameter of a layer.
func (a *Alignment) paramChange(l *Layer, p *Param) (TensorChange, error) {
	x, y := p.Uses[0], p.Uses[1]
	c := newTensorChange(x.Tensor, y.Tensor)
	c.Layer, c.Role, c.Names = l.Name, p.Role, []string{x.Name, y.Name}
	if c.Status != "" {
		return c, nil
	}
	if x.Transposed == y.Transposed && x.fold == y.fold {
		return c, a.compareTensors(&c, x.Tensor, y.Tensor)
	}
	if c.Types[0] == c.Types[1] {
		if same, err := a.equalBits(p, 1); same || err != nil {
			c.identical()
			return c, err
		}
	}
	va, err := a.Doubles(p, 0, nil)
	if err != nil {
		return c, err
	}
	vb, err := a.Doubles(p, 1, nil)
	c.measure(va, vb)
	return c, err
}

// otherTensors compares the initializers that are no layer's parameters, in the order of the files.
func (a *Alignment) otherTensors(
	seen map[*onnxpb.TensorProto]bool, counterpart map[string]string,
) ([]TensorChange, error) {
	byName := map[string]*onnxpb.TensorProto{}
	for _, t := range a.Models[1].Proto().GetGraph().GetInitializer() {
		if !seen[t] {
			byName[t.GetName()] = t
		}
	}
	var changes []TensorChange
	for _, t := range a.Models[0].Proto().GetGraph().GetInitializer() {
		if seen[t] {
			continue
		}
		other := byName[t.GetName()]
		if other == nil {
			other = byName[counterpart[t.GetName()]]
		}
		delete(byName, other.GetName())
		c := newTensorChange(t, other)
		if c.Status == "" {
			if err := a.compareTensors(&c, t, other); err != nil {
				return nil, fmt.Errorf("tensor %q: %w", t.GetName(), err)
			}
		}
		changes = append(changes, c)
	}
	for _, t := range a.Models[1].Proto().GetGraph().GetInitializer() {
		if byName[t.GetName()] == t {
			changes = append(changes, newTensorChange(nil, t))
		}
	}
	return changes, nil
}

// newTensorChange describes two tensors, and settles the status where values need not be read: nil
// stands for a tensor that is not there.
func newTensorChange(a, b *onnxpb.TensorProto) TensorChange {
	c := TensorChange{Names: []string{a.GetName(), b.GetName()}, Shapes: [][]int{nil, nil}, Types: []string{"", ""}}
	for i, t := range []*onnxpb.TensorProto{a, b} {
		if t == nil {
			continue
		}
		c.Types[i] = onnx.DataType(t.GetDataType()).String()
		c.Shapes[i] = []int{}
		for _, d := range t.GetDims() {
			c.Shapes[i] = append(c.Shapes[i], int(d))
		}
	}
	switch {
	case a == nil:
		c.Status = TensorAdded
	case b == nil:
		c.Status = TensorRemoved
	case !sameSize(c.Shapes[0], c.Shapes[1]):
		c.Status = TensorReshaped
	}
	return c
}

// sameSize says whether shapes are equal, or those of a matrix and its transpose: a layer may store its
// weight either way.
func sameSize(a, b []int) bool {
	return slices.Equal(a, b) || len(a) == 2 && len(b) == 2 && a[0] == b[1] && a[1] == b[0]
}

// compareTensors compares the values of two tensors of equal orientation.
func (a *Alignment) compareTensors(c *TensorChange, x, y *onnxpb.TensorProto) error {
	if !slices.Equal(c.Shapes[0], c.Shapes[1]) {
		c.Status = TensorReshaped
		return nil
	}
	ta, tb := a.Models[0].Tensor(x), a.Models[1].Tensor(y)
	if c.Types[0] == c.Types[1] {
		same, err := equalTensors(ta, tb)
		if err != nil {
			return err
		}
		if same {
			c.identical()
			return nil
		}
	}
	va, errA := numbersOf(ta)
	vb, errB := numbersOf(tb)
	if errA != nil || errB != nil {
		c.Status = TensorChanged // strings, complex numbers: not equal is all there is to say
		return nil
	}
	c.measure(va, vb)
	return nil
}

// equalTensors compares two tensors of one type and shape bit by bit.
func equalTensors(a, b onnx.Tensor) (bool, error) {
	if a.DataType() == onnx.String {
		x, errA := a.Strings()
		y, errB := b.Strings()
		return slices.Equal(x, y), firstError(errA, errB)
	}
	x, errA := a.Raw()
	y, errB := b.Raw()
	return bytes.Equal(x, y), firstError(errA, errB)
}

func firstError(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// numbersOf reads a tensor of any real type.
func numbersOf(t onnx.Tensor) ([]float64, error) {
	if t.DataType().IsFloat() {
		return t.Doubles(nil)
	}
	ints, err := t.Ints(nil)
	out := make([]float64, len(ints))
	for i, v := range ints {
		out[i] = float64(v)
	}
	return out, err
}

// identical fills in a comparison that found no difference.
func (c *TensorChange) identical() {
	zero, one := 0.0, 1.0
	c.Status, c.Relative, c.Cosine, c.MaxAbs = TensorIdentical, &zero, &one, &zero
}

// measure compares values of the same shape.
func (c *TensorChange) measure(a, b []float64) {
	var change, normA, normB, dot, most float64
	for i := range min(len(a), len(b)) {
		d := b[i] - a[i]
		change += d * d
		normA += a[i] * a[i]
		normB += b[i] * b[i]
		dot += a[i] * b[i]
		if !(math.Abs(d) <= most) { // a NaN stays
			most = math.Abs(d)
		}
	}
	c.Status = TensorChanged
	c.Relative = finite(math.Sqrt(change) / math.Sqrt(normA))
	c.Cosine = finite(dot / math.Sqrt(normA) / math.Sqrt(normB))
	c.MaxAbs = finite(most)
}

// finite is a number for JSON, nil for what is none.
func finite(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}
