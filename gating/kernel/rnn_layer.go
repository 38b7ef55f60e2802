package kernel

// Recurrent is one direction of a recurrent layer: a cell applied to a batch of sequences step by step. Sequences lie
// in the order of the steps, [Steps,Batch,...]; a sample whose sequence is over keeps its state.
//
// Forward keeps what Backward needs, so a Recurrent serves one layer and one run at a time.
type Recurrent struct {
	Steps, Batch, Input, Hidden int
	Lengths                     []int // steps of each sample, at most Steps; nil where all have Steps
	Clip                        float32
	Cell                        Cell

	// H holds the hidden states [Steps+1,Batch,Hidden] and C the cell states of an LSTM, beginning with the initial
	// ones.
	H, C []float32

	*BackwardPass // where Backward leaves its gradients; another one may be set before it, so that both are kept

	pre   []float32 // [Steps,Batch,Gates*Hidden] sums that go into the activations, before they are clipped
	act   []float32 // the same after them
	extra []float32 // [Steps,Batch,Hidden] what else the cell keeps
}

// BackwardPass is the memory of one way back through a [Recurrent].
type BackwardPass struct {
	dpre, dextra []float32 // gradients of pre and extra
	dh, dc, dmid []float32 // gradients of the state before the step that Backward has come to
	dp           []float64 // gradient of the peepholes
}

// Cell is one step of a recurrent layer.
type Cell interface {
	// Gates is the number of blocks of Hidden rows in the weights.
	Gates() int
	// split says whether the biases of input and recurrence are apart in the last gate.
	split() bool
	// forward computes state t+1 from state t; pre holds the input's part and the biases.
	forward(w *Workers, r *Recurrent, t int, p *Parameters)
	// backward turns dh and dc of state t+1 into those of state t and sets step t of dpre.
	backward(w *Workers, r *Recurrent, t int, p *Parameters)
	// backwardRecurrent writes the gradient of the recurrent weights, [G*H,H], once all steps are done.
	backwardRecurrent(w *Workers, r *Recurrent, dst []float32)
}

// Parameters are the weights of one direction, in ONNX's order of gates: Weight [G*H,I], Recurrent [G*H,H], Bias
// [2*G*H] (input's, then recurrence's) or nil, Peephole [3*H] or nil.
type Parameters struct {
	Weight, Recurrent, Bias, Peephole []float32
}

// live says whether sample b has a step t.
func (r *Recurrent) live(t, b int) bool { return r.Lengths == nil || t < r.Lengths[b] }

// width is the number of columns of the gates.
func (r *Recurrent) width() int { return r.Cell.Gates() * r.Hidden }

// state returns step t of states [.,Batch,Hidden].
func (r *Recurrent) state(s []float32, t int) []float32 {
	n := r.Batch * r.Hidden
	return s[t*n : (t+1)*n]
}

// gates returns step t of gates [.,Batch,G*Hidden].
func (r *Recurrent) gates(s []float32, t int) []float32 {
	n := r.Batch * r.width()
	return s[t*n : (t+1)*n]
}

// Forward computes H (and C) from x [Steps,Batch,Input] and the initial states [Batch,Hidden], nil for zeros.
func (r *Recurrent) Forward(w *Workers, x, h0, c0 []float32, p *Parameters) {
	n, width := r.Batch*r.Hidden, r.width()
	r.pre, r.act = sized(r.pre, r.Steps*r.Batch*width), sized(r.act, r.Steps*r.Batch*width)
	r.H, r.C = sized(r.H, (r.Steps+1)*n), sized(r.C, (r.Steps+1)*n)
	r.extra = sized(r.extra, r.Steps*n)
	if r.BackwardPass == nil {
		r.BackwardPass = &BackwardPass{}
	}
	begin(r.state(r.H, 0), h0)
	begin(r.state(r.C, 0), c0)
	r.addBias(p.Bias)
	steps := r.Steps * r.Batch
	Gemm(w, NewMatrix(r.pre, steps, width, width), NewMatrix(x, steps, r.Input, r.Input),
		NewMatrix(p.Weight, width, r.Input, r.Input).T(), 1, 1)
	for t := range r.Steps {
		r.Cell.forward(w, r, t, p)
	}
}

// begin sets an initial state.
func begin(state, given []float32) {
	if given == nil {
		clear(state)
		return
	}
	copy(state, given)
}

// addBias starts the sums with the biases.
func (r *Recurrent) addBias(bias []float32) {
	width := r.width()
	if bias == nil {
		clear(r.pre)
		return
	}
	shared := width
	if r.Cell.split() {
		shared -= r.Hidden
	}
	for lo := 0; lo < len(r.pre); lo += width {
		row := r.pre[lo : lo+width]
		copy(row, bias[:width])
		for i, v := range bias[width : width+shared] {
			row[i] += v
		}
	}
}

