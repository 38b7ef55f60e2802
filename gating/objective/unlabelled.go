package objective

import (
	"github.com/softmerge/softmerge/gating/metric"
	"github.com/softmerge/softmerge/gating/network"
)

// unlabelled is an objective without labels: the shape of the output alone tells what it answers.
func (f *fit) unlabelled(loss string) (Head, string) {
	axis := f.scoresAxis()
	sigmoid := f.op == "Sigmoid"
	switch {
	case len(f.out.Shape) == 0:
		return Head{}, "it has no sample axis"
	case axis >= 0 && !sigmoid:
		o := f.ofClasses(axis)
		o.task.Kind, o.Loss = metric.Agreed, network.Distill{Of: network.CrossEntropy{Form: o.task.Form, Axis: axis}}
		if loss == entropy {
			o.task.Kind, o.Loss = metric.Silent, network.Entropy{Form: o.task.Form, Axis: axis}
		}
		return o, ""
	case loss == entropy:
		o := Head{task: f.ofThings()}
		o.task.Kind, o.Loss = metric.Silent, network.Entropy{Form: o.task.Form, Axis: -1}
		return o, ""
	case sigmoid:
		o := Head{task: f.ofThings()}
		o.task.Kind, o.Loss = metric.Agreed, network.Distill{Of: network.BCE{Form: o.task.Form}}
		return o, ""
	}
	return Head{Loss: network.Distill{Of: network.MSE{}}, task: metric.Task{Kind: metric.Silent}}, ""
}

// scoresAxis is the axis that counts classes as far as an output alone tells: that of its softmax; else axis 1 of one
// row a sample and of images, the last of sequences. It is -1 where that has one number.
func (f *fit) scoresAxis() int {
	axis := f.norm
	if axis < 0 {
		axis = 1
		if len(f.out.Shape) == 3 {
			axis = 2
		}
	}
	if axis >= len(f.out.Shape) || f.out.Shape[axis] < 2 {
		return -1
	}
	return axis
}
