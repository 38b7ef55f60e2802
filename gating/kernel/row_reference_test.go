package kernel

import (
	"math"
	"slices"
)

// The definitions of reductions, softmax and normalisations in double precision.

// naiveFold is the definition of a reduction: what folding nothing gives, and how an element joins what there is.
func naiveFold(f Fold, shape, axes []int, x []float32) []float64 {
	outputs := 1
	for a, d := range shape {
		if !slices.Contains(axes, a) {
			outputs *= d
		}
	}
	nothing := map[Fold]float64{FoldProduct: 1, FoldMax: math.Inf(-1), FoldMin: math.Inf(1)}[f]
	join := map[Fold]func(a, v float64) float64{
		FoldSum:     func(a, v float64) float64 { return a + v },
		FoldAbs:     func(a, v float64) float64 { return a + math.Abs(v) },
		FoldSquares: func(a, v float64) float64 { return a + v*v },
		FoldProduct: func(a, v float64) float64 { return a * v },
		FoldMax:     func(a, v float64) float64 { return max(a, v) },
		FoldMin:     func(a, v float64) float64 { return min(a, v) },
	}[f]
	y := slices.Repeat([]float64{nothing}, outputs)
	eachIndex(shape, axes, func(i, o int) { y[o] = join(y[o], float64(x[i])) })
	return y
}

// naiveNorm is the definition: y, dx, dscale and dbias, one after another.
func naiveNorm(n Norm, x, dy, scale, bias []float32) []float64 {
	total := n.Rows * n.Size
	y, dx, ds, db := make([]float64, total), make([]float64, total), make([]float64, n.Params),
		make([]float64, n.Params)
	for r := range n.Rows {
		var mean, variance, sum, along float64
		for i := r * n.Size; i < (r+1)*n.Size && !n.Root; i++ {
			mean += float64(x[i]) / float64(n.Size)
		}
		for i := r * n.Size; i < (r+1)*n.Size; i++ {
			variance += (float64(x[i]) - mean) * (float64(x[i]) - mean) / float64(n.Size)
		}
		inv := 1 / math.Sqrt(variance+n.Epsilon)
		for i := r * n.Size; i < (r+1)*n.Size; i++ {
			p, z, d := i/n.Inner%n.Params, (float64(x[i])-mean)*inv, float64(dy[i])
			y[i] = z*float64(scale[p]) + float64(bias[p])
			ds[p] += d * z
			db[p] += d
			sum += d * float64(scale[p]) / float64(n.Size)
			along += d * float64(scale[p]) * z / float64(n.Size)
		}
		if n.Root {
			sum = 0
		}
		for i := r * n.Size; i < (r+1)*n.Size; i++ {
			dx[i] = inv * (float64(dy[i])*float64(scale[i/n.Inner%n.Params]) - sum - (float64(x[i])-mean)*inv*along)
		}
	}
	return slices.Concat(y, dx, ds, db)
}

// lineOf returns line o of the outer·inner ones along the middle axis of outer×n×inner tensors.
func lineOf(x []float32, o, n, inner int) []float64 {
	line := make([]float64, n)
	for k := range line {
		line[k] = float64(x[(o/inner*n+k)*inner+o%inner])
	}
	return line
}

// naiveSoftmax is the definition of softmax and of its logarithm along a line.
func naiveSoftmax(x []float64) (y, logs []float64) {
	top := slices.Max(append([]float64{math.Inf(-1)}, x...))
	var sum float64
	for _, v := range x {
		sum += math.Exp(v - top)
	}
	for _, v := range x {
		y, logs = append(y, math.Exp(v-top)/sum), append(logs, v-top-math.Log(sum))
	}
	return y, logs
}

// eachIndex calls visit with every index of a tensor and the index that is left when the axes are folded.
func eachIndex(shape, axes []int, visit func(i, o int)) {
	for i := range volume(shape) {
		o, rest, scale := 0, i, 1
		for a := len(shape) - 1; a >= 0; a-- {
			if !slices.Contains(axes, a) {
				o += rest % shape[a] * scale
				scale *= shape[a]
			}
			rest /= shape[a]
		}
		visit(i, o)
	}
}
