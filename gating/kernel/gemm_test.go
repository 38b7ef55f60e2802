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

// operands draws A, B and C as the case lays them out.
func (g gemmCase) operands(r *rand.Rand) (a, b, c Matrix) {
	draw := func(rows, cols, pad int, transposed bool) Matrix {
		m := NewMatrix(nil, rows, cols, cols+pad)
		if transposed {
			m.Stride = rows + pad
			m = Matrix{Rows: rows, Cols: cols, Stride: rows + pad, Transposed: true}
		}
		m.Data = randoms(r, m.extent())
		return m
	}
	return draw(g.m, g.k, g.padA, g.transA), draw(g.k, g.n, g.padB, g.transB), draw(g.m, g.n, g.padC, false)
}

// run computes a case; with check, against the definition.
func (g gemmCase) run(t *testing.T, w *Workers, seed uint64, check bool) []float32 {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	a, b, c := g.operands(r)
	result := newGuarded(r, len(c.Data))
	before := slices.Clone(c.Data)
	if g.beta != 0 {
		copy(result.slice(), before)
	}
	c.Data = result.slice()
	Gemm(w, c, a, b, g.alpha, g.beta)
	result.check(t, fmt.Sprintf("%+v", g))
	if !check {
		return c.Data
	}
	want, scale := naiveGemm(c, a, b, before, float64(g.alpha), float64(g.beta))
	got := make([]float32, 0, len(want))
	for i := range g.m {
		if g.n > 0 {
			got = append(got, c.Data[i*c.Stride:][:g.n]...)
		}
	}
	compare(t, fmt.Sprintf("%+v", g), got, want, scale)
	for i := range c.Data {
		if i%c.Stride >= g.n && g.beta != 0 && c.Data[i] != before[i] {
			t.Fatalf("%+v: element %d between the rows was written", g, i)
		}
	}
	return c.Data
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
		for i := range fewer(120) {
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
	for range fewer(60) {
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
			count := r.IntN(9)
			g := gemmCase{m: r.IntN(40), n: r.IntN(40), k: r.IntN(40), transA: r.IntN(2) == 0, transB: r.IntN(2) == 0}
			a, b, c := g.operands(r)
			left, right := Batch{a, g.m * g.k * r.IntN(2)}, Batch{b, g.k * g.n * r.IntN(2)}
			left.Data = randoms(r, g.m*g.k+max(count-1, 0)*left.Step)
			right.Data = randoms(r, g.k*g.n+max(count-1, 0)*right.Step)
			size := g.m * g.n
			c.Data = make([]float32, count*size)
			BatchGemm(w, Batch{c, size}, left, right, count, 1, 0)
			for i := range count {
				one := c
				one.Data = make([]float32, size)
				a.Data, b.Data = left.Data[i*left.Step:], right.Data[i*right.Step:]
				Gemm(nil, one, a, b, 1, 0)
				if !equalBits(c.Data[i*size:][:size], one.Data) {
					t.Fatalf("%+v: matrix %d of %d differs from a single product", g, i, count)
				}
			}
		}
	})
}

// TestGemmEveryTail computes all small heights and widths, each with another depth.
func TestGemmEveryTail(t *testing.T) {
	eachSet(t, func(t *testing.T) {
		for m := 1; m <= 33; m++ {
			for n := 1; n <= 70; n++ {
				if testing.Short() && (m+n)%4 != 0 {
					continue
				}
				g := gemmCase{m: m, n: n, k: 1 + (m*n)%9, alpha: 1, transA: m%2 == 0, transB: n%3 == 0, padC: n % 2}
				g.run(t, nil, uint64(m*100+n), true)
			}
		}
	})
}

