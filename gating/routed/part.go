package routed

import (
	"slices"

	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
)

// part is one parameter of the network in all models.
type part struct {
	layer *graphmatch.Layer
	param *graphmatch.Param
	start *graphmatch.Param // the start's, in the alignment that it is the last of; nil for the models' mean
	exact bool              // kept for each task as it is
	head  *sized            // of a head whose size differs from task to task; nil for all others
}

// name is what the file calls what is made for the part.
func (p *part) name() string { return p.layer.Name + "." + p.param.Role }

// size is the number of elements.
func (p *part) size() int { return product(p.param.Shape) }

func product(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// matrix says whether a shape has two axes along which anything varies. A bias, a scale and a statistic have one,
// whatever their shape: a variance that is masked and scaled could become negative.
func matrix(shape []int) bool {
	wide := 0
	for _, d := range shape {
		if d > 1 {
			wide++
		}
	}
	return wide > 1
}

// united is what the elected form keeps of a part, rounded to the type of the base's tensor.
type united struct {
	theta []float64   // the start
	tau   []float64   // the unified task vector
	taus  [][]float64 // each task's own
}

// values are a task's own weights at a part, as the base's node reads them.
func (e *EMR) values(p *part, task int) ([]float64, error) {
	v, err := e.selection.Alignment.Doubles(p.param, task, nil)
	if err != nil || p.layer.Op != "BatchNormalization" || p.param.Role != "var" {
		return v, err
	}
	// Mean, scale and bias go as they are: the base's node must add up the same variance and epsilon.
	own, base := epsilon(p.param, task), epsilon(p.param, e.selection.Alignment.Base)
	for i := range v {
		v[i] += own - base
	}
	return v, nil
}

// epsilon is that of the BatchNormalization that reads a parameter in a model.
func epsilon(p *graphmatch.Param, model int) float64 {
	return float64(onnx.NodeAttributes(p.Uses[model].Reader).Float("epsilon", 1e-5))
}

// dataType is that of the base's tensor.
func (e *EMR) dataType(p *part) onnx.DataType {
	return e.base().Tensor(p.param.Uses[e.selection.Alignment.Base].Tensor).DataType()
}

// unite computes what the elected form keeps of a part.
func (e *EMR) unite(p *part) (*united, error) {
	models := len(e.tasks)
	u := &united{taus: make([][]float64, models)}
	var err error
	for t := range models {
		if u.taus[t], err = e.values(p, t); err != nil {
			return nil, err
		}
	}
	if p.start != nil {
		if u.theta, err = e.joined.Doubles(p.start, models, nil); err != nil {
			return nil, err
		}
	} else {
		u.theta = mean(u.taus)
	}
	dt := e.dataType(p)
	if u.theta, err = rounded(dt, u.theta); err != nil {
		return nil, err
	}
	for _, tau := range u.taus {
		for i := range tau {
			tau[i] -= u.theta[i]
		}
	}
	u.tau, err = rounded(dt, elect(u.taus))
	return u, err
}

// mean is that of several lists.
func mean(lists [][]float64) []float64 {
	out := make([]float64, len(lists[0]))
	for _, list := range lists {
		for i, v := range list {
			out[i] += v
		}
	}
	for i := range out {
		out[i] /= float64(len(lists))
	}
	return out
}

// rounded returns numbers as a float type holds them.
func rounded(dt onnx.DataType, v []float64) ([]float64, error) {
	if dt == onnx.Float32 {
		out := make([]float64, len(v))
		for i := range v {
			out[i] = float64(float32(v[i]))
		}
		return out, nil
	}
	t, err := onnx.NewFloatTensor("", dt, []int{len(v)}, v)
	if err != nil {
		return nil, err
	}
	return onnx.TensorOf(t).Doubles(nil)
}

// weights are what a task's model has at a part: theta_0 + lambda_t M_t tau, rounded after each step as the graph's
// operators do, so that a file of one task has the very numbers that the routed file computes.
func (e *EMR) weights(p *part, task int) ([]float64, error) {
	if p.exact {
		return e.values(p, task)
	}
	u, err := e.unite(p)
	if err != nil {
		return nil, err
	}
	dt := e.dataType(p)
	factor, err := rounded(dt, e.factors[task:task+1])
	if err != nil {
		return nil, err
	}
	scaled := slices.Clone(u.tau)
	for i := range scaled {
		scaled[i] *= factor[0]
	}
	if scaled, err = rounded(dt, scaled); err != nil {
		return nil, err
	}
	for i, own := range u.taus[task] {
		if agree(own, u.tau[i]) {
			u.theta[i] += scaled[i]
		}
	}
	return u.theta, nil
}

// stacked are all tasks' own weights at a part, one behind the other.
func (e *EMR) stacked(p *part) (all []float64, err error) {
	for t := range e.tasks {
		v, err := e.values(p, t)
		if err != nil {
			return nil, err
		}
		all = append(all, v...)
	}
	return all, nil
}

// perByte is how many tasks' bits a byte of a packed mask holds.
const perByte = 8

// masks are the tasks' masks at a part, so many in a number: bit t%many of number t/many of a weight is that of task t.
// All first numbers come before all second ones.
func (e *EMR) masks(p *part, many int) ([]float64, error) {
	u, err := e.unite(p)
	if err != nil {
		return nil, err
	}
	out := make([]float64, (len(e.tasks)+many-1)/many*p.size())
	for t, own := range u.taus {
		numbers := out[t/many*p.size():]
		for i := range own {
			if agree(own[i], u.tau[i]) {
				numbers[i] += float64(int(1) << (t % many))
			}
		}
	}
	return out, nil
}
