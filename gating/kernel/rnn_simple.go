package kernel

// RNN is the cell of ONNX's operator RNN: H' = F(W x + R H + biases).
type RNN struct{ F Activation }

// Gates is 1.
func (*RNN) Gates() int { return 1 }

func (*RNN) split() bool { return false }

func (l *RNN) forward(w *Workers, r *Recurrent, t int, p *Parameters) {
	n := r.Hidden
	pre, act, h, next := r.state(r.pre, t), r.state(r.act, t), r.state(r.H, t), r.state(r.H, t+1)
	Gemm(w, NewMatrix(pre, r.Batch, n, n), NewMatrix(h, r.Batch, n, n), NewMatrix(p.Recurrent, n, n, n).T(), 1, 1)
	r.rows(w, func(b int) {
		lo, hi := b*n, (b+1)*n
		if !r.live(t, b) {
			copy(next[lo:hi], h[lo:hi])
			return
		}
		l.F.run(act[lo:hi], pre[lo:hi], r.Clip)
		copy(next[lo:hi], act[lo:hi])
	})
}

func (l *RNN) backward(w *Workers, r *Recurrent, t int, p *Parameters) {
	n := r.Hidden
	pre, act, d := r.state(r.pre, t), r.state(r.act, t), r.state(r.dpre, t)
	r.rows(w, func(b int) {
		lo, hi := b*n, (b+1)*n
		if !r.live(t, b) {
			clear(d[lo:hi])
			return
		}
		for k := lo; k < hi; k++ {
			d[k] = r.dh[k] * l.F.slopeAt(r.Clip, pre[k], act[k])
		}
	})
	r.backwardState(w, t, p)
}

func (*RNN) backwardRecurrent(w *Workers, r *Recurrent, dst []float32) {
	r.backwardRows(w, dst, r.H, 0, r.Hidden)
}
