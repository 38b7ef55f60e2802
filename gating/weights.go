package gating

import (
	"fmt"
	"math"
	"slices"

	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// Weights holds the parents' values of the selected layers that can be mixed, read once and shared by all plans.
type Weights struct {
	selection *graphmatch.Selection
	layers    []layerWeights
	skipped   map[*graphmatch.Layer]string // selected layers that are not mixed, and why
	source    *Source                      // the last of the models, where it was computed from the others
}

// layerWeights is one layer's values in every parent.
type layerWeights struct {
	layer     *graphmatch.Layer
	affine    bool
	mixed     []mixedParam
	nonfinite []bool // per parent: some tensor of it has a NaN or an infinity
}

// mixedParam is what the network mixes at a parameter's sites: the parameter
// itself, or s or t of a BatchNormalization.
type mixedParam struct {
	param  int // index in the layer's Params
	values [][]float32
}

// LoadWeights reads the parents' values of the selected layers. Layers that are
// identical, mismatched or missing are left out, as are those that no parent has
// finite values for.
func LoadWeights(s *graphmatch.Selection) (*Weights, error) {
	w := &Weights{selection: s, skipped: map[*graphmatch.Layer]string{}}
	for _, i := range s.Layers {
		layer := &s.Alignment.Layers[i]
		if layer.Status != graphmatch.Matched {
			w.skipped[layer] = layer.Reason
			continue
		}
		l, err := loadLayer(s.Alignment, layer)
		if err != nil {
			return nil, fmt.Errorf("layer %s: %w", layer.Name, err)
		}
		if all(l.nonfinite) {
			w.skipped[layer] = "every parent has a NaN or an infinity here"
			continue
		}
		w.layers = append(w.layers, *l)
	}
	return w, nil
}

// Empty says whether no layer can be mixed.
func (w *Weights) Empty() bool { return len(w.layers) == 0 }

// Skipped returns why a selected layer is not mixed, "" if it is.
func (w *Weights) Skipped(l *graphmatch.Layer) string { return w.skipped[l] }

// Nonfinite says of a mixed layer in which parents some tensor has a NaN or an infinity;
// nil for a layer that is not mixed.
func (w *Weights) Nonfinite(l *graphmatch.Layer) []bool {
	for i := range w.layers {
		if w.layers[i].layer == l {
			return slices.Clone(w.layers[i].nonfinite)
		}
	}
	return nil
}

// Count returns how many weights are mixed, of one parent.
func (w *Weights) Count() (n int) {
	for i := range w.layers {
		for _, m := range w.layers[i].mixed {
			n += len(m.values[w.selection.Alignment.Base])
		}
	}
	return n
}

func loadLayer(a *graphmatch.Alignment, layer *graphmatch.Layer) (*layerWeights, error) {
	l := &layerWeights{layer: layer, affine: isAffine(layer), nonfinite: make([]bool, len(a.Models))}
	for k := range layer.Params {
		l.mixed = append(l.mixed, mixedParam{param: k, values: make([][]float32, len(a.Models))})
	}
	for j := range a.Models {
		values := make([][]float32, len(layer.Params))
		for k := range layer.Params {
			v, err := a.Floats(&layer.Params[k], j, nil)
			if err != nil {
				return nil, err
			}
			values[k] = v
			l.nonfinite[j] = l.nonfinite[j] || !onnx.AllFinite(v)
		}
		for k, v := range values {
			l.mixed[k].values[j] = v
		}
	}
	if l.affine {
		l.foldStatistics(a)
	}
	return l, nil
}

// foldStatistics replaces a BatchNormalization's four tensors by its affine map
// y = s x + t, s = g/sqrt(v+eps), t = b - m s, at the sites of scale and bias.
func (l *layerWeights) foldStatistics(a *graphmatch.Alignment) {
	n := newNormRoles(l.layer)
	for j := range a.Models {
		eps := epsilon(l.layer.Params[n.scale].Uses[j].Sites[0].Node)
		g, b := l.mixed[n.scale].values[j], l.mixed[n.bias].values[j]
		m, v := l.mixed[n.mean].values[j], l.mixed[n.variance].values[j]
		s, t := make([]float32, len(g)), make([]float32, len(g))
		for i := range g {
			si := float64(g[i]) / math.Sqrt(float64(v[i])+eps)
			s[i], t[i] = float32(si), float32(float64(b[i])-float64(m[i])*si)
		}
		l.mixed[n.scale].values[j], l.mixed[n.bias].values[j] = s, t
		l.nonfinite[j] = l.nonfinite[j] || !onnx.AllFinite(s) || !onnx.AllFinite(t)
	}
	l.mixed = []mixedParam{l.mixed[n.scale], l.mixed[n.bias]}
}

// normRoles is where a BatchNormalization's tensors are among its layer's parameters.
type normRoles struct{ scale, bias, mean, variance int }

func newNormRoles(layer *graphmatch.Layer) normRoles {
	var n normRoles
	for k, p := range layer.Params {
		switch p.Role {
		case "scale":
			n.scale = k
		case "bias":
			n.bias = k
		case "mean":
			n.mean = k
		case "var":
			n.variance = k
		}
	}
	return n
}

// epsilon returns a BatchNormalization node's epsilon (ONNX's default 1e-5).
func epsilon(n *onnxpb.NodeProto) float64 {
	a := onnx.NodeAttributes(n)
	if !a.Has("epsilon") {
		return 1e-5
	}
	return float64(a.Float("epsilon", 0))
}

// channels returns how many output channels can have gates of their own: 1 where
// some tensor of the layer has no channel axis.
func (l *layerWeights) channels() int {
	n := 0
	for _, p := range l.layer.Params {
		if p.ChannelAxis < 0 {
			return 1
		}
		d := p.Shape[p.ChannelAxis]
		if n != 0 && d != n {
			return 1
		}
		n = d
	}
	return max(n, 1)
}

func all(list []bool) bool {
	for _, b := range list {
		if !b {
			return false
		}
	}
	return true
}

// isAffine says whether a layer is a BatchNormalization whose four tensors are all
// there, one number a channel each: the file has not been checked for that yet.
func isAffine(l *graphmatch.Layer) bool {
	return l.Op == "BatchNormalization" && len(l.Params) == 4 &&
		!slices.ContainsFunc(l.Params, func(p graphmatch.Param) bool {
			return len(p.Shape) != 1 || p.Shape[0] != l.Params[0].Shape[0]
		})
}
