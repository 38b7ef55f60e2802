package kernel

// streamGrain is how many elements of a stream are worth a goroutine's while.
const streamGrain = 1 << 14

// Axpy computes y += alpha·x over len(y) elements.
func Axpy(w *Workers, y, x []float32, alpha float32) {
	requireLen("x", len(x), len(y))
	w.For(len(y), streamGrain, func(lo, hi int) {
		whole := lo + (hi-lo)&^(block-1)
		if whole > lo {
			simd.axpy(y[lo:whole], x[lo:whole], alpha)
		}
		for i := whole; i < hi; i++ {
			y[i] += alpha * x[i]
		}
	})
}

// Mix computes dst = sum over j of coefs[j]·ws[j], one ws[j] for each coefficient and each as long as dst, in one pass.
// Terms are added in the order of j, beginning with 0. dst may be one of ws. A coefficient of 0 does not leave its
// parent out: 0·NaN is NaN.
func Mix(w *Workers, dst []float32, coefs []float32, ws [][]float32) {
	checkParents(len(dst), len(coefs), ws)
	if len(coefs) == 0 {
		clear(dst)
		return
	}
	w.For(len(dst), streamGrain, func(lo, hi int) {
		whole := lo + (hi-lo)&^(block-1)
		if whole > lo {
			simd.mix(lo, whole, dst, coefs, ws)
		}
		for i := whole; i < hi; i++ {
			var sum float32
			for j, c := range coefs {
				sum += c * ws[j][i]
			}
			dst[i] = sum
		}
	})
}

func checkParents(n, count int, ws [][]float32) {
	requireLen("list of operands", len(ws), count)
	for _, v := range ws[:count] {
		requireLen("operand", len(v), n)
	}
}

// Dot returns the sum of x[i]·y[i] over len(x) elements. See Dots for how it is added up.
func Dot(w *Workers, x, y []float32) float32 {
	var out [1]float64
	Dots(w, out[:], x, [][]float32{y})
	return float32(out[0])
}

const (
	dotChunk = 4096 // added up in single precision, in 64 lanes
	dotSpan  = 16 * dotChunk
)

// Dots computes out[j] = sum over i of dw[i]·ws[j][i] for j below len(out), in one pass over dw. Chunks of fixed length
// are summed in lanes of single precision, the chunks in double precision and in order.
func Dots(w *Workers, out []float64, dw []float32, ws [][]float32) {
	checkParents(len(dw), len(out), ws)
	spans := (len(dw) + dotSpan - 1) / dotSpan
	sums := make([]float64, spans*len(out))
	w.For(spans, 1, func(lo, hi int) {
		for s := lo; s < hi; s++ {
			dotsSpan(dw, ws, s*dotSpan, min((s+1)*dotSpan, len(dw)), sums[s*len(out):][:len(out)])
		}
	})
	clear(out)
	for i, v := range sums {
		out[i%len(out)] += v
	}
}

// dotsSpan adds up elements lo to hi for all j, chunk by chunk so that dw is still near for the next j.
func dotsSpan(dw []float32, ws [][]float32, lo, hi int, out []float64) {
	for ; lo < hi; lo += dotChunk {
		end := min(lo+dotChunk, hi)
		for j := range out {
			out[j] += dot(dw[lo:end], ws[j][lo:end])
		}
	}
}

// sum adds up x like Dots.
func sum(x []float32) float64 {
	var total float64
	for len(x) >= block {
		var lanes [16]float32
		n := min(len(x)&^(block-1), dotChunk)
		simd.sum(&lanes, x[:n])
		total += sumLanes(&lanes)
		x = x[n:]
	}
	for _, v := range x {
		total += float64(v)
	}
	return total
}

// sumLanes adds up partial sums in double precision, four chains of additions at a time.
func sumLanes(lanes *[16]float32) float64 {
	var a, b, c, d float64
	for i := 0; i < len(lanes); i += 4 {
		a += float64(lanes[i])
		b += float64(lanes[i+1])
		c += float64(lanes[i+2])
		d += float64(lanes[i+3])
	}
	return (a + b) + (c + d)
}
