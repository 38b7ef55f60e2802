package objective_test

import (
	"fmt"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/gating/objective"
	"github.com/softmerge/softmerge/onnx"
)

// beside is a model whose inputs have the names of the data's, beside data of one shape.
type beside struct {
	model *onnx.Model
	data  *dataset.Data
}

func (b beside) Outputs() []string {
	var names []string
	for _, o := range b.model.Proto().GetGraph().GetOutput() {
		names = append(names, o.GetName())
	}
	return names
}

func (b beside) Lower(_ int, outputs ...string) (*network.Graph, error) {
	shapes := map[string][]int{}
	for _, c := range b.data.Inputs {
		shapes[c.Name] = append([]int{1}, c.Shape...)
	}
	return network.Lower(b.model, network.Config{Shapes: shapes, Outputs: outputs})
}

func (b beside) Answers(output string, samples int) ([]*network.Tensor, error) {
	g, err := b.Lower(0, output)
	if err != nil {
		return nil, err
	}
	runner := network.NewRunner(g, nil)
	var list []*network.Tensor
	for row := range min(samples, b.data.Len()) {
		inputs := map[string]*network.Tensor{}
		for _, c := range b.data.Inputs {
			t := network.NewTensor(network.Spec{Type: c.Type, Shape: append([]int{1}, c.Shape...)})
			c.Gather([]int{row}, t.F, t.I)
			inputs[c.Name] = t
		}
		outs, err := runner.Run(inputs, nil)
		if err != nil {
			return nil, err
		}
		list = append(list, &network.Tensor{Type: outs[0].Type, Shape: outs[0].Shape, F: append([]float32{}, outs[0].F...)})
	}
	return list, nil
}

// The labels are the numbers of classes, of which the output has a score for each.
func ExampleFit() {
	m, err := onnx.Open("../../fixtures/mlp/ft0.onnx")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()
	d, err := dataset.Open("../../fixtures/val.npz", dataset.Options{Inputs: []dataset.Field{
		{Name: "input", Type: onnx.Float32, Shape: []int{-1, 1, 8, 8}}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	o, err := objective.Fit(beside{m, d}, d, objective.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	h := o.Only()
	fmt.Println(h.Output, h.Loss.Name(), o.Metric.Name, h.Classes)
	// Output: logits cross_entropy accuracy 10
}
