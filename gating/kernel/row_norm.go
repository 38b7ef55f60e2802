package kernel

import "math"

// Norm is the geometry of normalising the rows of a dense tensor, each by its own statistics, followed by an affine
// map: y = (x - mean)/√(variance + Epsilon)·scale + bias. It serves layer, group and instance normalisation, which
// differ in how long rows are and in which elements share a scale.
type Norm struct {
	Rows, Size int // the tensor as rows of contiguous elements
	// Element i of the whole tensor has scale[i/Inner%Params], and a bias likewise.
	// Inner divides Size; where Inner is 1, Size divides Params.
	Params, Inner int
	Epsilon       float64
	Root          bool // divide by √(mean of x² + Epsilon) and subtract no mean (arXiv 1910.07467)
}

// Forward computes y, and the mean and 1/√(variance + Epsilon) of every row. A nil scale is 1, a nil bias 0.
// y may be x. Sums are formed in double precision, the variance around the mean.
func (n *Norm) Forward(w *Workers, y []float32, mean, inv []float64, x, scale, bias []float32) {
	if n.Size == 0 {
		clear(mean)
		clear(inv)
		return
	}
	w.For(n.Rows, n.grain(), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			row := x[r*n.Size : (r+1)*n.Size]
			mean[r], inv[r] = n.moments(row)
			n.affine(r, row, scale, bias, y[r*n.Size:(r+1)*n.Size], float32(mean[r]), float32(inv[r]))
		}
	})
}

func (n *Norm) grain() int { return max(1, pieceElements/(4*max(1, n.Size))) }

// moments returns the mean and 1/√(variance + Epsilon) of a row.
func (n *Norm) moments(row []float32) (mean, inv float64) {
	count := float64(len(row))
	if n.Root {
		return 0, 1 / math.Sqrt(dotRun(row, row)/count+n.Epsilon)
	}
	mean = sumRun(row) / count
	return mean, 1 / math.Sqrt(squaresAround(row, mean)/count+n.Epsilon)
}

// affine writes a normalised row.
func (n *Norm) affine(r int, x, scale, bias, y []float32, mean, inv float32) {
	if n.Inner == 1 {
		centre(y, x, mean, inv)
		scaleRow(y, scale, bias, r*n.Size%n.Params)
		return
	}
	for at := 0; at < len(x); at += n.Inner {
		p := (r*n.Size + at) / n.Inner % n.Params
		to := y[at : at+n.Inner]
		centre(to, x[at:at+n.Inner], mean, valueAt(scale, p, 1)*inv)
		loops[loopAddOne](to, to, to, valueAt(bias, p, 0), 0)
	}
}

// centre writes y = (x - mean)·factor.
func centre(y, x []float32, mean, factor float32) {
	loops[loopAddOne](y, x, x, -mean, 0)
	loops[loopMulOne](y, y, y, factor, 0)
}

// scaleRow applies scale and bias from element first on, where they are not nil.
func scaleRow(y, scale, bias []float32, first int) {
	if scale != nil {
		loops[loopMul](y, y, scale[first:][:len(y)], 0, 0)
	}
	if bias != nil {
		loops[loopAdd](y, y, bias[first:][:len(y)], 0, 0)
	}
}

// at1 returns list[i], or def where there is no list.
func valueAt(list []float32, i int, def float32) float32 {
	if list == nil {
		return def
	}
	return list[i]
}

