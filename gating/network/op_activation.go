package network

// activationOps are element-wise functions of one float input.
var activationOps = family{
	{"", "Relu", 1, gradFull, buildRelu},
}

// relu is max(x, 0). Its gradient at 0 is 0, as PyTorch has it.
type relu struct{}

func buildRelu(c *call) (Operator, []Spec, error) {
	if err := c.need(1); err != nil {
		return nil, nil, err
	}
	return relu{}, []Spec{c.in[0].Spec}, nil
}

// Forward computes max(x, 0).
func (relu) Forward(x *Context, in, out []*Tensor) error {
	y := out[0].F
	x.Workers.For(len(y), elementGrain, func(lo, hi int) {
		for i, v := range in[0].F[lo:hi] {
			y[lo+i] = max(v, 0)
		}
	})
	return nil
}

// Backward passes dy where the output is positive.
func (relu) Backward(x *Context, _, _ int, _, out []*Tensor, dy, dx *Tensor) error {
	y := out[0].F
	x.Workers.For(len(y), elementGrain, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			if y[i] > 0 {
				dx.F[i] = dy.F[i]
			} else {
				dx.F[i] = 0
			}
		}
	})
	return nil
}

// elementGrain is how many elements of a cheap element-wise loop are worth a goroutine of their own.
const elementGrain = 1 << 14
