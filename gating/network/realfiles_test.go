package network

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/fixtures"
	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/ir"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// realDims are lengths of symbolic axes, by file and name of the axis (or input and number of the axis where it has
// no name); other first axes have length 1, others 4.
var realDims = map[string]map[string]int{
	"094": {"batch_size": 1}, "107": {"sequence": 512, "batch": 1}, "109": {"samples": 4096},
	"110": {"sequence": 512, "batch": 1},
}

// realShapes are shapes of inputs that declare none or not all axes, by file and input.
var realShapes = map[string]map[string][]int{
	"086": {"inputImage": {1, 3, 48, 56}},
	"134": {"x": {1, 16, 1}},
	"137": {"x": {1, 4, 1}},
	"170": {"x": {1, 4}, "onesided": {1}, "inverse": {1}, "normalize": {1}},
	"172": {"x": {1, 4}},
}

// realInts are elements of inputs that are sizes or counts.
var realInts = map[string]map[string][]int64{
	"137": {"fft_length": {4}, "axis": {1}},
	"169": {"size": {2, 3, 4, 5}},
	"170": {"fft_length": {4}},
	"172": {"fft_length": {4}},
	"173": {"size": {2, 3, 4, 5}},
}

// realPixels are mean and deviation of images with values from 0 to 255.
var realPixels = map[string][2]float32{"001": {120, 50}, "002": {120, 50}, "003": {120, 50}, "004": {120, 50}}

// realInputs draws inputs for a model: floats from the standard normal distribution, integers 0 or 1.
func realInputs(m *onnx.Model, file string) (map[string]*op.Tensor, error) {
	g := m.Proto().GetGraph()
	given := map[string]bool{}
	for _, t := range g.GetInitializer() {
		given[t.GetName()] = true
	}
	inputs := map[string]*op.Tensor{}
	for k, in := range g.GetInput() {
		if given[in.GetName()] {
			continue
		}
		tt := in.GetType().GetTensorType()
		if tt == nil {
			return nil, fmt.Errorf("input %q is no tensor: %w", in.GetName(), op.ErrUnsupported)
		}
		s := op.Spec{Type: onnx.DataType(tt.GetElemType()), Shape: slices.Clone(realShapes[file][in.GetName()])}
		if s.Type == onnx.String {
			return nil, fmt.Errorf("input %q holds strings: %w", in.GetName(), op.ErrUnsupported)
		}
		for i, d := range tt.GetShape().GetDim()[min(len(s.Shape), len(tt.GetShape().GetDim())):] {
			s.Shape = append(s.Shape, realDim(file, in.GetName(), i, d))
		}
		x := op.NewTensor(s)
		optest.Fill(x.F, uint64(k)+1)
		for i := range x.I {
			x.I[i] = int64(i+k) % 2
		}
		copy(x.I, realInts[file][in.GetName()])
		if p, ok := realPixels[file]; ok {
			for i, v := range x.F {
				x.F[i] = p[0] + p[1]*v
			}
		}
		inputs[in.GetName()] = x
	}
	return inputs, nil
}

func realDim(file, input string, axis int, d *onnxpb.TensorShapeProto_Dimension) int {
	dims := realDims[file]
	if n, ok := dims[cmp.Or(d.GetDimParam(), fmt.Sprint(input, axis))]; ok {
		return n
	}
	switch {
	case d.GetDimValue() > 0:
		return int(d.GetDimValue())
	case axis == 0:
		return 1
	}
	return 4
}

// realResult is what became of one file.
type realResult struct {
	runs     bool
	reason   string // why it does not
	agrees   bool   // with ONNX Runtime
	ort      string // why ONNX Runtime gives no answer, or how far both are apart
	weights  int    // float weights
	reached  int    // of these, by a gradient
	gradient string // why not all
}

