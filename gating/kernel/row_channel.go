package kernel

// affineChunk is how many elements go through both steps of y = scale·x + shift while they are in the first-level
// cache.
const affineChunk = 4096

// ScaleShift writes y = scale·x + shift for batch×channels×inner tensors with one scale and shift a channel. x may be
// y.
func ScaleShift(w *Workers, y, x, scale, shift []float32, batch, channels, inner int) {
	if inner < lineBlock {
		scaleShiftRows(w, y, x, scale, shift, batch, channels, inner)
		return
	}
	w.For(batch*channels, max(1, pieceElements/inner), func(lo, hi int) {
		for p := lo; p < hi; p++ {
			s, t := scale[p%channels], shift[p%channels]
			for from := p * inner; from < (p+1)*inner; from += affineChunk {
				to := min(from+affineChunk, (p+1)*inner)
				loops[loopMulOne](y[from:to], x[from:to], x[from:to], s, 0)
				loops[loopAddOne](y[from:to], y[from:to], y[from:to], t, 0)
			}
		}
	})
}

// scaleShiftRows is ScaleShift where channels alternate quickly.
func scaleShiftRows(w *Workers, y, x, scale, shift []float32, batch, channels, inner int) {
	w.For(batch, max(1, pieceElements/max(1, channels*inner)), func(lo, hi int) {
		for b := lo; b < hi; b++ {
			at := b * channels * inner
			if inner == 1 {
				row := y[at : at+channels]
				loops[loopMul](row, x[at:at+channels], scale, 0, 0)
				loops[loopAdd](row, row, shift, 0, 0)
				continue
			}
			for c, s := range scale[:channels] {
				t := shift[c]
				for range inner {
					y[at] = float32(s*x[at]) + t // rounded twice, as in the loops
					at++
				}
			}
		}
	})
}

// ChannelDots writes the sum of a·b over batch and inner for every channel of batch×channels×inner tensors,
// added up in double precision. With b nil it is the sum of a.
func ChannelDots(w *Workers, out []float64, a, b []float32, batch, channels, inner int) {
	if inner < lineBlock {
		channelDotsRows(w, out, a, b, batch, channels, inner)
		return
	}
	w.For(channels, max(1, pieceElements/max(1, batch*inner)), func(lo, hi int) {
		for c := lo; c < hi; c++ {
			var sum float64
			for n := range batch {
				at := (n*channels + c) * inner
				if b == nil {
					sum += sumRun(a[at : at+inner])
				} else {
					sum += dotRun(a[at:at+inner], b[at:at+inner])
				}
			}
			out[c] = sum
		}
	})
}

// channelDotsRows is ChannelDots where channels alternate quickly. Channels are cut, so that no sum is shared.
func channelDotsRows(w *Workers, out []float64, a, b []float32, batch, channels, inner int) {
	grain := max(lineBlock, pieceElements/max(1, batch*inner))
	w.For(channels, grain, func(lo, hi int) {
		clear(out[lo:hi])
		for n := range batch {
			at := (n*channels + lo) * inner
			for c := lo; c < hi; c++ {
				for range inner {
					if b == nil {
						out[c] += float64(a[at])
					} else {
						out[c] += float64(a[at]) * float64(b[at])
					}
					at++
				}
			}
		}
	})
}
