package experts_test

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/gating/internal/runtest"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/gating/routed/experts"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
)

// sampleOf is the shape of one sample of each input; axes that the graph leaves open have a length of six.
func sampleOf(m *onnx.Model) map[string][]int {
	out := map[string][]int{}
	for _, f := range gating.Fields(m) {
		shape := slices.Clone(f.Shape[1:])
		for i, d := range shape {
			if d <= 0 {
				shape[i] = 6
			}
		}
		out[f.Name] = shape
	}
	return out
}

// samples are random inputs of a model, axes that the graph leaves open of a length of six but for the first.
func samples(t *testing.T, m *onnx.Model, batch int) map[string]*network.Tensor {
	t.Helper()
	list := runtest.Samples(t, m, batch)
	for name, shape := range sampleOf(m) {
		in := list[name]
		in.Shape = append([]int{batch}, shape...)
		n := gatetest.Size(in.Shape)
		if in.F != nil {
			in.F = gatetest.Floats32(gatetest.Random(uint64(batch), n))
			continue
		}
		in.I = make([]int64, n)
		for i := range in.I {
			in.I[i] = int64(i * 7 % 16)
			if strings.Contains(name, "mask") {
				in.I[i] = 1
			}
		}
	}
	return list
}

// prototype is any number.
func prototype(model, i int) float64 { return math.Sin(float64(7*model + 3*i)) }

// families are networks of several kinds. Layers that cannot be mixed are left out.
var families = []struct {
	name, except string
	models       int
}{
	{"mlp", "", 3}, {"mlp_matmul", "", 2}, {"cnn", "", 3}, {"cnn_bn", "", 3}, {"resnet", "", 2}, {"families/vit", "", 3},
	{"families/mobilenet", "", 2}, {"families/bert", "", 2}, {"families/lstm", "op:LSTM", 2}, {"families/gpt", "", 2},
	{"families/convnext", "", 2}, {"families/densenet", "", 2}, {"families/keras", "", 2}, {"families/unet", "", 2},
}

// selected aligns models and leaves out layers.
func selected(t *testing.T, models []*onnx.Model, except ...string) *graphmatch.Selection {
	t.Helper()
	a := gatetest.Must(graphmatch.Align(models, 0))(t)
	if len(except) == 1 && except[0] == "" {
		except = nil
	}
	return gatetest.Must(a.Select(nil, except))(t)
}

// TestOneHotGatesAreTheModel: where a sample's gate of one model is 1 the file computes what that model does behind the
// shared layers, in batches of one sample, of one model and of several, by our runner and by ONNX Runtime, as the graph
// is and optimised. With nothing shared that is the model as it was given.
func TestOneHotGatesAreTheModel(t *testing.T) {
	ort := runtest.StartRuntime(t)
	for _, f := range families {
		t.Run(strings.ReplaceAll(f.name, "/", "-"), func(t *testing.T) {
			models := gatetest.Open(t, gatetest.FineTunes(f.name, f.models)...)
			s, sample := selected(t, models, f.except), sampleOf(models[0])
			places := gatetest.Must(experts.Places(s, sample))(t)
			for i, at := range []int{0, len(places) / 2} {
				e := gatetest.Must(experts.At(experts.SE, s, sample, places[at], false, 1, prototype))(t)
				checkOneHot(t, ort, e, models[0])
				if i == 0 && f.except == "" && !slices.ContainsFunc(s.Layers, func(k int) bool { return e.Shared(&s.Alignment.Layers[k]) }) {
					for k, m := range models {
						inputs := samples(t, models[0], 4)
						want := runtest.Evaluate(t, m, inputs)
						if d := runtest.Apart(runtest.Evaluate(t, gatetest.Must(e.Task(k))(t), inputs), want); !(d <= 1e-5*runtest.Largest(want)) {
							t.Errorf("the plain file of model %d is %g apart from the model", k, d)
						}
					}
				}
			}
		})
	}
}

