package ir

import (
	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network/op"
)

// shortRun is the length of a channel's contiguous run of elements from which a
// kernel call for the run alone is worth its overhead.
const shortRun = 32

// Mix computes W = sum_j c_j * Values[j] into w, with one coefficient a parent
// or one a parent and channel. A parent without values, or with coefficient 0,
// adds nothing: 0 * NaN does not reach the result.
func (p *Param) Mix(workers *kernel.Workers, c []float64, w []float32) {
	outer, units, inner := p.blocks()
	if inner < shortRun && units > 1 {
		p.mixShort(c, w)
		return
	}
	for o := range outer {
		for u := range units {
			lo := (o*units + u) * inner
			p.mixRun(workers, c, u, lo, w[lo:lo+inner])
		}
	}
}

// mixRun mixes one run of elements that share their coefficients.
func (p *Param) mixRun(workers *kernel.Workers, c []float64, unit, lo int, w []float32) {
	var coefs []float32
	var values [][]float32
	_, units, _ := p.blocks()
	for j, v := range p.Values {
		if cj := float32(c[j*units+unit]); cj != 0 && v != nil {
			coefs = append(coefs, cj)
			values = append(values, v[lo:lo+len(w)])
		}
	}
	kernel.Mix(workers, w, coefs, values)
}

// mixShort mixes element by element, where channels alternate quickly.
func (p *Param) mixShort(c []float64, w []float32) {
	_, units, inner := p.blocks()
	clear(w)
	for j, v := range p.Values {
		if v == nil {
			continue
		}
		cj := c[j*units : (j+1)*units]
		for lo := 0; lo < len(w); lo += units * inner {
			for u, cu := range cj {
				if cu == 0 {
					continue
				}
				for i := lo + u*inner; i < lo+(u+1)*inner; i++ {
					w[i] += float32(cu) * v[i]
				}
			}
		}
	}
}

// Gradient computes the gradient with respect to each coefficient, the inner
// product of dw with the parent's weights, into dc: dc_j = <dW, W_j>.
func (p *Param) Gradient(workers *kernel.Workers, dw []float32, dc []float64) {
	clear(dc)
	outer, units, inner := p.blocks()
	if inner < shortRun && units > 1 {
		p.gradientShort(dw, dc)
		return
	}
	var values [][]float32
	var from []int
	for j, v := range p.Values {
		if v != nil {
			values, from = append(values, v), append(from, j)
		}
	}
	part := make([]float64, len(values))
	run := make([][]float32, len(values))
	for o := range outer {
		for u := range units {
			lo := (o*units + u) * inner
			for i, v := range values {
				run[i] = v[lo : lo+inner]
			}
			kernel.Dots(workers, part, dw[lo:lo+inner], run)
			for i, j := range from {
				dc[j*units+u] += part[i]
			}
		}
	}
}

// gradientShort is gradient element by element, where channels alternate quickly.
func (p *Param) gradientShort(dw []float32, dc []float64) {
	_, units, inner := p.blocks()
	for j, v := range p.Values {
		if v == nil {
			continue
		}
		for lo := 0; lo < len(dw); lo += units * inner {
			for u := range units {
				var sum float64
				for i := lo + u*inner; i < lo+(u+1)*inner; i++ {
					sum += float64(dw[i]) * float64(v[i])
				}
				dc[j*units+u] += sum
			}
		}
	}
}

// blocks returns the tensor's shape as [outer, units, inner], units being the
// channels that have a coefficient of their own.
func (p *Param) blocks() (outer, units, inner int) {
	switch p.Axis {
	case WholeTensor:
		return 1, 1, op.SizeOf(p.Shape)
	case EachElement:
		return 1, op.SizeOf(p.Shape), 1
	}
	return op.SizeOf(p.Shape[:p.Axis]), p.Shape[p.Axis], op.SizeOf(p.Shape[p.Axis+1:])
}
