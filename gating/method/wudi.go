package method

import (
	"math"

	"gonum.org/v1/gonum/mat"
)

// wudi finds the task vector of a linear map that disturbs each task least on the inputs that its own task vector
// spans (WUDI-Merging, arXiv 2503.08099):
//
//	minimise over tau  sum over j of |(tau - tau_j) tau_j^T|^2 / |tau_j|^2,   theta = theta_0 + lambda tau,
//
// by Adam (arXiv 1412.6980) from the sum of the task vectors, with few steps: it is to stay near that. The paper's rate
// of 1e-5 fits the fine-tunes it looks at; here the rate is in units of the root mean square of the task vectors, so
// that models whose weights moved more are merged as well. All that is no linear map's weight is averaged.
var wudi = Method{
	Name: "wudi", Paper: "2503.08099", Does: "the task vector that disturbs each task least, by gradient descent",
	Params: []Param{
		scale(1),
		{Name: "steps", Default: 300, Least: 1, Most: 10000, Whole: true, Does: "steps of Adam"},
		{Name: "rate", Default: 0.02, Least: 0, Most: 1, leastIsTooLess: true,
			Does: "of learning, in root mean squares of the task vectors"},
	},
	Started: true, Costly: true,
	merge: func(t *Tensor, v values) ([]float64, error) {
		if !t.matrix() {
			return t.mean(), nil
		}
		start := t.start()
		tasks := t.tasks(start)
		tau := t.sum(tasks)
		if o := t.interference(tasks); o != nil {
			o.descend(tau, int(v["steps"]), v["rate"]*rootMeanSquare(tasks))
		}
		return from(start, v["lambda"], tau), nil
	},
}

// interference is WUDI's objective, sum over j of c_j |(tau - tau_j) tau_j^T|^2 with c_j by the model's share and the
// norm of its task vector. Its gradient is 2 sum over j of c_j (tau - tau_j) tau_j^T tau_j: of maps with many more
// inputs than outputs computed so, of all others as 2 (tau H - B), H = sum c_j tau_j^T tau_j, B = sum c_j tau_j tau_j^T
// tau_j, which takes one product a step.
type interference struct {
	rows, width int
	tasks       []*mat.Dense // of a length
	factors     []float64    // c_j of each
	h, b        *mat.Dense   // nil for the former
}

// interference prepares the objective; nil where no task vector has a length.
func (t *Tensor) interference(tasks [][]float64) *interference {
	o := &interference{rows: t.Rows, width: len(tasks[0]) / t.Rows}
	for j, v := range tasks {
		if square := dot(v, v); square > 0 {
			o.tasks = append(o.tasks, mat.NewDense(o.rows, o.width, v))
			o.factors = append(o.factors, t.share(j)/square)
		}
	}
	switch {
	case len(o.tasks) == 0:
		return nil
	case o.width <= 2*len(o.tasks)*o.rows:
		o.multiply()
	}
	return o
}

// multiply computes H and B.
func (o *interference) multiply() {
	o.h, o.b = mat.NewDense(o.width, o.width, nil), mat.NewDense(o.rows, o.width, nil)
	for j, tau := range o.tasks {
		var gram, own mat.Dense
		gram.Mul(tau.T(), tau)
		gram.Scale(o.factors[j], &gram)
		own.Mul(tau, &gram)
		o.h.Add(o.h, &gram)
		o.b.Add(o.b, &own)
	}
}

// gradient is that of the objective at tau.
func (o *interference) gradient(tau []float64, to *mat.Dense) {
	at := mat.NewDense(o.rows, o.width, tau)
	if o.h != nil {
		to.Mul(at, o.h)
		to.Sub(to, o.b)
		to.Scale(2, to)
		return
	}
	to.Zero()
	var apart, across, back mat.Dense
	for j, v := range o.tasks {
		apart.Sub(at, v)
		across.Mul(&apart, v.T())
		back.Mul(&across, v)
		back.Scale(2*o.factors[j], &back)
		to.Add(to, &back)
	}
}

// Adam's constants as its paper has them.
const (
	adamFirst  = 0.9
	adamSecond = 0.999
	adamSmall  = 1e-8
)

// descend takes steps of Adam from tau. The gradient is in units of the rate, so that its scale, which is that of the
// task vectors, makes no difference beside adamSmall.
func (o *interference) descend(tau []float64, steps int, rate float64) {
	first, second := make([]float64, len(tau)), make([]float64, len(tau))
	gradient := mat.NewDense(o.rows, o.width, nil)
	decayFirst, decaySecond := 1.0, 1.0
	for range steps {
		o.gradient(tau, gradient)
		decayFirst, decaySecond = decayFirst*adamFirst, decaySecond*adamSecond
		for i, g := range gradient.RawMatrix().Data {
			g /= rate
			first[i] = adamFirst*first[i] + (1-adamFirst)*g
			second[i] = adamSecond*second[i] + (1-adamSecond)*g*g
			tau[i] -= rate * first[i] / (1 - decayFirst) / (math.Sqrt(second[i]/(1-decaySecond)) + adamSmall)
		}
	}
}

// rootMeanSquare is that of all values of the task vectors.
func rootMeanSquare(tasks [][]float64) float64 {
	var sum float64
	for _, tau := range tasks {
		sum += dot(tau, tau)
	}
	return math.Sqrt(sum / float64(len(tasks)*len(tasks[0])))
}
