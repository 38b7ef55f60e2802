package gating

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/gating/internal/gatetest"
)

// goldenCase is PyTorch's answer for gates at given log a and noise: fixtures/README.md, "Golden answers".
type goldenCase struct {
	Models      []string
	Data        string
	Samples     int
	Granularity Granularity
	Combine     Combine
	Layers      []struct{ Tensors [][]string }
	Noise       []jsonRows
	LogAlpha    []jsonRows `json:"log_alpha"`
	Loss, L0    float64
	Gradient    []jsonRows
	L0Gradient  []jsonRows `json:"l0_gradient"`
}

// jsonRows is one layer's numbers, parent by parent: one a parent, or a list of channels a parent.
type jsonRows []float64

func (r *jsonRows) UnmarshalJSON(data []byte) error {
	if json.Unmarshal(data, (*[]float64)(r)) == nil {
		return nil
	}
	var rows [][]float64
	err := json.Unmarshal(data, &rows)
	*r = slices.Concat(rows...)
	return err
}

// TestGradientsEqualPyTorch compares the gradient of the loss with respect to
// log a, through the whole program, with PyTorch's in float64.
func TestGradientsEqualPyTorch(t *testing.T) {
	files, err := filepath.Glob(gatetest.Path(t, "golden", "gates", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden gates: %v", err)
	}
	families, err := filepath.Glob(gatetest.Path(t, "golden", "gates", "families", "*.json"))
	if err != nil || len(families) == 0 {
		t.Fatalf("no golden gates of other families: %v", err)
	}
	files = append(files, families...)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var c goldenCase
			if err := json.Unmarshal(data, &c); err != nil {
				t.Fatal(err)
			}
			checkGolden(t, c)
		})
	}
}

func checkGolden(t *testing.T, c goldenCase) {
	models := gatetest.Open(t, c.Models...)
	d := gatetest.Data(t, c.Data, Fields(models[0])).Head(c.Samples)
	o := ObjectiveOptions{Loss: "cross_entropy", Metric: "accuracy"}
	e := onThreads(t, d, gatetest.Must(FitObjective(models[0], d, o))(t), c.Samples, 2)
	p := planOf(t, models, c.Granularity)
	order := goldenOrder(t, p, c)
	cost, grads := oneStep(t, p, e, c, order)
	if math.Abs(cost-c.Loss) > 1e-5*math.Abs(c.Loss) {
		t.Errorf("loss %.9g, PyTorch has %.9g", cost, c.Loss)
	}
	var diff, scale float64
	for g, want := range order {
		for i, v := range c.Gradient[want] {
			diff = math.Max(diff, math.Abs(float64(grads[g][i])-v))
			scale = math.Max(scale, math.Abs(v))
		}
	}
	t.Logf("largest difference %.3g of the largest gradient", diff/scale)
	if diff > 1e-4*scale {
		t.Errorf("a gradient differs by %.3g, %.3g of the largest", diff, diff/scale)
	}
}

// goldenOrder finds for each group of the plan the golden layer that owns the same tensors.
func goldenOrder(t *testing.T, p *Plan, c goldenCase) []int {
	t.Helper()
	order := make([]int, len(p.groups))
	for _, l := range p.layers {
		found := -1
		for i, g := range c.Layers {
			if slices.Contains(g.Tensors[0], l.layer.Params[0].Uses[0].Name) {
				found = i
			}
		}
		if found < 0 {
			t.Fatalf("layer %s has no golden layer", l.layer.Name)
		}
		order[l.groups[0]] = found
	}
	if len(p.layers) != len(c.Layers) {
		t.Fatalf("%d layers, PyTorch has %d", len(p.layers), len(c.Layers))
	}
	return order
}

// oneStep runs the program once with the golden noise and returns the loss and the gradients.
func oneStep(t *testing.T, p *Plan, e *Evaluator, c goldenCase, order []int) (float64, [][]float32) {
	t.Helper()
	start := LogAlpha{numbersOf(p)}
	for _, i := range order {
		start.groups = append(start.groups, c.LogAlpha[i])
	}
	o := LearnOptions{BatchSize: c.Samples, Rate: 0.1, L0: new(0.0), Combine: c.Combine}
	tr := gatetest.Must(newTrainer(p, e, start, o))(t)
	defer tr.close()
	for g, i := range order {
		copy(tr.gates[g].noise, c.Noise[i])
	}
	return gatetest.Must(tr.gradient(upTo(c.Samples), 1))(t), tr.learned[0].sums
}

// TestPenaltyEqualsPyTorch compares the l0 term and its gradient.
func TestPenaltyEqualsPyTorch(t *testing.T) {
	for _, file := range []string{"mlp.layer.json", "cnn_bn.channel.json", "resnet.layer.json"} {
		data, err := os.ReadFile(gatetest.Path(t, "golden", "gates", file))
		if err != nil {
			t.Fatal(err)
		}
		var c goldenCase
		if err := json.Unmarshal(data, &c); err != nil {
			t.Fatal(err)
		}
		var sum float64
		n := 0
		for _, layer := range c.LogAlpha {
			for _, a := range layer {
				sum += OpenProbability(a)
				n++
			}
		}
		if got := sum / float64(n); math.Abs(got-c.L0) > 1e-9 {
			t.Errorf("%s: l0 term %.12g, PyTorch has %.12g", file, got, c.L0)
		}
	}
}
