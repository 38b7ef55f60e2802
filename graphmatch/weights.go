package graphmatch

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// Weight is a tensor of numbers that a network was trained to: an initializer or a Constant of a float type, or one
// that is quantised.
type Weight struct {
	Name     string
	Elements int
	Layer    *Layer // that it is part of, nil where the alignment has none for it
}

// Matched tells whether the tensor is part of a layer that every model has and that fits.
func (w Weight) Matched() bool { return w.Layer != nil && w.Layer.Mergeable() }

// Weights lists the weights of every model, in the order of its nodes. Single numbers count only as part of a layer.
// Constants that no layer has and that are bit-equal in all models, such as attention masks, are no weights. The error
// wraps what reading such a tensor returned.
func (a *Alignment) Weights() ([][]Weight, error) {
	all := make([][]Weight, len(a.Models))
	keys := make([]map[string][]int, len(a.Models)) // of tensors without a layer, by their content
	for j, m := range a.Models {
		of := a.layersOf(j)
		keys[j] = map[string][]int{}
		for _, t := range weightsRead(m) {
			w := Weight{Name: t.name, Elements: m.Tensor(t.tensor).Len(), Layer: of[t.tensor]}
			if w.Layer == nil {
				if w.Elements < 2 {
					continue
				}
				key, err := contentKey(m, t.tensor)
				if err != nil {
					return nil, err
				}
				keys[j][key] = append(keys[j][key], len(all[j]))
			}
			all[j] = append(all[j], w)
		}
	}
	if len(a.Models) > 1 {
		dropShared(all, keys)
	}
	return all, nil
}

// dropShared drops the weights that have an equal one in every model.
func dropShared(all [][]Weight, keys []map[string][]int) {
	drop := make([]map[int]bool, len(all))
	for j := range drop {
		drop[j] = map[int]bool{}
	}
	for key := range keys[0] {
		if slices.ContainsFunc(keys, func(of map[string][]int) bool { return of[key] == nil }) {
			continue
		}
		for j := range keys {
			for _, i := range keys[j][key] {
				drop[j][i] = true
			}
		}
	}
	for j := range all {
		var kept []Weight
		for i, w := range all[j] {
			if !drop[j][i] {
				kept = append(kept, w)
			}
		}
		all[j] = kept
	}
}

// contentKey tells tensors of other type, shape or numbers apart.
func contentKey(m *onnx.Model, t *onnxpb.TensorProto) (string, error) {
	raw, err := m.Tensor(t).Raw()
	if err != nil {
		return "", err
	}
	head := binary.LittleEndian.AppendUint64(nil, uint64(t.GetDataType()))
	for _, d := range t.GetDims() {
		head = binary.LittleEndian.AppendUint64(head, uint64(d))
	}
	sum := sha256.Sum256(raw)
	return string(append(head, sum[:]...)), nil
}

// layersOf finds the layer of each of a model's tensors; one that fits in all models before others.
func (a *Alignment) layersOf(j int) map[*onnxpb.TensorProto]*Layer {
	of := map[*onnxpb.TensorProto]*Layer{}
	for i := range a.Layers {
		l := &a.Layers[i]
		for k := range l.Params {
			for _, t := range l.Params[k].Uses[j].tensors() {
				if had := of[t]; had == nil || !had.Mergeable() {
					of[t] = l
				}
			}
		}
	}
	return of
}

// tensors are those that a use's values are computed from.
func (u *Use) tensors() (list []*onnxpb.TensorProto) {
	if u.Tensor != nil {
		list = append(list, u.Tensor)
	}
	if u.fold == nil {
		return list
	}
	for _, p := range append(u.fold.Norm.Params, u.fold.Bias) {
		if p != nil {
			list = append(list, p.C.Tensor)
		}
	}
	return list
}

// readTensor is a tensor of a model under the name that nodes read it by.
type readTensor struct {
	name   string
	tensor *onnxpb.TensorProto
}

// weightsRead lists the tensors of float types, and the quantised ones, that nodes of a model read: each once, scales
// and zero points left out.
func weightsRead(m *onnx.Model) (list []readTensor) {
	known := map[string]*onnxpb.TensorProto{}
	seen := map[*onnxpb.TensorProto]bool{}
	m.Walk(func(p onnx.Place, n *onnxpb.NodeProto) error {
		addTensors(known, p.Graph)
		if n.GetOpType() == "Constant" && len(n.GetOutput()) == 1 {
			if t := onnx.NodeAttributes(n).Tensor("value"); t != nil {
				known[n.GetOutput()[0]] = t
			}
			return nil
		}
		label := onnx.OpLabel(n)
		slots, quantised := quantisedInputs[label]
		for slot, name := range n.GetInput() {
			t := known[name]
			float := t != nil && onnx.DataType(t.GetDataType()).IsFloat() && !quantised && label != "QuantizeLinear"
			if t == nil || seen[t] || !float && !slices.Contains(slots, slot) {
				continue
			}
			seen[t] = true
			list = append(list, readTensor{name, t})
		}
		return nil
	})
	return list
}