// TestNothingIsExpanded: a runtime that computes what is constant when it loads the file finds nothing that grows, and the
// file holds the shared layers once and the others once for each model.
func TestNothingIsExpanded(t *testing.T) {
	ort := runtest.StartRuntime(t)
	models := gatetest.Open(t, gatetest.FineTunes("resnet", 3)...)
	s := selected(t, models)
	e := gatetest.Must(experts.At(experts.SMEAR, s, sampleOf(models[0]), "stages.2.conv1", false, 1, prototype))(t)
	m := gatetest.Written(t, gatetest.Must(e.All())(t))
	one, want := len(gatetest.Bytes(t, models[0])), 0
	for _, i := range s.Layers {
		if l := &s.Alignment.Layers[i]; e.Routed(l) == e.Shared(l) {
			t.Errorf("%s is mixed %v and shared %v", l.Name, e.Routed(l), e.Shared(l))
		} else if e.Routed(l) {
			for _, p := range l.Params {
				want += 2 * 4 * gatetest.Size(p.Shape)
			}
		}
	}
	if got := len(gatetest.Bytes(t, m)); got < one+want || got > one+want+1500*5 { // five layers, each of some nodes and names
		t.Errorf("%d bytes, want %d and some for nodes", got, one+want)
	}
	if ort == nil {
		return
	}
	q := runtest.Requested(runtest.File(t, m), samples(t, models[0], 1), true)
	q.Save = filepath.Join(t.TempDir(), "optimised.onnx")
	if _, problem := ort.Run(t, q); problem != "" {
		t.Fatal(problem)
	}
	is, was := gatetest.Must(os.Stat(q.Save))(t).Size(), int64(len(gatetest.Bytes(t, m)))
	if is > was*5/4 { // channels in blocks of eight or sixteen
		t.Errorf("%d bytes became %d", was, is)
	}
}

// checkOneHot compares a file whose gates are given with the plain ones of its models.
func checkOneHot(t *testing.T, ort *runtest.Runtime, e *experts.Experts, base *onnx.Model) {
	t.Helper()
	given, input, err := e.Given()
	if err != nil {
		t.Fatal(err)
	}
	m := gatetest.Written(t, given)
	path := runtest.File(t, m)
	models := len(e.Tasks())
	for _, batch := range []int{1, 2 * models} {
		inputs := samples(t, base, batch)
		var want []float32
		plain := make([][]float32, models)
		for k := range plain {
			plain[k] = slices.Clone(runtest.Evaluate(t, gatetest.Written(t, gatetest.Must(e.Task(k))(t)), inputs))
		}
		gates := &network.Tensor{Type: onnx.Float32, Shape: []int{batch, models}, F: make([]float32, batch*models)}
		for b := range batch {
			k := (b + 1) % models
			gates.F[b*models+k] = 1
			size := len(plain[k]) / batch
			want = append(want, plain[k][b*size:(b+1)*size]...)
		}
		inputs[input] = gates
		if d := runtest.Apart(runtest.Evaluate(t, m, inputs), want); !(d <= 1e-5*runtest.Largest(want)) {
			t.Errorf("batch %d: %g apart from the models", batch, d)
		}
		ort.Check(t, path, inputs, want)
	}
}

// TestFilesRun: the file computes the same gates in our runner and in ONNX Runtime, for a sample alone and among others.
func TestFilesRun(t *testing.T) {
	ort := runtest.StartRuntime(t)
	for _, f := range families {
		t.Run(strings.ReplaceAll(f.name, "/", "-"), func(t *testing.T) {
			models := gatetest.Open(t, gatetest.FineTunes(f.name, f.models)...)
			s, sample := selected(t, models, f.except), sampleOf(models[0])
			places := gatetest.Must(experts.Places(s, sample))(t)
			e := gatetest.Must(experts.At(experts.SMEAR, s, sample, places[len(places)/2], false, 1, prototype))(t)
			m := gatetest.Written(t, gatetest.Must(e.All())(t))
			inputs := samples(t, models[0], 5)
			all := slices.Clone(runtest.Evaluate(t, m, inputs))
			ort.Check(t, runtest.File(t, m), inputs, all)
			for b := range 5 {
				one := map[string]*network.Tensor{}
				for name, in := range inputs {
					n := in.Len() / 5
					one[name] = &network.Tensor{Type: in.Type, Shape: append([]int{1}, in.Shape[1:]...)}
					if in.F != nil {
						one[name].F = in.F[b*n : (b+1)*n]
					} else {
						one[name].I = in.I[b*n : (b+1)*n]
					}
				}
				size := len(all) / 5
				if d := runtest.Apart(runtest.Evaluate(t, m, one), all[b*size:(b+1)*size]); !(d <= 1e-5*runtest.Largest(all)) {
					t.Errorf("sample %d alone is %g apart from what it is among others", b, d)
				}
			}
		})
	}
}
