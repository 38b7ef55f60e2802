package graphmatch_test

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/fixtures"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/graphmatch/internal/graphtest"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// realInputs draws inputs: floats from the standard normal distribution, integers 0 or 1. First axes of
// unknown length have length 2, others 4; lengths by file and name of the axis are exceptions.
func realInputs(m *onnx.Model, file string) map[string]*network.Tensor {
	lengths := map[string]map[string]int{
		"094": {"batch_size": 1}, "107": {"sequence": 512,
			"batch": 1}, "109": {"samples": 4096}, "110": {"sequence": 512, "batch": 1},
	}
	stored := map[string]bool{}
	for _, x := range m.Proto().GetGraph().GetInitializer() {
		stored[x.GetName()] = true
	}
	rng := rand.New(rand.NewPCG(1, 1))
	inputs := map[string]*network.Tensor{}
	for _, in := range m.Proto().GetGraph().GetInput() {
		tt := in.GetType().GetTensorType()
		if stored[in.GetName()] || tt == nil || onnx.DataType(tt.GetElemType()) == onnx.String {
			continue
		}
		s := network.Spec{Type: onnx.DataType(tt.GetElemType())}
		for i, d := range tt.GetShape().GetDim() {
			s.Shape = append(s.Shape, realLength(lengths[file], in.GetName(), i, d))
		}
		x := network.NewTensor(s)
		for i := range x.F {
			x.F[i] = float32(rng.NormFloat64())
		}
		for i := range x.I {
			x.I[i] = int64(i) % 2
		}
		inputs[in.GetName()] = x
	}
	return inputs
}

func realLength(lengths map[string]int, input string, i int, d *onnxpb.TensorShapeProto_Dimension) int {
	if n := lengths[cmp.Or(d.GetDimParam(), fmt.Sprint(input, i))]; n > 0 {
		return n
	}
	switch {
	case d.GetDimValue() > 0:
		return int(d.GetDimValue())
	case i == 0:
		return 2
	}
	return 4
}

// apart is how far two models' outputs differ, as a part of the largest element of each; NaN in both is no difference.
func apart(a, b []*network.Tensor) float64 {
	worst := 0.0
	for k := range a {
		scale, diff := 1e-6, 0.0
		for i, v := range a[k].F {
			x, y := float64(v), float64(b[k].F[i])
			if math.IsNaN(x) && math.IsNaN(y) || x == y {
				continue
			}
			scale, diff = max(scale, math.Abs(x)), max(diff, math.Abs(x-y))
			if math.IsNaN(x) || math.IsNaN(y) {
				return math.Inf(1)
			}
		}
		worst = max(worst, diff/scale)
		for i := range a[k].I {
			if a[k].I[i] != b[k].I[i] {
				worst = max(worst, 1)
			}
		}
	}
	return worst
}

// Every real file that runs computes the same once its hidden units are reordered at random, as far as the
// derived sets say, and matching undoes the reordering.
func TestReorderedRealFiles(t *testing.T) {
	ran, moving, sets, restored := 0, 0, 0, 0
	for i, path := range fixtures.RealFiles(t) {
		if testing.Short() && i%8 > 0 {
			continue
		}
		file := strings.TrimSuffix(filepath.Base(path), ".onnx")
		m, err := onnx.Open(path)
		if err != nil {
			continue
		}
		moved, sizes, err := graphtest.Scramble(m, 1)
		if err != nil {
			continue // its graph cannot be followed: another test says so
		}
		sets += len(sizes)
		inputs := realInputs(m, file)
		before, err := network.Evaluate(m, inputs, nil)
		if err == nil {
			ran++
			after, err := network.Evaluate(moved, inputs, nil)
			if err != nil {
				t.Errorf("%s: reordered: %v", file, err)
			} else if d := apart(before, after); d > 1e-3 {
				t.Errorf("%s: outputs differ by %.2g of the largest; sets %v", file, d, sizes)
			}
		}
		if len(sizes) > 0 {
			moving++
			if why := restores(m); why == "" {
				restored++
			} else {
				t.Logf("%s: %s", file, why)
			}
		}
		t.Logf("%s: %v", file, sizes)
		m.Close()
	}
	fmt.Printf("real files: %d run with reordered units; %d have %d sets that may move, "+
		"matching undoes all of it in %d\n", ran, moving, sets, restored)
}

// restores says why matching does not undo a random reordering exactly, "" when it does.
func restores(m *onnx.Model) string {
	first, _, err := graphtest.Scramble(m, 5)
	if err != nil {
		return err.Error()
	}
	second, _, err := graphtest.Scramble(m, 6)
	if err != nil {
		return err.Error()
	}
	a, err := graphmatch.Align([]*onnx.Model{first, second}, 0)
	if err != nil {
		return err.Error()
	}
	p, err := graphmatch.Permute(context.Background(), a, graphmatch.PermuteOptions{})
	if err != nil {
		return err.Error()
	}
	i := slices.IndexFunc(p.Alignment.Layers, func(l graphmatch.Layer) bool { return l.Status != graphmatch.Identical })
	if i < 0 {
		return ""
	}
	return fmt.Sprintf("layer %s is %s, cosine %.6f", p.Alignment.Layers[i].Name, p.Alignment.Layers[i].Status,
		p.After[1])
}
