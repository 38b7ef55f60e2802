package method_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/softmerge/softmerge/gating/method"
)

// drawn is a matrix of several models that were moved from one start, each its own way and all together.
func drawn(r *rand.Rand, rows, columns, models int) *method.Tensor {
	t := &method.Tensor{Name: "w", Rows: rows, Depth: r.Float64(), Start: normals(r, rows*columns), Seed: r.Uint64()}
	shared := normals(r, rows*columns)
	for range models {
		own := normals(r, rows*columns)
		for i := range own {
			own[i] = t.Start[i] + 0.1*shared[i] + 0.1*own[i]
		}
		t.Models, t.Weights = append(t.Models, own), append(t.Weights, 1/float64(models))
	}
	return t
}

func normals(r *rand.Rand, n int) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = r.NormFloat64()
	}
	return v
}

// tensor merges, and fails the test where that is an error.
func tensor(t *testing.T, m *method.Merge, of *method.Tensor) []float64 {
	t.Helper()
	out, err := m.Tensor(of)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestIdenticalModels: of models that are all the same the merge is that model, where the start is their mean; and the
// inputs are left as they were.
func TestIdenticalModels(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, m := range method.All() {
		of := drawn(r, 3, 5, 3)
		of.Start, of.Models[1], of.Models[2] = nil, of.Models[0], of.Models[0]
		before := slices.Clone(of.Models[0])
		if got := tensor(t, merge(t, m.Name, nil), of); !(apart(got, before) <= 1e-12) {
			t.Errorf("%s: three models that are the same give another one", m.Name)
		}
		if !slices.Equal(of.Models[0], before) {
			t.Errorf("%s changes what it was given", m.Name)
		}
	}
}

// TestModelsThatDidNotMove: where every model is the start, so is the merge, by every method with any shape.
func TestModelsThatDidNotMove(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, m := range method.All() {
		for _, shape := range [][2]int{{1, 1}, {4, 2}, {2, 9}, {0, 0}} {
			of := drawn(r, max(1, shape[0]), max(1, shape[1]), 2)
			of.Rows = shape[0]
			of.Models = [][]float64{of.Start, slices.Clone(of.Start)}
			if got := tensor(t, merge(t, m.Name, nil), of); !(apart(got, of.Start) <= 1e-12) {
				t.Errorf("%s of shape %v: models at the start give another one", m.Name, shape)
			}
		}
	}
}

// TestSumsFromTheMean: methods that say that they look at the sum of task vectors alone give the mean from the mean,
// and no other method with task vectors does.
func TestSumsFromTheMean(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, m := range method.All() {
		of := drawn(r, 4, 4, 3)
		of.Start, of.Weights = nil, []float64{0.5, 0.2, 0.3}
		mean := tensor(t, merge(t, "linear", nil), of)
		same := apart(tensor(t, merge(t, m.Name, nil), of), mean) <= 1e-12
		if same != (m.Sums || m.Name == "linear") {
			t.Errorf("%s gives the mean from the mean: %v, and says %v", m.Name, same, m.Sums)
		}
	}
}

// TestOrderOfModels: which model is named first makes no difference, but to slerp, which says so, and to what is drawn.
func TestOrderOfModels(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for _, m := range method.All() {
		of := drawn(r, 4, 6, 3)
		of.Weights = []float64{0.5, 0.2, 0.3}
		turned := *of
		turned.Models = [][]float64{of.Models[2], of.Models[0], of.Models[1]}
		turned.Weights = []float64{0.3, 0.5, 0.2}
		a, b := tensor(t, merge(t, m.Name, nil), of), tensor(t, merge(t, m.Name, nil), &turned)
		one := m.Name == "slerp" || m.Name == "nuslerp" || m.Name == "dare_linear" || m.Name == "dare_ties"
		if same := apart(a, b) <= 1e-9; same == one {
			t.Errorf("%s: the order of the models makes no difference: %v", m.Name, same)
		}
	}
}

// TestTIESWithoutTrimmingOrConflict is task arithmetic by the mean of the task vectors.
func TestTIESWithoutTrimmingOrConflict(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	of := drawn(r, 4, 6, 3)
	for _, v := range of.Models {
		for i := range v {
			v[i] = of.Start[i] + math.Copysign(v[i]-of.Start[i], of.Start[i])
		}
	}
	got := tensor(t, merge(t, "ties", map[string]float64{"density": 1}), of)
	want := tensor(t, merge(t, "task_arithmetic", map[string]float64{"lambda": 1.0 / 3}), of)
	if d := apart(got, want); !(d <= 1e-12) {
		t.Errorf("off by %g", d)
	}
}

// TestArcsKeepTheNorm: interpolation on the sphere stays there.
func TestArcsKeepTheNorm(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	for range 20 {
		of := drawn(r, 3, 7, 2)
		share := r.Float64()
		of.Start, of.Weights = nil, []float64{1 - share, share}
		for _, v := range of.Models {
			n := length(v)
			for i := range v {
				v[i] *= 5 / n
			}
		}
		for _, name := range []string{"slerp", "nuslerp", "karcher"} {
			got := tensor(t, merge(t, name, nil), of)
			if n := length(got); math.Abs(n-5) > 1e-9 {
				t.Errorf("%s: norm %v, want 5", name, n)
			}
		}
		// of two models the mean direction is on the arc
		if d := apart(tensor(t, merge(t, "karcher", nil), of), tensor(t, merge(t, "nuslerp", nil), of)); !(d <= 1e-9) {
			t.Errorf("karcher of two models is off the arc by %g", d)
		}
	}
}

func length(v []float64) (n float64) {
	for _, x := range v {
		n = math.Hypot(n, x)
	}
	return n
}

// TestDAREExpectation: the mean over many seeds is task arithmetic, within five standard errors; a share of the values is
// the start's; another name draws anew, the same seed the same.
func TestDAREExpectation(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	of := drawn(r, 2, 3, 1)
	const density, seeds = 0.3, 20000
	m := merge(t, "dare_linear", map[string]float64{"density": density, "lambda": 1})
	mean, kept := make([]float64, 6), 0
	for seed := range uint64(seeds) {
		of.Seed = seed
		for i, v := range tensor(t, m, of) {
			mean[i] += v / seeds
			if v != of.Start[i] {
				kept++
			}
		}
	}
	for i, v := range mean {
		tau := math.Abs(of.Models[0][i] - of.Start[i])
		if most := 5 * tau * math.Sqrt((1-density)/density/seeds); math.Abs(v-of.Models[0][i]) > most {
			t.Errorf("value %d: %v on the mean, want %v within %g", i, v, of.Models[0][i], most)
		}
	}
	if share := float64(kept) / (6 * seeds); math.Abs(share-density) > 0.01 {
		t.Errorf("%v of the values are kept, want %v", share, density)
	}
	a := tensor(t, m, of)
	if !slices.Equal(a, tensor(t, m, of)) {
		t.Error("the same seed draws otherwise")
	}
	big := drawn(r, 20, 20, 1)
	x := tensor(t, m, big)
	big.Name = "v"
	if slices.Equal(x, tensor(t, m, big)) {
		t.Error("tensors of other names draw alike")
	}
}

// TestIsoCIsIsotropic: all singular values of what is added are the mean of those of the sum.
func TestIsoCIsIsotropic(t *testing.T) {
	r := rand.New(rand.NewPCG(15, 16))
	for _, shape := range [][2]int{{5, 5}, {3, 8}, {8, 3}} {
		of := drawn(r, shape[0], shape[1], 3)
		sum := added(tensor(t, merge(t, "task_arithmetic", map[string]float64{"lambda": 1}), of), of)
		s := singular(sum, of.Rows)
		var mean float64
		for _, v := range s {
			mean += v / float64(len(s))
		}
		for _, v := range singular(added(tensor(t, merge(t, "iso_c", nil), of), of), of.Rows) {
			if math.Abs(v-mean) > 1e-9 {
				t.Errorf("shape %v: a singular value of %v, want %v", shape, v, mean)
			}
		}
	}
}

// TestTSVMIsOrthogonal: after whitening the vectors of all tasks are orthonormal, so that the singular values of what is
// added are those that the tasks kept.
func TestTSVMIsOrthogonal(t *testing.T) {
	r := rand.New(rand.NewPCG(17, 18))
	of := drawn(r, 9, 7, 3)
	var want []float64
	for _, v := range of.Models {
		want = append(want, singular(added(v, of), 9)[:2]...)
	}
	slices.Sort(want)
	slices.Reverse(want)
	got := singular(added(tensor(t, merge(t, "tsv_m", nil), of), of), 9)
	if d := apart(got[:6], want); !(d <= 1e-9) || got[6] > 1e-9 {
		t.Errorf("singular values %v, want %v", got, want)
	}
}

// added is what a merge adds to the start.
func added(v []float64, of *method.Tensor) []float64 {
	out := make([]float64, len(v))
	for i := range v {
		out[i] = v[i] - of.Start[i]
	}
	return out
}

// singular are the singular values, the largest first.
func singular(v []float64, rows int) []float64 {
	var svd mat.SVD
	svd.Factorize(mat.NewDense(rows, len(v)/rows, v), mat.SVDNone)
	return svd.Values(nil)
}

// disturbance is WUDI's objective as the paper writes it.
func disturbance(tau []float64, of *method.Tensor) (sum float64) {
	rows := of.Rows
	width := len(tau) / rows
	for _, m := range of.Models {
		own := added(m, of)
		var across, square float64
		for i := range rows {
			for k := range rows {
				var product float64
				for c := range width {
					product += (tau[i*width+c] - own[i*width+c]) * own[k*width+c]
				}
				across += product * product
			}
		}
		for _, v := range own {
			square += v * v
		}
		sum += across / square
	}
	return sum
}

// TestWUDIDisturbsLess: the more steps, the less the tasks are disturbed, and less than by the average and the sum, in
// both of the ways to compute the gradient.
func TestWUDIDisturbsLess(t *testing.T) {
	r := rand.New(rand.NewPCG(19, 20))
	for _, shape := range [][2]int{{6, 5}, {2, 20}} {
		of := drawn(r, shape[0], shape[1], 3)
		last := math.Inf(1)
		for _, steps := range []float64{1, 50, 300, 3000} {
			m := merge(t, "wudi", map[string]float64{"steps": steps})
			d := disturbance(added(tensor(t, m, of), of), of)
			if d >= last {
				t.Errorf("shape %v: %v steps disturb by %v, fewer by %v", shape, steps, d, last)
			}
			last = d
		}
		for _, name := range []string{"linear", "task_arithmetic"} {
			if d := disturbance(added(tensor(t, merge(t, name, nil), of), of), of); d <= last {
				t.Errorf("shape %v: %s disturbs by %v, the minimum by %v", shape, name, d, last)
			}
		}
	}
}

// TestRefused: names that are none, numbers out of range and values that do not fit are errors, and the nearest name is
// said.
func TestRefused(t *testing.T) {
	for _, c := range []struct {
		name   string
		params map[string]float64
		says   string
	}{
		{"tees", nil, `there is no method "tees"`},
		{"ties", map[string]float64{"densty": 1}, `ties has no parameter "densty": want density, lambda`},
		{"ties", map[string]float64{"density": 0}, "density of ties is 0: want a number above 0 and at most 1"},
		{"ties", map[string]float64{"density": math.NaN()}, "density of ties is NaN"},
		{"wudi", map[string]float64{"steps": 2.5}, "want a whole number of at least 1"},
		{"linear", map[string]float64{"x": 1}, `linear has no parameter "x": it has none`},
	} {
		m, err := method.Named(c.name)
		if err == nil {
			_, err = m.With(c.params)
		}
		checkError(t, err, c.says)
	}
	bad := func(change func(*method.Tensor)) error {
		of := &method.Tensor{Name: "w", Models: [][]float64{{1, 2}, {3, 4}}, Weights: []float64{0.5, 0.5}}
		change(of)
		_, err := merge(t, "linear", nil).Tensor(of)
		return err
	}
	checkError(t, bad(func(of *method.Tensor) { of.Models[1] = nil }), "w: 0 values, want 2")
	checkError(t, bad(func(of *method.Tensor) { of.Start = []float64{1} }), "w: 2 values, want 1 as at the start")
	checkError(t, bad(func(of *method.Tensor) { of.Weights = nil }), "2 models with 0 weights")
	checkError(t, bad(func(of *method.Tensor) { of.Rows = 3 }), "2 values are no matrix of 3 rows")
	checkError(t, bad(func(of *method.Tensor) { of.Models[0][0] = math.NaN() }), "no finite numbers")
}

func checkError(t *testing.T, err error, says string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), says) {
		t.Errorf("got %v, want it to say %q", err, says)
	}
}