// Backward goes back through all steps. dy is the gradient of the states after each step [Steps,Batch,Hidden], dh and
// dc that of the last states; each may be nil. The gradients of the weights and initial states are read afterwards.
func (r *Recurrent) Backward(w *Workers, dy, dh, dc []float32, p *Parameters) {
	n := r.Batch * r.Hidden
	r.dpre, r.dextra = sized(r.dpre, len(r.pre)), sized(r.dextra, len(r.extra))
	r.dh, r.dc, r.dmid = sized(r.dh, n), sized(r.dc, n), sized(r.dmid, n)
	r.dp = sized(r.dp, 3*r.Hidden)
	clear(r.dp)
	begin(r.dh, dh)
	begin(r.dc, dc)
	for t := r.Steps - 1; t >= 0; t-- {
		if dy != nil {
			r.addLive(t, r.state(dy, t))
		}
		r.Cell.backward(w, r, t, p)
	}
}

// BackwardState returns the gradients of the initial states after Backward.
func (r *Recurrent) BackwardState() (dh0, dc0 []float32) { return r.dh, r.dc }

// addLive adds the gradient of the states after step t, of the samples that have such a step.
func (r *Recurrent) addLive(t int, dy []float32) {
	for b := range r.Batch {
		if r.live(t, b) {
			row := r.dh[b*r.Hidden : (b+1)*r.Hidden]
			for i, v := range dy[b*r.Hidden : (b+1)*r.Hidden] {
				row[i] += v
			}
		}
	}
}

// BackwardInput writes the gradient of x after Backward.
func (r *Recurrent) BackwardInput(w *Workers, dx []float32, p *Parameters) {
	steps, width := r.Steps*r.Batch, r.width()
	Gemm(w, NewMatrix(dx, steps, r.Input, r.Input), NewMatrix(r.dpre, steps, width, width),
		NewMatrix(p.Weight, width, r.Input, r.Input), 1, 0)
}

// BackwardWeight writes the gradient of the input weights after Backward.
func (r *Recurrent) BackwardWeight(w *Workers, dst, x []float32) {
	steps, width := r.Steps*r.Batch, r.width()
	Gemm(w, NewMatrix(dst, width, r.Input, r.Input), NewMatrix(r.dpre, steps, width, width).T(),
		NewMatrix(x, steps, r.Input, r.Input), 1, 0)
}

// BackwardRecurrent writes the gradient of the recurrent weights after Backward.
func (r *Recurrent) BackwardRecurrent(w *Workers, dst []float32) { r.Cell.backwardRecurrent(w, r, dst) }

// backwardRows writes the gradient of the rows lo to hi of the recurrent weights from states [Steps,Batch,Hidden].
func (r *Recurrent) backwardRows(w *Workers, dst, states []float32, lo, hi int) {
	n := r.Hidden
	from := r.dpre[min(lo, len(r.dpre)):]
	steps := r.Steps * r.Batch
	Gemm(w, NewMatrix(dst[lo*n:], hi-lo, n, n), NewMatrix(from, steps, hi-lo, r.width()).T(),
		NewMatrix(states, steps, n, n), 1, 0)
}

// BackwardBias writes the gradient of both biases after Backward.
func (r *Recurrent) BackwardBias(w *Workers, dst []float32) {
	width := r.width()
	sums := make([]float64, width)
	ChannelDots(w, sums, r.dpre, nil, r.Steps*r.Batch, width, 1)
	for i, v := range sums {
		dst[i], dst[width+i] = float32(v), float32(v)
	}
	if r.Cell.split() {
		ChannelDots(w, sums[:r.Hidden], r.dextra, nil, r.Steps*r.Batch, r.Hidden, 1)
		for i, v := range sums[:r.Hidden] {
			dst[2*width-r.Hidden+i] = float32(v)
		}
	}
}

// BackwardPeephole writes the gradient of the peepholes after Backward.
func (r *Recurrent) BackwardPeephole(dst []float32) {
	for i, v := range r.dp {
		dst[i] = float32(v)
	}
}

// rows calls body for every sample, with several samples at once where there is work for more goroutines.
func (r *Recurrent) rows(w *Workers, body func(b int)) {
	w.For(r.Batch, max(1, pieceElements/max(1, 8*r.width())), func(lo, hi int) {
		for b := lo; b < hi; b++ {
			body(b)
		}
	})
}

// sized returns memory of n elements with any content, reusing m where it is large enough.
func sized[T any](m []T, n int) []T {
	if cap(m) < n {
		return make([]T, n)
	}
	return m[:n]
}
