package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

type gemmCase struct {
	transA, transB   bool
	m, n, k          int
	padA, padB, padC int
	alpha, beta      float32
}

func (g gemmCase) run(t *testing.T, w *Workers, seed uint64, check bool) []float32 {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	shape := func(trans bool, rows, cols, pad int) ([]float32, int) {
		if trans {
			rows, cols = cols, rows
		}
		return randoms(r, rows*(cols+pad)), cols + pad
	}
	a, lda := shape(g.transA, g.m, g.k, g.padA)
	b, ldb := shape(g.transB, g.k, g.n, g.padB)
	ldc := g.n + g.padC
	c := randoms(r, g.m*ldc)
	before := slices.Clone(c)
	if g.beta == 0 {
		for i := range c {
			c[i] = float32(math.NaN())
		}
	}
	left := Matrix{Data: a, Rows: g.m, Cols: g.k, Stride: lda, Transposed: g.transA}
	right := Matrix{Data: b, Rows: g.k, Cols: g.n, Stride: ldb, Transposed: g.transB}
	Gemm(w, NewMatrix(c, g.m, g.n, ldc), left, right, g.alpha, g.beta)
	if !check {
		return c
	}
	var got []float32
	var want, scale []float64
	for i := range g.m {
		for j := range g.n {
			sum, abs := float64(g.beta)*float64(before[i*ldc+j]), math.Abs(float64(g.beta)*float64(before[i*ldc+j]))
			for p := range g.k {
				x, y := i*lda+p, p*ldb+j
				if g.transA {
					x = p*lda + i
				}
				if g.transB {
					y = j*ldb + p
				}
				v := float64(g.alpha) * float64(a[x]) * float64(b[y])
				sum, abs = sum+v, abs+math.Abs(v)
			}
			got, want, scale = append(got, c[i*ldc+j]), append(want, sum), append(scale, abs)
		}
	}
	compare(t, fmt.Sprintf("%+v", g), got, want, scale)
	if g.padC > 0 && g.beta != 0 {
		for i := range g.m {
			if !slices.Equal(c[i*ldc+g.n:(i+1)*ldc], before[i*ldc+g.n:(i+1)*ldc]) {
				t.Fatalf("%+v: row %d was written past its end", g, i)
			}
		}
	}
	return c
}

func randomGemm(r *rand.Rand) gemmCase {
	size := func() int {
		switch r.IntN(8) {
		case 0:
			return r.IntN(3)
		case 1:
			return 1 + r.IntN(300)
		}
		return 1 + r.IntN(70)
	}
	scalars := []float32{0, 1, -0.5}
	return gemmCase{transA: r.IntN(2) == 0, transB: r.IntN(2) == 0, m: size(), n: size(), k: size(),
		padA: r.IntN(3), padB: r.IntN(3), padC: r.IntN(3), alpha: []float32{1, 1, 0.75, 0}[r.IntN(4)],
		beta: scalars[r.IntN(3)]}
}

func TestGemmAgainstReference(t *testing.T) {
	w := NewWorkers(3)
	defer w.Close()
	eachSet(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(7, 7))
		for i := range 120 {
			randomGemm(r).run(t, w, uint64(i), true)
		}
		for _, k := range []int{sumBlock - 1, sumBlock, sumBlock + 1, 2*sumBlock + 1} {
			gemmCase{m: 29, n: 67, k: k, alpha: 1}.run(t, w, 1, true)
		}
		gemmCase{m: 3, n: 5, k: 17 * sumBlock, alpha: 1}.run(t, w, 2, true)
		gemmCase{m: 4000, n: 3, k: 300, alpha: 1}.run(t, w, 3, true)
	})
}

func TestGemmBitsDoNotDependOnThreadsOrRegisters(t *testing.T) {
	before := simd
	defer func() { simd = before }()
	two, five := NewWorkers(2), NewWorkers(5)
	defer two.Close()
	defer five.Close()
	r := rand.New(rand.NewPCG(19, 3))
	cases := []gemmCase{{m: 128, n: 96, k: 700, alpha: 1}, {m: 3, n: 400, k: 1100, alpha: 1, transB: true},
		{m: 2000, n: 5, k: 300, alpha: 0.5, beta: 1}}
	for range 60 {
		cases = append(cases, randomGemm(r))
	}
	for i, g := range cases {
		var fused []float32
		for _, set := range available() {
			simd = set
			want := g.run(t, nil, uint64(i), false)
			if !equalBits(want, g.run(t, two, uint64(i), false)) || !equalBits(want, g.run(t, five, uint64(i), false)) {
				t.Fatalf("%s: %+v depends on the number of threads", set.name, g)
			}
			if set != generic {
				if fused != nil && !equalBits(fused, want) {
					t.Fatalf("%+v depends on the register length", g)
				}
				fused = want
			}
		}
	}
}

func TestBatchGemm(t *testing.T) {
	w := NewWorkers(2)
	defer w.Close()
	eachSet(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(23, 3))
		for range 60 {
			batch, m, n, k := r.IntN(9), r.IntN(40), r.IntN(40), r.IntN(40)
			transA, transB := r.IntN(2) == 0, r.IntN(2) == 0
			lda, ldb := k, n
			if transA {
				lda = m
			}
			if transB {
				ldb = k
			}
			strideA, strideB := m*k*r.IntN(2), k*n*r.IntN(2)
			a, b := randoms(r, m*k+max(batch-1, 0)*strideA), randoms(r, k*n+max(batch-1, 0)*strideB)
			got, want := make([]float32, batch*m*n), make([]float32, batch*m*n)
			left := Matrix{Data: a, Rows: m, Cols: k, Stride: lda, Transposed: transA}
			right := Matrix{Data: b, Rows: k, Cols: n, Stride: ldb, Transposed: transB}
			BatchGemm(w, Batch{NewMatrix(got, m, n, n), m * n}, Batch{left, strideA}, Batch{right, strideB}, batch,
				1, 0)
			for i := range batch {
				left.Data, right.Data = a[i*strideA:], b[i*strideB:]
				Gemm(nil, NewMatrix(want[i*m*n:], m, n, n), left, right, 1, 0)
			}
			if !equalBits(got, want) {
				t.Fatalf("batch %d of %d×%d×%d (%v, %v; strides %d, %d) differs from single products", batch, m, n,
					k, transA, transB, strideA, strideB)
			}
		}
	})
}

func BenchmarkGemm(b *testing.B) {
	w := NewWorkers(0)
	defer w.Close()
	for _, s := range [][3]int{{512, 512, 512}, {64, 50176, 576}, {32, 512, 512}, {128, 512, 784}, {128, 10, 512},
		{64, 64, 64}, {512, 784, 128}, {2048, 2048, 2048}} {
		b.Run(fmt.Sprintf("%dx%dx%d", s[0], s[1], s[2]), func(b *testing.B) {
			x, y, z := make([]float32, s[0]*s[2]), make([]float32, s[1]*s[2]), make([]float32, s[0]*s[1])
			for b.Loop() {
				Gemm(w, NewMatrix(z, s[0], s[1], s[1]), NewMatrix(x, s[0], s[2], s[2]),
					NewMatrix(y, s[2], s[1], s[1]), 1, 0)
			}
			b.ReportMetric(2*float64(s[0])*float64(s[1])*float64(s[2])*float64(b.N)/b.Elapsed().Seconds()/1e9,
				"GFLOP/s")
		})
	}
}