// FuzzMerge: whatever the numbers, a merge is finite values of the right length or an error.
func FuzzMerge(f *testing.F) {
	f.Add(uint8(0), uint8(2), uint64(1), 1.0, 0.0)
	f.Add(uint8(12), uint8(3), uint64(2), 1e200, 1.0)
	f.Add(uint8(14), uint8(1), uint64(3), 1e-300, -1.0)
	for which := range method.All() {
		f.Add(uint8(which), uint8(2), uint64(4), 1.5e308, 0.0)
		f.Add(uint8(which), uint8(3), uint64(5), math.NaN(), 0.0)
	}
	f.Fuzz(func(t *testing.T, which, models uint8, seed uint64, scale, start float64) {
		list := method.All()
		m := merge(t, list[int(which)%len(list)].Name, nil)
		r := rand.New(rand.NewPCG(seed, 0))
		of := drawn(r, 1+r.IntN(4), 1+r.IntN(4), 1+int(models%4))
		for _, v := range append(of.Models, of.Start) {
			for i := range v {
				v[i] = scale*v[i] + start
				if r.IntN(4) == 0 {
					v[i] = 0
				}
			}
		}
		got, err := m.Tensor(of)
		if err != nil {
			return
		}
		if len(got) != len(of.Start) {
			t.Fatalf("%s: %d values", m.Method().Name, len(got))
		}
		for _, v := range got {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				t.Fatalf("%s: %v", m.Method().Name, got)
			}
		}
	})
}

// TestEveryMethodIsDescribed: a name that is unique, what it does, where it is from; parameters with a range that has
// the default in it.
func TestEveryMethodIsDescribed(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range method.All() {
		if seen[m.Name] || m.Name == "" || m.Does == "" || m.Paper == "" {
			t.Errorf("%+v", m)
		}
		seen[m.Name] = true
		defaults, err := m.With(nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.With(defaults.Params()); err != nil {
			t.Error(fmt.Errorf("%s with its defaults: %w", m.Name, err))
		}
	}
}
