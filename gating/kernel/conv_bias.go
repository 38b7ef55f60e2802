package kernel

// BackwardBias computes dbias, the sum of dy over batch and space for each output channel.
func (c *Conv) BackwardBias(w *Workers, dbias, dy []float32) {
	size := volume(c.OutDims())
	requireLen("dy", len(dy), c.Batch*c.OutChannels*size)
	requireLen("dbias", len(dbias), c.OutChannels)
	w.For(c.OutChannels, 1, func(lo, hi int) {
		for o := lo; o < hi; o++ {
			var total float64
			for b := range c.Batch {
				at := (b*c.OutChannels + o) * size
				total += sum(dy[at : at+size])
			}
			dbias[o] = float32(total)
		}
	})
}
