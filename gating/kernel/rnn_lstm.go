package kernel

// LSTM is the cell of ONNX's operator LSTM. Gates are input, output, forget and cell, in this order; F belongs to the
// first three, G to the last and H to the output. With Coupled the forget gate is 1 minus the input gate.
type LSTM struct {
	F, G, H Activation
	Coupled bool
}

// Gates is 4.
func (*LSTM) Gates() int { return 4 }

func (*LSTM) split() bool { return false }

func (l *LSTM) forward(w *Workers, r *Recurrent, t int, p *Parameters) {
	pre, width := r.gates(r.pre, t), r.width()
	n := r.Hidden
	Gemm(w, NewMatrix(pre, r.Batch, width, width), NewMatrix(r.state(r.H, t), r.Batch, n, n),
		NewMatrix(p.Recurrent, width, n, n).T(), 1, 1)
	r.rows(w, func(b int) { l.row(r, t, b, p.Peephole) })
}

// lstmRow is what one sample has at one step.
type lstmRow struct {
	i, o, f, g       []float32 // the gates, before or after their activations
	h, c, c0, squash []float32 // the new states, the old cell state, and H of the new one
}

func (r *Recurrent) lstmRow(gates []float32, t, b int) lstmRow {
	n := r.Hidden
	all := r.gates(gates, t)[b*4*n : (b+1)*4*n]
	at, next := (t*r.Batch+b)*n, ((t+1)*r.Batch+b)*n
	return lstmRow{
		all[:n], all[n : 2*n], all[2*n : 3*n], all[3*n:],
		r.H[next : next+n], r.C[next : next+n], r.C[at : at+n], r.extra[at : at+n],
	}
}

// row computes one sample's step.
func (l *LSTM) row(r *Recurrent, t, b int, peephole []float32) {
	n := r.Hidden
	pre, act := r.lstmRow(r.pre, t, b), r.lstmRow(r.act, t, b)
	if !r.live(t, b) {
		copy(act.h, r.state(r.H, t)[b*n:(b+1)*n])
		copy(act.c, act.c0)
		return
	}
	if peephole != nil {
		addProduct(pre.i, peephole[:n], act.c0)
		addProduct(pre.f, peephole[2*n:], act.c0)
	}
	l.F.run(act.i, pre.i, r.Clip)
	l.G.run(act.g, pre.g, r.Clip)
	if l.Coupled {
		for k, v := range act.i {
			act.f[k] = 1 - v
		}
	} else {
		l.F.run(act.f, pre.f, r.Clip)
	}
	for k := range act.c {
		act.c[k] = act.f[k]*act.c0[k] + act.i[k]*act.g[k]
	}
	if peephole != nil {
		addProduct(pre.o, peephole[n:2*n], act.c)
	}
	l.F.run(act.o, pre.o, r.Clip)
	l.H.apply(act.squash, act.c)
	for k, v := range act.squash {
		act.h[k] = act.o[k] * v
	}
}

// addProduct adds a·b to dst.
func addProduct(dst, a, b []float32) {
	for i := range dst {
		dst[i] += a[i] * b[i]
	}
}

func (l *LSTM) backward(w *Workers, r *Recurrent, t int, p *Parameters) {
	r.rows(w, func(b int) { l.backwardRow(r, t, b, p.Peephole) })
	if p.Peephole != nil {
		r.addPeepholes(t)
	}
	r.backwardState(w, t, p)
}

// backwardRow sets one sample's gradients of the gates and turns dc into that of the state before.
func (l *LSTM) backwardRow(r *Recurrent, t, b int, peephole []float32) {
	n := r.Hidden
	pre, act, d := r.lstmRow(r.pre, t, b), r.lstmRow(r.act, t, b), r.lstmRow(r.dpre, t, b)
	if !r.live(t, b) {
		for _, gate := range [][]float32{d.i, d.o, d.f, d.g} {
			clear(gate)
		}
		return
	}
	dh, dc := r.dh[b*n:(b+1)*n], r.dc[b*n:(b+1)*n]
	for k, dhk := range dh {
		d.o[k] = dhk * act.squash[k] * l.F.slopeAt(r.Clip, pre.o[k], act.o[k])
		dck := dc[k] + dhk*act.o[k]*l.H.slope(act.c[k], act.squash[k])
		if peephole != nil {
			dck += d.o[k] * peephole[n+k]
		}
		df, di := dck*act.c0[k], dck*act.g[k]
		if l.Coupled {
			di, df = di-df, 0
		}
		d.i[k] = di * l.F.slopeAt(r.Clip, pre.i[k], act.i[k])
		d.f[k] = df
		if !l.Coupled {
			d.f[k] *= l.F.slopeAt(r.Clip, pre.f[k], act.f[k])
		}
		d.g[k] = dck * act.i[k] * l.G.slopeAt(r.Clip, pre.g[k], act.g[k])
		dc[k] = dck * act.f[k]
		if peephole != nil {
			dc[k] += d.i[k]*peephole[k] + d.f[k]*peephole[2*n+k]
		}
	}
}

// addPeepholes adds step t's gradient of the peepholes: those of input and forget gate look at the state before.
func (r *Recurrent) addPeepholes(t int) {
	n := r.Hidden
	for b := range r.Batch {
		d := r.lstmRow(r.dpre, t, b)
		for k := range n {
			r.dp[k] += float64(d.i[k]) * float64(d.c0[k])
			r.dp[n+k] += float64(d.o[k]) * float64(d.c[k])
			r.dp[2*n+k] += float64(d.f[k]) * float64(d.c0[k])
		}
	}
}

// backwardState sets dh to the gradient of state t where all gates read it through the recurrent weights alone;
// a sample without such a step keeps what it has.
func (r *Recurrent) backwardState(w *Workers, t int, p *Parameters) {
	n, width := r.Hidden, r.width()
	for b := range r.Batch {
		if r.live(t, b) {
			clear(r.dh[b*n : (b+1)*n])
		}
	}
	Gemm(w, NewMatrix(r.dh, r.Batch, n, n), NewMatrix(r.gates(r.dpre, t), r.Batch, width, width),
		NewMatrix(p.Recurrent, width, n, n), 1, 1)
}

func (*LSTM) backwardRecurrent(w *Workers, r *Recurrent, dst []float32) {
	r.backwardRows(w, dst, r.H, 0, r.width())
}
