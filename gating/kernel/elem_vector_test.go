package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestVectorsAgainstReference(t *testing.T) {
	two, five := NewWorkers(2), NewWorkers(5)
	defer two.Close()
	defer five.Close()
	eachSet(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(37, 3))
		for _, n := range []int{0, 1, 63, 64, 65, 4095, 4160, 70000, 300001} {
			for _, parents := range []int{0, 1, 3} {
				testVectors(t, r, n, parents, two, five)
			}
		}
	})
}

// vectorCase is what the sums of long vectors are tested with.
type vectorCase struct {
	dw, coefs []float32
	ws        [][]float32
}

func drawVectors(r *rand.Rand, n, parents int) *vectorCase {
	c := &vectorCase{dw: randoms(r, n), coefs: randoms(r, parents)}
	for range parents {
		c.ws = append(c.ws, randoms(r, n))
	}
	return c
}

// mixed is the definition of Mix, with the sum of absolute terms.
func (c *vectorCase) mixed() (want, scale []float64) {
	want, scale = make([]float64, len(c.dw)), make([]float64, len(c.dw))
	for j, coef := range c.coefs {
		for i, v := range c.ws[j] {
			p := float64(coef) * float64(v)
			want[i], scale[i] = want[i]+p, scale[i]+math.Abs(p)
		}
	}
	return want, scale
}

func testVectors(t *testing.T, r *rand.Rand, n, parents int, two, five *Workers) {
	t.Helper()
	c := drawVectors(r, n, parents)
	got, again := newGuarded(r, n), make([]float32, n)
	Mix(two, got.slice(), c.coefs, c.ws)
	Mix(five, again, c.coefs, c.ws)
	got.check(t, "Mix")
	want, scale := c.mixed()
	compare(t, "Mix", got.slice(), want, scale)
	if !equalBits(got.slice(), again) {
		t.Fatalf("n %d: Mix depends on the number of threads", n)
	}
	out, outAgain := slices.Repeat([]float64{math.NaN()}, parents), make([]float64, parents)
	Dots(two, out, c.dw, c.ws)
	Dots(five, outAgain, c.dw, c.ws)
	for j := range out {
		want, size := innerProduct(c.dw, c.ws[j])
		if math.Abs(out[j]-want) > 1e-6*size || out[j] != outAgain[j] {
			t.Fatalf("n %d: dot %d is %v and %v, want %v", n, j, out[j], outAgain[j], want)
		}
		if d := float64(Dot(two, c.dw, c.ws[j])); math.Abs(d-want) > 1e-6*size {
			t.Fatalf("n %d: Dot is %v, want %v", n, d, want)
		}
		testAxpy(t, two, c.dw, c.ws[j], c.coefs[j])
	}
}

func testAxpy(t *testing.T, w *Workers, y, x []float32, alpha float32) {
	t.Helper()
	want, scale := make([]float64, len(y)), make([]float64, len(y))
	for i, v := range y {
		p := float64(alpha) * float64(x[i])
		want[i], scale[i] = float64(v)+p, math.Abs(float64(v))+math.Abs(p)
	}
	got := append([]float32{}, y...)
	Axpy(w, got, x, alpha)
	compare(t, "Axpy", got, want, scale)
}

// TestVectorTails computes every length around the blocks.
func TestVectorTails(t *testing.T) {
	eachSet(t, func(t *testing.T) {
		r := newRand(51)
		for n := range 200 {
			testVectors(t, r, n, 2, nil, nil)
		}
	})
}

// TestMixAndDotsAreAdjoint checks <dw, Mix(coefs)> against <Dots(dw), coefs>: the gradient of a mixture's coefficients.
func TestMixAndDotsAreAdjoint(t *testing.T) {
	eachSet(t, func(t *testing.T) {
		r := newRand(52)
		for _, n := range []int{1, 63, 1000, 70001} {
			c := drawVectors(r, n, 3)
			mixed, dots := make([]float32, n), make([]float64, 3)
			Mix(nil, mixed, c.coefs, c.ws)
			Dots(nil, dots, c.dw, c.ws)
			slopes := []float32{float32(dots[0]), float32(dots[1]), float32(dots[2])}
			checkAdjoint(t, "Mix", c.dw, mixed, slopes, c.coefs)
		}
	})
}

