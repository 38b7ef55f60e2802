package search_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/gating/search"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
)

// reordered is a fixture with the classes of its last layer in another order: its class i is class order[i].
func reordered(t *testing.T, m *onnx.Model, order []int) *onnx.Model {
	t.Helper()
	var changes []onnx.Edit
	for _, tensor := range m.Proto().GetGraph().GetInitializer() {
		if tensor.GetDims()[0] != int64(len(order)) {
			continue
		}
		old := gatetest.Must(m.Tensor(tensor).Doubles(nil))(t)
		width := len(old) / len(order)
		var values []float64
		for _, c := range order {
			values = append(values, old[c*width:(c+1)*width]...)
		}
		changes = append(changes, onnx.SetValues(tensor, func() ([]float64, error) { return values, nil }))
	}
	if len(changes) != 2 {
		t.Fatalf("%d tensors of %d classes, want weight and bias", len(changes), len(order))
	}
	return gatetest.Must(m.With(changes...))(t)
}

// swapped has classes 3 and 7 in each other's place.
var swapped = []int{0, 1, 2, 7, 4, 5, 6, 3, 8, 9}

// TestParentOfAnotherOrderOfClasses: a parent whose classes are in another order is named with what it takes for
// what, be it the base or not, and whether two classes have moved or all; it is not the labels' fault. A model that
// knows too few of the classes for its answers to show it is found by its weights.
func TestParentOfAnotherOrderOfClasses(t *testing.T) {
	for name, c := range map[string]struct {
		order   []int
		at      []int // which parents
		family  string
		parents int
		want    string
	}{
		"two classes of one in three": {swapped, []int{2}, "mlp", 3, "ft2.onnx has 2 classes in another order"},
		"two classes of two in three": {swapped, []int{1, 2}, "cnn_bn", 3, "most samples of 3 as 7, 7 as 3"},
		"all of the base's": {[]int{9, 8, 7, 6, 5, 4, 3, 2, 1, 0}, []int{0}, "mlp", 2,
			"samples of 0 as 9, 2 as 7"},
		"a cycle of three, one in two": {[]int{1, 2, 0, 3, 4, 5, 6, 7, 8, 9}, []int{1}, "cnn_bn", 2,
			`ft1.onnx has 3 outputs of layer "fc" in another order than the base: by their weights, the base's 0 is its 2`},
	} {
		t.Run(name, func(t *testing.T) {
			models := gatetest.Open(t, gatetest.FineTunes(c.family, c.parents)...)
			for _, j := range c.at {
				models[j] = reordered(t, models[j], c.order)
			}
			s := gatetest.Select(t, models)
			d := gatetest.Data(t, "val.npz", gating.Fields(models[0]))
			o := search.Options{Learn: gating.LearnOptions{MaxSteps: 2}}
			_, err := search.Merge(t.Context(), s, d, o)
			if !errors.Is(err, graphmatch.ErrAlign) || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %q", err, c.want)
			}
			o.Anyway = true
			r := gatetest.Must(search.Merge(t.Context(), s, d, o))(t)
			if !slices.ContainsFunc(r.Warnings.Texts(), func(w string) bool { return strings.Contains(w, c.want) }) {
				t.Errorf("with --anyway: warnings %q", r.Warnings.Texts())
			}
		})
	}
}

// TestOrderOfClassesWithoutData: the weights show it, of every family whose last layer has a row a class.
func TestOrderOfClassesWithoutData(t *testing.T) {
	for _, family := range []string{"mlp", "cnn_bn", "resnet", "mlp_matmul", "families/vit", "families/mobilenet"} {
		models := gatetest.Open(t, gatetest.FineTunes(family, 2)...)
		if _, err := search.Average(t.Context(), gatetest.Select(t, models), search.Options{}); err != nil {
			t.Errorf("%s as it is: %v", family, err)
		}
		if family == "mlp_matmul" { // columns are classes: not what reordered moves
			continue
		}
		models[1] = reordered(t, models[1], swapped)
		_, err := search.Average(t.Context(), gatetest.Select(t, models), search.Options{})
		if !errors.Is(err, graphmatch.ErrAlign) || !strings.Contains(err.Error(), "the base's 3 is its 7, 7 is its 3") {
			t.Errorf("%s: got %v", family, err)
		}
	}
}