// BackwardInput computes dx from dy and the statistics of Forward. With g = dy·scale and z the normalised x,
// dx = inv·(g - mean(g) - z·mean(g·z)); without centring, mean(g) is left out.
func (n *Norm) BackwardInput(w *Workers, dx, dy, x, scale []float32, mean, inv []float64) {
	if n.Size == 0 {
		return
	}
	w.For(n.Rows, n.grain(), func(lo, hi int) {
		z := make([]float32, n.Size)
		for r := lo; r < hi; r++ {
			row, g := x[r*n.Size:(r+1)*n.Size], dx[r*n.Size:(r+1)*n.Size]
			n.scaled(r, dy[r*n.Size:(r+1)*n.Size], scale, g)
			sum := sumRun(g)
			along := (dotRun(g, row) - mean[r]*sum) * inv[r] / float64(n.Size)
			if n.Root {
				sum = 0
			}
			centre(g, g, float32(sum/float64(n.Size)), float32(inv[r]))
			centre(z, row, float32(mean[r]), float32(-along*inv[r]*inv[r]))
			loops[loopAdd](g, g, z, 0, 0)
		}
	})
}

// scaled writes dy times scale for one row.
func (n *Norm) scaled(r int, dy, scale, g []float32) {
	if n.Inner == 1 {
		copy(g, dy)
		scaleRow(g, scale, nil, r*n.Size%n.Params)
		return
	}
	for at := 0; at < len(dy); at += n.Inner {
		s := valueAt(scale, (r*n.Size+at)/n.Inner%n.Params, 1)
		from := dy[at : at+n.Inner]
		loops[loopMulOne](g[at:at+n.Inner], from, from, s, 0)
	}
}

// BackwardScale computes dscale, the sum of dy times the normalised x over all elements that share a scale.
func (n *Norm) BackwardScale(w *Workers, dscale, dy, x []float32, mean, inv []float64) {
	n.sums(w, dscale, func(acc []float64, z []float32, at, count int) {
		for count > 0 {
			r := at / n.Size
			step := min(count, (r+1)*n.Size-at)
			if n.Inner == 1 {
				row := z[:step]
				centre(row, x[at:at+step], float32(mean[r]), float32(inv[r]))
				loops[loopMul](row, row, dy[at:at+step], 0, 0)
				addRow(acc, row)
				acc = acc[step:]
			} else {
				sum := dotRun(dy[at:at+step], x[at:at+step]) - mean[r]*sumRun(dy[at:at+step])
				acc[0] += sum * inv[r]
			}
			at, count = at+step, count-step
		}
	})
}

// BackwardBias computes dbias, the sum of dy over all elements that share a bias.
func (n *Norm) BackwardBias(w *Workers, dbias, dy []float32) {
	n.sums(w, dbias, func(acc []float64, _ []float32, at, count int) {
		if n.Inner > 1 {
			acc[0] += sumRun(dy[at : at+count])
			return
		}
		addRow(acc, dy[at:at+count])
	})
}

// sums adds up what body finds for every parameter. body gets a stretch of count elements from at on: all those of
// one parameter (Inner of them), or one each of as many neighbouring parameters (Inner 1); z is scratch for the latter.
// Stretches of one parameter are cut into pieces whose sums are joined in order.
func (n *Norm) sums(w *Workers, out []float32, body func(acc []float64, z []float32, at, count int)) {
	if n.Rows*n.Size == 0 {
		clear(out)
		return
	}
	periods := n.Rows * n.Size / (n.Params * n.Inner)
	block := min(n.Params, rowBlock)
	if n.Inner > 1 {
		block = 1
	}
	blocks := (n.Params + block - 1) / block
	pieces := max(1, min(periods, 64, periods*block*n.Inner/pieceElements))
	part := make([]float64, blocks*pieces*block)
	w.For(blocks*pieces, max(1, pieceElements*pieces/max(1, periods*block*n.Inner)), func(lo, hi int) {
		z := make([]float32, block)
		for t := lo; t < hi; t++ {
			first := t / pieces * block
			width := min(block, n.Params-first)
			acc := part[t*block : t*block+width]
			for k := t % pieces * periods / pieces; k < (t%pieces+1)*periods/pieces; k++ {
				body(acc, z, (k*n.Params+first)*n.Inner, width*n.Inner)
			}
		}
	})
	for p := range out[:n.Params] {
		var sum float64
		for i := range pieces {
			sum += part[(p/block*pieces+i)*block+p%block]
		}
		out[p] = float32(sum)
	}
}
