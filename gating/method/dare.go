package method

import (
	"hash/fnv"

	"github.com/softmerge/softmerge/graphmatch/random"
)

// DARE drops values of task vectors at random and scales up what is left, so that each has its value on the mean of all
// draws (arXiv 2311.03099). For m ~ Bernoulli(p), p the share that is dropped, density = 1 - p:
//
//	tau~_j = (1 - m) tau_j / (1 - p).
//
// What is left is summed up as in task arithmetic, or merged as in TIES, which trims nothing more then.
var (
	dareLinear = Method{
		Name: "dare_linear", Paper: "2311.03099", Does: "task arithmetic of task vectors thinned out at random",
		Params: []Param{density(0.5, "share of each task vector that is kept"), scale(usualScale)}, Started: true,
		merge: func(t *Tensor, v values) ([]float64, error) {
			start := t.start()
			return from(start, v["lambda"], t.sum(t.dropped(start, v["density"]))), nil
		},
	}
	dareTIES = Method{
		Name: "dare_ties", Paper: "2311.03099", Does: "ties of task vectors thinned out at random",
		Params: []Param{density(0.5, "share of each task vector that is kept"), scale(1)}, Started: true,
		merge: func(t *Tensor, v values) ([]float64, error) {
			start := t.start()
			return from(start, v["lambda"], t.elected(t.dropped(start, v["density"]), t.Weights)), nil
		},
	}
)

// dropped are the task vectors with values dropped and the others scaled up. What is drawn depends on the seed, the
// tensor's name and the model's place, not on which tensors were merged before.
func (t *Tensor) dropped(start []float64, density float64) [][]float64 {
	tasks := t.tasks(start)
	for j, tau := range tasks {
		draw := random.New(t.Seed, t.stream(j))
		for i := range tau {
			if draw.Float64() < density {
				tau[i] /= density
			} else {
				tau[i] = 0
			}
		}
	}
	return tasks
}

// stream numbers the random numbers of a model in this tensor.
func (t *Tensor) stream(model int) uint64 {
	h := fnv.New64a()
	h.Write([]byte(t.Name))
	return h.Sum64() + uint64(model)
}