// TestGemmEveryDepth computes all small depths with the shapes that dot products serve, and one that panels serve.
func TestGemmEveryDepth(t *testing.T) {
	eachSet(t, func(t *testing.T) {
		for k := 0; k <= 140; k++ {
			for _, g := range []gemmCase{{m: 1, n: 1}, {m: 5, n: 1}, {m: 1, n: 6}, {m: 2, n: 9}, {m: 9, n: 2},
				{m: 7, n: 11}} {
				g.k, g.alpha, g.transB, g.padA = k, 0.5, true, 1
				g.beta = float32(k % 3)
				g.run(t, nil, uint64(k), true)
			}
		}
	})
}

// TestGemmAdjoints checks <dY, A·B> against <dY·B', A> and <A'·dY, B>.
func TestGemmAdjoints(t *testing.T) {
	w := NewWorkers(3)
	defer w.Close()
	eachSet(t, func(t *testing.T) {
		r := newRand(41)
		for i := range 80 {
			g := randomGemm(r)
			g.padA, g.padB, g.padC = 0, 0, 0
			a, b, dy := g.operands(r)
			y, da, db := dy, a, b
			y.Data, da.Data, db.Data = make([]float32, len(dy.Data)), make([]float32, len(a.Data)),
				make([]float32, len(b.Data))
			Gemm(w, y, a, b, 1, 0)
			name := fmt.Sprintf("%d: %+v", i, g)
			if a.Transposed { // the destination is stored the other way round
				Gemm(w, da.T(), b, dy.T(), 1, 0)
			} else {
				Gemm(w, da, dy, b.T(), 1, 0)
			}
			if b.Transposed {
				Gemm(w, db.T(), dy.T(), a, 1, 0)
			} else {
				Gemm(w, db, a.T(), dy, 1, 0)
			}
			checkAdjoint(t, name+" in A", dy.Data, y.Data, da.Data, a.Data)
			checkAdjoint(t, name+" in B", dy.Data, y.Data, db.Data, b.Data)
		}
	})
}

// TestGemmOfSpecials checks that 0·Inf and NaN reach C as IEEE 754 has it, that no padding of a panel brings any of its
// own, and that a beta of 0 forgets what C held.
func TestGemmOfSpecials(t *testing.T) {
	eachSet(t, func(t *testing.T) {
		r := newRand(42)
		for range 60 {
			g := randomGemm(r)
			g.m, g.n, g.k, g.alpha, g.beta = 1+r.IntN(20), 1+r.IntN(40), 1+r.IntN(12), 1, 0
			a, b, c := g.operands(r)
			values := []float32{1, 2, 0, -1, 3, nan32, inf32, -inf32}
			for i := range a.Data {
				a.Data[i] = values[min(r.IntN(40), 7)%len(values)]
			}
			a.Data[r.IntN(len(a.Data))] = values[5+r.IntN(3)]
			for i := range c.Data {
				c.Data[i] = nan32
			}
			Gemm(nil, c, a, b, 1, 0)
			want, _ := naiveGemm(c, a, b, c.Data, 1, 0)
			for i, v := range want {
				got := float64(c.Data[i/g.n*c.Stride+i%g.n])
				if math.IsNaN(v) != math.IsNaN(got) || math.IsInf(v, 0) && got != v {
					t.Fatalf("%+v: element %d is %g, want %g", g, i, got, v)
				}
			}
		}
	})
}

// TestGemmOfOneMatrix lets both operands be the same memory: they are only read.
func TestGemmOfOneMatrix(t *testing.T) {
	r := newRand(43)
	for _, n := range []int{1, 2, 7, 33, 64} {
		a := NewMatrix(randoms(r, n*(n+1)), n, n+1, n+1)
		before := slices.Clone(a.Data)
		c := NewMatrix(make([]float32, n*n), n, n, n)
		Gemm(nil, c, a, a.T(), 1, 0)
		for i := range n {
			for j := range n {
				if x, y := c.Data[i*n+j], c.Data[j*n+i]; math.Abs(float64(x-y)) > 1e-5 {
					t.Fatalf("%d: A·A' is not symmetric: %g and %g", n, x, y)
				}
			}
		}
		if !equalBits(a.Data, before) {
			t.Fatalf("%d: an operand was written", n)
		}
	}
}