// TestRealFiles lowers and runs every real file with random inputs. Each must run or be refused for the reason that
// realRefused has, and a gradient must reach every float weight but in the files of realUnreached. Where
// ORT_NODE_MODULES names a folder with ONNX Runtime, its outputs must agree within 1e-4 of their largest elements,
// unless it has no answer.
func TestRealFiles(t *testing.T) {
	s := startORT(t)
	var runs, agree, silent, whole, weighted int
	for i, path := range fixtures.RealFiles(t) {
		if testing.Short() && i%8 > 0 {
			continue
		}
		file := strings.TrimSuffix(filepath.Base(path), ".onnx")
		r := runReal(path, file, s)
		t.Logf("%s: %+v", file, r)
		if kind, want := refusedAs(file); (r.reason == "") != (want == "") || !strings.Contains(r.reason, want) {
			t.Errorf("%s (%s): got %q, want %q", file, kind, r.reason, want)
		}
		if want := realUnreached[file]; r.reached < r.weights && (want == "" || !strings.Contains(r.gradient, want)) {
			t.Errorf("%s: a gradient reaches %d of %d weights: %s", file, r.reached, r.weights, r.gradient)
		}
		if strings.Contains(r.ort, "differs") {
			t.Errorf("%s: %s", file, r.ort)
		}
		runs += count(r.runs)
		agree += count(r.agrees)
		silent += count(r.runs && r.ort != "")
		weighted += count(r.weights > 0)
		whole += count(r.weights > 0 && r.reached == r.weights)
	}
	fmt.Printf("real files: %d run; ONNX Runtime agrees on %d of them and cannot run %d; "+
		"of %d with float weights a gradient reaches all of them in %d\n",
		runs, agree, silent, weighted, whole)
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

// realRefused are the files that do not run, by the kind of reason and a part of it. Of these ONNX Runtime runs those
// with operators of ai.onnx.ml whose outputs are tensors, and 149.
var realRefused = map[string]map[string]string{
	"trees, strings and sequences": {
		"047": noNetwork, "100": noNetwork, "101": noNetwork, "104": noNetwork, "113": noNetwork, "122": noNetwork,
		"181": noNetwork,
		"202": noNetwork, "203": noNetwork, "221": noNetwork, "223": noNetwork, "227": noNetwork, "245": noNetwork,
		"089": "decodes or encodes files", "244": "decodes or encodes files", "103": "holds strings",
		"182": "is no tensor", "184": "is no tensor", "185": "is no tensor",
	},
	"quantised": {
		"053": op.RefusedQuantised.Reason, "055": op.RefusedQuantised.Reason, "056": op.RefusedQuantised.Reason,
		"080": op.RefusedQuantised.Reason,
		"149": op.RefusedQuantised.Reason, "151": op.RefusedQuantised.Reason, "152": op.RefusedQuantised.Reason,
		"205": op.RefusedQuantised.Reason,
		"148": "the scale has shape", "160": "the scale has shape", // in blocks, without a block size: broken too
	},
	"operators that nobody defines": {
		"106": ownDomain, "134": ownDomain, "137": ownDomain, "200": ownDomain, "242": ownDomain, "250": ownDomain,
		"133": "sequences and maps", "140": "there is no such operator", "215": "there is no such operator",
		"218": "there is no such operator",
	},
	"random": {"194": "random numbers"},
	"broken": {
		"091": "int64[]",                // a scalar among the inputs of Concat
		"145": "4 bytes of payload",     // a damaged tensor
		"161": "which nothing computes", // an input is not declared
		"170": "element type undefined", // a constant without its tensor
		"191": "wire type",              // a damaged file
		"196": "does not broadcast",     // positions made by NonZero of zeros
		"208": "want three axes",        // weights without the axis of directions
		"226": "inner dimensions",       // made to be wrong
	},
}

const (
	noNetwork = "no network that a gradient passes"
	ownDomain = "operators of this domain are not known"
)

// refusedAs looks up why a file does not run; all empty for one that does.
func refusedAs(file string) (kind, part string) {
	for kind, files := range realRefused {
		if part, ok := files[file]; ok {
			return kind, part
		}
	}
	return "", ""
}

// realUnreached are the files with weights that no gradient reaches, by a part of the reason.
var realUnreached = map[string]string{
	"019": "attention.bias", "094": "attn.bias_resize", // masks that only Equal or Where's condition reads
	// its weights are all 0.5: it overflows, in ONNX Runtime too
	"046": "gpu_0.scale",
	// trees as tensors: thresholds are compared, not added
	"058": "root_biases", "059": "root_biases", "119": "root_biases",
	"098": "Sc_Scancst", "187": "Sc_Scancst", // nearest neighbours: only their order is read
	"107": "LSTM_0.W", // the branch for the other sampling rate
	"146": "quantised weights", "190": "quantised weights",
}

func runReal(path, file string, s *ortServer) (r realResult) {
	m, err := onnx.Open(path)
	if err != nil {
		r.reason = err.Error()
		return r
	}
	defer m.Close()
	inputs, err := realInputs(m, file)
	if err != nil {
		r.reason = err.Error()
		return r
	}
	outs, err := runEither(m, inputs)
	if err != nil {
		r.reason = err.Error()
		if s != nil {
			_, err = s.run(path, inputs)
			r.ort = fmt.Sprint("ONNX Runtime's answer: ", err)
		}
		return r
	}
	r.runs = true
	if s != nil {
		r.compare(m, path, inputs, outs, s)
	}
	r.weights, r.reached, r.gradient = reachWeights(m, inputs)
	return r
}

// compare asks ONNX Runtime.
func (r *realResult) compare(m *onnx.Model, path string, inputs map[string]*op.Tensor,
	outs []*op.Tensor, s *ortServer) {
	want, err := s.run(path, inputs)
	if err != nil {
		r.ort = "ONNX Runtime: " + err.Error()
		return
	}
	r.agrees = true
	for i, o := range m.Proto().GetGraph().GetOutput() {
		if want[o.GetName()] == nil {
			continue
		}
		d, err := scaledDifference(outs[i], want[o.GetName()])
		limit := 1e-4
		if o.GetType().GetTensorType().GetElemType() == int32(onnx.Float16) {
			limit = 1e-3 // ONNX Runtime rounds every value on the way to 11 bits
		}
		if err != nil || d > limit {
			r.agrees = false
			r.ort = fmt.Sprintf("output %q differs by %.2g: %v", o.GetName(), d, err)
		}
	}
}

// reachWeights counts a model's float weights and those that a finite gradient of some output reaches.
func reachWeights(m *onnx.Model, inputs map[string]*op.Tensor) (weights, reached int, why string) {
	params, affine, err := realParams(m)
	if err != nil {
		return 0, 0, err.Error()
	}
	c := Config{Shapes: map[string][]int{}, Params: params, Affine: affine}
	for name, t := range inputs {
		c.Shapes[name] = t.Shape
	}
	g, err := Lower(m, c)
	if errors.Is(err, op.ErrUnsupported) {
		c.Values = inputs
		g, err = Lower(m, c)
	}
	if err != nil {
		return len(params), 0, err.Error()
	}
	seen := map[int]bool{}
	for i, o := range g.Outputs() {
		if !o.IsFloat() || !o.Value.Gated {
			continue
		}
		if err := reachFrom(g, i, inputs, seen); err != nil {
			why = err.Error()
		}
	}
	if len(seen) == len(params) {
		why = ""
	} else if why == "" {
		for i, p := range params {
			if !seen[i] {
				why += p.Name + " "
			}
		}
	}
	return len(params), len(seen), why
}

// realParams makes every float weight that can be gated a mixture of itself, twice.
func realParams(m *onnx.Model) (params []ir.Param, affine map[*onnxpb.NodeProto]bool, err error) {
	a, err := graphmatch.Align([]*onnx.Model{m, m}, 0)
	if err != nil {
		return nil, nil, err
	}
	affine = map[*onnxpb.NodeProto]bool{}
	for _, l := range a.Layers {
		for i := range l.Params {
			p := &l.Params[i]
			if !p.Type.IsFloat() || l.Op == "BatchNormalization" && (p.Role == "mean" || p.Role == "var") {
				continue
			}
			if l.Op == "BatchNormalization" {
				for _, s := range p.Uses[0].Sites {
					affine[s.Node] = true
				}
			}
			v, err := a.Floats(p, 0, nil)
			if err != nil {
				return nil, nil, err
			}
			params = append(params,
				ir.Param{Name: l.Name + "." + p.Role, Sites: p.Uses[0].Sites, Shape: p.Shape, Type: p.Type,
					Values: [][]float32{v, v}, Gate: len(params), Axis: -1})
		}
	}
	return params, affine, nil
}

// reachFrom notes the weights that a finite gradient of one output reaches.
func reachFrom(g *Graph, output int, inputs map[string]*op.Tensor, seen map[int]bool) error {
	coeffs := make([][]float64, len(g.lowered.Params))
	for i := range coeffs {
		coeffs[i] = []float64{0.5, 0.5}
	}
	grads, err := outputGradient(g, output, inputs, coeffs)
	for i, f := range grads {
		if !slices.ContainsFunc(f,
			func(v float32) bool { return math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) }) {
			seen[i] = true
		}
	}
	return err
}
