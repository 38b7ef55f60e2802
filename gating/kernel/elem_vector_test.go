package kernel

import (
	"math"
	"math/rand/v2"
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

func testVectors(t *testing.T, r *rand.Rand, n, parents int, two, five *Workers) {
	t.Helper()
	dw, coefs := randoms(r, n), randoms(r, parents)
	var ws [][]float32
	mixed, mixedScale := make([]float64, n), make([]float64, n)
	axpy, axpyScale := make([]float64, n), make([]float64, n)
	dots, dotsScale := make([]float64, parents), make([]float64, parents)
	for j, c := range coefs {
		ws = append(ws, randoms(r, n))
		for i, v := range ws[j] {
			p, d := float64(c)*float64(v), float64(dw[i])*float64(v)
			mixed[i], mixedScale[i] = mixed[i]+p, mixedScale[i]+math.Abs(p)
			dots[j], dotsScale[j] = dots[j]+d, dotsScale[j]+math.Abs(d)
		}
	}
	got, again := make([]float32, n), make([]float32, n)
	Mix(two, got, coefs, ws)
	Mix(five, again, coefs, ws)
	compare(t, "Mix", got, mixed, mixedScale)
	out, outAgain := make([]float64, parents), make([]float64, parents)
	Dots(two, out, dw, ws)
	Dots(five, outAgain, dw, ws)
	for j := range out {
		if math.Abs(out[j]-dots[j]) > 1e-6*dotsScale[j] || out[j] != outAgain[j] {
			t.Fatalf("n %d: dot %d is %v and %v, want %v", n, j, out[j], outAgain[j], dots[j])
		}
	}
	if !equalBits(got, again) {
		t.Fatalf("n %d: Mix depends on the number of threads", n)
	}
	if parents == 0 {
		return
	}
	y := append([]float32{}, dw...)
	Axpy(two, y, ws[0], coefs[0])
	for i := range y {
		p := float64(coefs[0]) * float64(ws[0][i])
		axpy[i], axpyScale[i] = float64(dw[i])+p, math.Abs(float64(dw[i]))+math.Abs(p)
	}
	compare(t, "Axpy", y, axpy, axpyScale)
	if d := float64(Dot(two, dw, ws[0])); math.Abs(d-dots[0]) > 1e-6*dotsScale[0] {
		t.Fatalf("n %d: Dot is %v, want %v", n, d, dots[0])
	}
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