func TestMatrixTransposes(t *testing.T) {
	m := NewMatrix(make([]float32, 12), 3, 2, 5)
	if got := m.T(); got.Rows != 2 || got.Cols != 3 || !got.Transposed || got.extent() != 12 {
		t.Errorf("the transpose of 3×2 is %+v", got)
	}
	if got := m.T().T(); got.Rows != 3 || got.Cols != 2 || got.Transposed {
		t.Errorf("the transpose of the transpose is %+v", got)
	}
	if got := m.TransposedIf(false); got.Transposed || got.Rows != 3 {
		t.Errorf("not transposed it is %+v", got)
	}
	if got := m.TransposedIf(true); !got.Transposed || got.Rows != 2 {
		t.Errorf("transposed it is %+v", got)
	}
	for _, empty := range []Matrix{NewMatrix(nil, 0, 5, 5), NewMatrix(nil, 5, 0, 0), NewMatrix(nil, 0, 5, 5).T()} {
		if empty.extent() != 0 {
			t.Errorf("%+v reaches over %d elements", empty, empty.extent())
		}
	}
}

func TestGemmRefusesShapesThatDoNotFit(t *testing.T) {
	of := func(rows, cols int) Matrix { return NewMatrix(make([]float32, rows*cols), rows, cols, cols) }
	for name, call := range map[string]func(){
		"inner dimensions": func() { Gemm(nil, of(2, 3), of(2, 4), of(5, 3), 1, 0) },
		"rows":             func() { Gemm(nil, of(3, 3), of(2, 4), of(4, 3), 1, 0) },
		"columns":          func() { Gemm(nil, of(2, 2), of(2, 4), of(4, 3), 1, 0) },
		"transposed C":     func() { Gemm(nil, of(3, 2).T(), of(2, 4), of(4, 3), 1, 0) },
		"short A":          func() { Gemm(nil, of(2, 3), NewMatrix(make([]float32, 7), 2, 4, 4), of(4, 3), 1, 0) },
		"short B":          func() { Gemm(nil, of(2, 3), of(2, 4), NewMatrix(make([]float32, 11), 4, 3, 3), 1, 0) },
		"short C":          func() { Gemm(nil, NewMatrix(make([]float32, 5), 2, 3, 3), of(2, 4), of(4, 3), 1, 0) },
	} {
		mustPanic(t, name, call)
	}
}

// TestPackOperand packs columns of matrices and patches, upright and flat, and looks up every element.
func TestPackOperand(t *testing.T) {
	eachSet(t, func(t *testing.T) {
		r := newRand(44)
		for range 400 {
			k, n := 1+r.IntN(40), 1+r.IntN(40)
			var g operand
			var rows, cols []int
			m := gemmCase{m: k, k: n, padA: r.IntN(3), transA: r.IntN(2) == 0}
			a, _, _ := m.operands(r)
			g.matrix(&a, &rows, &cols)
			if r.IntN(2) == 0 { // no longer a matrix: columns in any order
				r.Shuffle(len(g.cols), func(i, j int) { g.cols[i], g.cols[j] = g.cols[j], g.cols[i] })
			}
			p0, j0 := r.IntN(k), r.IntN(n)
			p1, j1 := p0+1+r.IntN(k-p0), j0+1+r.IntN(n-j0)
			stride := max(j1-j0, simd.wide)
			dst := newGuarded(r, (p1-p0)*stride)
			s := getScratch()
			g.pack(dst.slice(), stride, p0, p1, j0, j1, s)
			s.release()
			dst.check(t, "pack")
			for p := p0; p < p1; p++ {
				for j := j0; j < j1; j++ {
					if got, want := dst.slice()[(p-p0)*stride+j-j0], g.data[g.rows[p]+g.cols[j]]; got != want {
						t.Fatalf("upright %v: element (%d, %d) is %g, want %g", g.upright, p, j, got, want)
					}
				}
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
