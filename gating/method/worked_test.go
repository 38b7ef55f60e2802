package method_test

import (
	"math"
	"testing"

	"github.com/softmerge/softmerge/gating/method"
)

// TestWorkedCases are merges worked out by hand. Task vectors are what is given less the start.
func TestWorkedCases(t *testing.T) {
	root := math.Sqrt2 / 2
	for _, c := range []struct {
		why    string
		method string
		params map[string]float64
		rows   int
		depth  float64
		start  []float64
		models [][]float64
		want   []float64
	}{
		{"the mean", "linear", nil, 0, 0, nil, [][]float64{{1, 2}, {3, 6}}, []float64{2, 4}},
		{"half a right angle from either", "slerp", nil, 0, 0, nil, [][]float64{{1, 0}, {0, 1}}, []float64{root, root}},
		{"parallel vectors lie on a line", "slerp", nil, 0, 0, nil, [][]float64{{1, 0}, {3, 0}}, []float64{2, 0}},
		{"so do opposite ones", "slerp", nil, 0, 0, nil, [][]float64{{1, 0}, {-3, 0}}, []float64{-1, 0}},
		{"and nothing has no direction", "slerp", nil, 0, 0, nil, [][]float64{{0, 0}, {3, 2}}, []float64{1.5, 1}},
		{"task vectors (1, 0) and (0, 1)", "nuslerp", nil, 0, 0, []float64{5, 5}, [][]float64{{6, 5}, {5, 6}},
			[]float64{5 + root, 5 + root}},
		{"without a start the models", "nuslerp", nil, 0, 0, nil, [][]float64{{1, 0}, {0, 1}}, []float64{root, root}},
		{"rows: the first turns, the second is parallel", "nuslerp", map[string]float64{"rows": 1}, 2, 0, nil,
			[][]float64{{1, 0, 2, 0}, {0, 1, 4, 0}}, []float64{root, root, 3, 0}},
		{"the middle of three directions, 60 degrees apart each, with norm 2", "karcher", nil, 0, 0, nil,
			[][]float64{{1, 0}, {1, math.Sqrt(3)}, {-1.5, 1.5 * math.Sqrt(3)}}, []float64{1, math.Sqrt(3)}},
		{"opposite directions have no middle", "karcher", nil, 0, 0, nil, [][]float64{{1, 0}, {-3, 0}},
			[]float64{-1, 0}},
		{"the sum of (1, 0) and (1, 2), halved", "task_arithmetic", map[string]float64{"lambda": 0.5}, 0, 0,
			[]float64{1, 1}, [][]float64{{2, 1}, {2, 3}}, []float64{2, 2}},
		{"trimmed to (4, -3, 0, 0) and (-2, 0, 0, 5): signs +, -, none, +", "ties",
			map[string]float64{"density": 0.5}, 0, 0, []float64{0, 0, 0, 0},
			[][]float64{{4, -3, 1, 0}, {-2, 1, 0, 5}}, []float64{4, -3, 0, 5}},
		{"a sum of nothing elects no sign", "ties", map[string]float64{"density": 1}, 0, 0, []float64{7},
			[][]float64{{9}, {5}}, []float64{7}},
		{"cosine 0.6, so t = 1.2/1.6 = 3/4 of the way to the mean (0.8, 0.4)", "model_stock", nil, 0, 0,
			[]float64{0, 0}, [][]float64{{1, 0}, {0.6, 0.8}}, []float64{0.6, 0.3}},
		{"right angles: the start", "model_stock", nil, 0, 0, []float64{3, 3}, [][]float64{{4, 3}, {3, 5}},
			[]float64{3, 3}},
		{"variances 4, 0, 2.25: half of the two that vary stays", "sce", map[string]float64{"density": 0.5}, 0, 0,
			[]float64{0, 0, 0}, [][]float64{{3, 1, 1}, {-1, 1, -2}}, []float64{3, 0, 0}},
		{"squares 26, 6 and 2; signs +, -: (26*5 + 2*1)/28, and (6*2 + 2*1)/8 though the first's energy is most", "sce",
			map[string]float64{"density": 1}, 0, 0, []float64{0, 0},
			[][]float64{{5, 1}, {-math.Sqrt2, -2}, {1, -1}}, []float64{33.0 / 7, -1.75}},
		{"factor 0.1 + 0.6/2 of the sum 5", "lines", map[string]float64{"alpha": 0.1, "beta": 0.6}, 0, 0.5,
			[]float64{1}, [][]float64{{3}, {4}}, []float64{3}},
		{"of (1, 4, 1) and (1, 0, -2) the first is needed by both, the second by one, the third by both", "consensus",
			map[string]float64{"lambda": 1, "mask": 0.4}, 0, 0, []float64{0, 0, 0},
			[][]float64{{1, 4, 1}, {1, 0, -2}}, []float64{2, 0, -1}},
		{"diag(6, 2) becomes diag(4, 4)", "iso_c", nil, 2, 0, []float64{0, 0, 0, 0},
			[][]float64{{4, 0, 0, 0}, {2, 0, 0, 2}}, []float64{4, 0, 0, 4}},
		{"what is no matrix is averaged", "iso_c", nil, 0, 0, []float64{0, 0}, [][]float64{{4, 0}, {2, 2}},
			[]float64{3, 1}},
		{"a direction of nothing stays nothing", "iso_c", nil, 2, 0, []float64{0, 0, 0, 0},
			[][]float64{{4, 0, 0, 0}, {2, 0, 0, 0}}, []float64{6, 0, 0, 0}},
		{"the leading vector of each is at a right angle to the other's", "tsv_m", nil, 2, 0, []float64{0, 0, 0, 0},
			[][]float64{{4, 0, 0, 1}, {1, 0, 0, 3}}, []float64{4, 0, 0, 3}},
		{"the same vector twice: nothing else is near", "tsv_m", nil, 1, 0, []float64{0, 0}, [][]float64{{4, 0}},
			[]float64{4, 0}},
	} {
		weights := make([]float64, len(c.models))
		for j := range weights {
			weights[j] = 1 / float64(len(weights))
		}
		got, err := merge(t, c.method, c.params).Tensor(&method.Tensor{Name: "w", Rows: c.rows, Depth: c.depth,
			Start: c.start, Models: c.models, Weights: weights})
		if err != nil || !(apart(got, c.want) <= 1e-12) {
			t.Errorf("%s: %s: got %v, %v, want %v", c.method, c.why, got, err, c.want)
		}
	}
}
