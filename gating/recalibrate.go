package gating

import (
	"context"
	"slices"

	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// Statistics holds a BatchNormalization's measured statistics, one number a channel.
type Statistics struct {
	Node     string    `json:"node"` // the node's first output
	Mean     []float64 `json:"mean"`
	Variance []float64 `json:"variance"`
}

// normNodes returns the BatchNormalization nodes of the main graph whose
// statistics are initializers. Those that a merge has reset to add a bias only
// (graphmatch.Reset) normalise nothing and are left out.
func normNodes(m *onnx.Model) []*onnxpb.NodeProto {
	tensors := initializers(m)
	var list []*onnxpb.NodeProto
	for _, n := range m.Proto().GetGraph().GetNode() {
		in := n.GetInput()
		if n.GetOpType() == "BatchNormalization" && len(in) == 5 && tensors[in[3]] != nil && tensors[in[4]] != nil &&
			!wasReset(m, n, tensors) {
			list = append(list, n)
		}
	}
	return list
}

// wasReset tells whether a normalisation has scale 1, mean 0 and variance
// 1 - epsilon throughout, which no training leaves.
func wasReset(m *onnx.Model, n *onnxpb.NodeProto, tensors map[string]*onnxpb.TensorProto) bool {
	for slot, want := range map[int]float32{1: 1, 3: 0, 4: float32(1 - epsilon(n))} {
		t := tensors[n.GetInput()[slot]]
		if t == nil {
			return false
		}
		values, err := m.Tensor(t).Floats(nil)
		if err != nil || slices.ContainsFunc(values, func(v float32) bool { return v != want }) {
			return false
		}
	}
	return true
}

func initializers(m *onnx.Model) map[string]*onnxpb.TensorProto {
	t := map[string]*onnxpb.TensorProto{}
	for _, p := range m.Proto().GetGraph().GetInitializer() {
		t[p.GetName()] = p
	}
	return t
}

// measure runs a model over the data with every normalisation working on the
// batch's own statistics, as in training, and returns their means. Averaged
// weights want statistics of their own: those of the parents describe activations
// that no longer occur.
func (e *Evaluator) measure(ctx context.Context, m *onnx.Model) ([]Statistics, error) {
	f, err := e.forward(m, nil, e.batch)
	if err != nil {
		return nil, err
	}
	f.config.Statistics = map[*onnxpb.NodeProto]*network.Statistics{}
	nodes := normNodes(m)
	for _, n := range nodes {
		f.config.Statistics[n] = &network.Statistics{}
	}
	full := slices.Max(f.sizes)
	for rows := range e.data.InOrder(f.sizes...) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if len(rows) < full {
			continue // a short batch has noisier statistics
		}
		if _, err := f.run(rows, Coefficients{}); err != nil {
			return nil, err
		}
	}
	var list []Statistics
	for _, n := range nodes {
		if s := f.config.Statistics[n]; s.Batches > 0 {
			list = append(list, Statistics{n.GetOutput()[0], s.Mean(), s.Variance()})
		}
	}
	return list, nil
}

// withStatistics returns the model with normalisation statistics replaced. An
// initializer that several nodes read is left to the others.
func withStatistics(m *onnx.Model, list []Statistics) (*onnx.Model, error) {
	byNode := map[string]Statistics{}
	for _, s := range list {
		byNode[s.Node] = s
	}
	tensors := initializers(m)
	uses := map[string]int{}
	for _, n := range m.Proto().GetGraph().GetNode() {
		for _, in := range n.GetInput() {
			uses[in]++
		}
	}
	var edits []onnx.Edit
	for _, n := range normNodes(m) {
		s, ok := byNode[n.GetOutput()[0]]
		if !ok {
			continue
		}
		for _, part := range []struct {
			slot   int
			suffix string
			values []float64
		}{{3, ".mean.softmerge", s.Mean}, {4, ".var.softmerge", s.Variance}} {
			name := n.GetInput()[part.slot]
			source := func() ([]float64, error) { return part.values, nil }
			if uses[name] == 1 {
				edits = append(edits, onnx.SetValues(tensors[name], source))
				continue
			}
			t, fresh := m.Tensor(tensors[name]), s.Node+part.suffix
			edits = append(edits, onnx.AddInitializer(m.Proto().GetGraph(), fresh, t.DataType(), t.Shape(), source),
				onnx.SetInput(n, part.slot, fresh))
		}
	}
	return m.With(edits...)
}