// TestMixInPlace mixes into the memory of a parent, as a running average does.
func TestMixInPlace(t *testing.T) {
	eachSet(t, func(t *testing.T) {
		r := newRand(53)
		for _, n := range []int{1, 64, 100, 5000} {
			c := drawVectors(r, n, 3)
			want := make([]float32, n)
			Mix(nil, want, c.coefs, c.ws)
			if Mix(nil, c.ws[1], c.coefs, c.ws); !equalBits(c.ws[1], want) {
				t.Errorf("%d elements: other bits over a parent than in new memory", n)
			}
		}
	})
}

// TestMixOfSpecials checks that a coefficient of 0 does not hide NaN or Inf: such parents must be left out before.
func TestMixOfSpecials(t *testing.T) {
	eachSet(t, func(t *testing.T) {
		for _, n := range []int{1, 64, 70} {
			good, bad := make([]float32, n), make([]float32, n)
			for i := range bad {
				good[i], bad[i] = 1, []float32{nan32, inf32}[i%2]
			}
			dst := make([]float32, n)
			Mix(nil, dst, []float32{1, 0}, [][]float32{good, bad})
			if countNaN(dst) != n {
				t.Errorf("%d elements: 0·NaN and 0·Inf give %v", n, dst)
			}
		}
	})
}

func TestVectorBitsDoNotDependOnRegisters(t *testing.T) {
	before := simd
	defer func() { simd = before }()
	r := rand.New(rand.NewPCG(41, 3))
	x, y := randoms(r, 10007), randoms(r, 10007)
	var sums, dots []float64
	for _, set := range available() {
		if simd = set; set != generic {
			var out [1]float64
			Dots(nil, out[:], x, [][]float32{y})
			sums, dots = append(sums, sum(x)), append(dots, out[0])
		}
	}
	for i := range sums {
		if sums[i] != sums[0] || dots[i] != dots[0] {
			t.Fatalf("sums %v and dots %v differ", sums, dots)
		}
	}
}

func TestShortSlicesPanicBeforeAssemblyReadsThem(t *testing.T) {
	short, long := make([]float32, 99), make([]float32, 100)
	for name, call := range map[string]func(){
		"Axpy": func() { Axpy(nil, long, short, 1) },
		"Mix":  func() { Mix(nil, long, []float32{1}, [][]float32{short}) },
		"Dots": func() { Dots(nil, make([]float64, 1), long, [][]float32{short}) },
		"Gemm": func() {
			Gemm(nil, NewMatrix(long, 10, 10, 10), NewMatrix(short, 10, 10, 10), NewMatrix(long, 10, 10, 10), 1, 0)
		},
		"Permute": func() { Permute(nil, short, long, []int{10, 10}, []int{1, 0}) },
		"Conv":    func() { square(1, 1, 1, 1, 10, 3, 1).Forward(nil, short, long, long, nil) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s accepts a slice that is too short", name)
				}
			}()
			call()
		}()
	}
}

func BenchmarkMix(b *testing.B) {
	w := NewWorkers(0)
	defer w.Close()
	const n = 11 << 20
	dst, ws := make([]float32, n), [][]float32{make([]float32, n), make([]float32, n), make([]float32, n)}
	b.Run("mix", func(b *testing.B) {
		b.SetBytes(4 * 4 * n)
		for b.Loop() {
			Mix(w, dst, []float32{0.2, 0.3, 0.5}, ws)
		}
	})
	b.Run("dots", func(b *testing.B) {
		b.SetBytes(4 * 4 * n)
		for b.Loop() {
			Dots(w, make([]float64, 3), dst, ws)
		}
	})
}
