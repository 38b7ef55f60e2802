package kernel

// GRU is the cell of ONNX's operator GRU. Gates are update, reset and hidden, in this order; F belongs to the first
// two, G to the last. With ResetLast the reset gate works on the product of state and weights (linear_before_reset),
// as in PyTorch and cuDNN, else on the state before it (arXiv 1406.1078).
type GRU struct {
	F, G      Activation
	ResetLast bool
}

// Gates is 3.
func (*GRU) Gates() int { return 3 }

func (g *GRU) split() bool { return g.ResetLast }

// gruRow is what one sample has at one step. extra is the product of state and weights plus its bias with
// ResetLast, else the state after the reset gate.
type gruRow struct {
	z, r, g         []float32
	h, next, extra  []float32
	dh, dmid, dmore []float32
}

func (r *Recurrent) gruRow(gates []float32, t, b int) gruRow {
	n := r.Hidden
	all := r.gates(gates, t)[b*3*n : (b+1)*3*n]
	of := func(s []float32, t int) []float32 {
		if s == nil {
			return nil
		}
		return s[(t*r.Batch+b)*n:][:n]
	}
	return gruRow{
		all[:n], all[n : 2*n], all[2*n:], of(r.H, t), of(r.H, t+1), of(r.extra, t),
		of(r.dh, 0), of(r.dmid, 0), of(r.dextra, t),
	}
}

func (g *GRU) forward(w *Workers, r *Recurrent, t int, p *Parameters) {
	n := r.Hidden
	pre, h, last := r.gates(r.pre, t), r.state(r.H, t), NewMatrix(p.Recurrent[2*n*n:], n, n, n)
	state := NewMatrix(h, r.Batch, n, n)
	Gemm(w, NewMatrix(pre, r.Batch, 2*n, 3*n), state, NewMatrix(p.Recurrent, 2*n, n, n).T(), 1, 1)
	extra := r.state(r.extra, t)
	if g.ResetLast {
		r.startExtra(extra, p.Bias)
		Gemm(w, NewMatrix(extra, r.Batch, n, n), state, last.T(), 1, 1)
	}
	r.rows(w, func(b int) { g.reset(r, t, b) })
	if !g.ResetLast {
		hidden := NewMatrix(pre[min(2*n, len(pre)):], r.Batch, n, 3*n)
		Gemm(w, hidden, NewMatrix(extra, r.Batch, n, n), last.T(), 1, 1)
	}
	r.rows(w, func(b int) { g.update(r, t, b) })
}

// startExtra starts the recurrent part of the hidden gate with its bias.
func (r *Recurrent) startExtra(extra, bias []float32) {
	if bias == nil {
		clear(extra)
		return
	}
	for b := range r.Batch {
		copy(extra[b*r.Hidden:(b+1)*r.Hidden], bias[5*r.Hidden:])
	}
}

// reset computes both gates and applies the reset gate.
func (g *GRU) reset(r *Recurrent, t, b int) {
	pre, act := r.gruRow(r.pre, t, b), r.gruRow(r.act, t, b)
	g.F.run(act.z, pre.z, r.Clip)
	g.F.run(act.r, pre.r, r.Clip)
	if g.ResetLast {
		addProduct(pre.g, act.r, act.extra)
		return
	}
	for k, v := range act.r {
		act.extra[k] = v * act.h[k]
	}
}

// update computes the hidden gate and the new state.
func (g *GRU) update(r *Recurrent, t, b int) {
	pre, act := r.gruRow(r.pre, t, b), r.gruRow(r.act, t, b)
	if !r.live(t, b) {
		copy(act.next, act.h)
		return
	}
	g.G.run(act.g, pre.g, r.Clip)
	for k, z := range act.z {
		act.next[k] = (1-z)*act.g[k] + z*act.h[k]
	}
}

func (g *GRU) backward(w *Workers, r *Recurrent, t int, p *Parameters) {
	n := r.Hidden
	d, last, dh := r.gates(r.dpre, t), NewMatrix(p.Recurrent[2*n*n:], n, n, n), NewMatrix(r.dh, r.Batch, n, n)
	r.rows(w, func(b int) { g.backwardUpdate(r, t, b) })
	if g.ResetLast {
		Gemm(w, dh, NewMatrix(r.state(r.dextra, t), r.Batch, n, n), last, 1, 1)
	} else {
		Gemm(w, NewMatrix(r.dmid, r.Batch, n, n), NewMatrix(d[min(2*n, len(d)):], r.Batch, n, 3*n), last, 1, 0)
		r.rows(w, func(b int) { g.backwardReset(r, t, b) })
	}
	Gemm(w, dh, NewMatrix(d, r.Batch, 2*n, 3*n), NewMatrix(p.Recurrent, 2*n, n, n), 1, 1)
}

// backwardUpdate sets the gradients of update and hidden gate, and with ResetLast of the reset gate; dh becomes what
// flows to the state before through the update gate's product.
func (g *GRU) backwardUpdate(r *Recurrent, t, b int) {
	pre, act, d := r.gruRow(r.pre, t, b), r.gruRow(r.act, t, b), r.gruRow(r.dpre, t, b)
	if !r.live(t, b) {
		for _, gate := range [][]float32{d.z, d.r, d.g, d.dmore} {
			clear(gate)
		}
		return
	}
	for k, dh := range d.dh {
		z := act.z[k]
		d.z[k] = dh * (act.h[k] - act.g[k]) * g.F.slopeAt(r.Clip, pre.z[k], z)
		d.g[k] = dh * (1 - z) * g.G.slopeAt(r.Clip, pre.g[k], act.g[k])
		if g.ResetLast {
			d.r[k] = d.g[k] * act.extra[k] * g.F.slopeAt(r.Clip, pre.r[k], act.r[k])
			d.dmore[k] = d.g[k] * act.r[k]
		}
		d.dh[k] = dh * z
	}
}

// backwardReset takes the gradient of the state after the reset gate apart into those of gate and state.
func (g *GRU) backwardReset(r *Recurrent, t, b int) {
	if !r.live(t, b) {
		return
	}
	pre, act, d := r.gruRow(r.pre, t, b), r.gruRow(r.act, t, b), r.gruRow(r.dpre, t, b)
	for k, dm := range d.dmid {
		d.r[k] = dm * act.h[k] * g.F.slopeAt(r.Clip, pre.r[k], act.r[k])
		d.dh[k] += dm * act.r[k]
	}
}

func (g *GRU) backwardRecurrent(w *Workers, r *Recurrent, dst []float32) {
	n := r.Hidden
	r.backwardRows(w, dst, r.H, 0, 2*n)
	if g.ResetLast {
		steps := r.Steps * r.Batch
		Gemm(w, NewMatrix(dst[2*n*n:], n, n, n), NewMatrix(r.dextra, steps, n, n).T(), NewMatrix(r.H, steps, n, n),
			1, 0)
		return
	}
	r.backwardRows(w, dst, r.extra, 2*n, 3*n)
}
