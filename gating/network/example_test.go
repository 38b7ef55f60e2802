package network_test

import (
	"fmt"

	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/gating/network/tape"
	"github.com/softmerge/softmerge/onnx"
)

// The loss of a network whose first weight is a mixture of two parents', and its
// gradient with respect to the two coefficients.
func Example() {
	parents := make([]*onnx.Model, 2)
	for j := range parents {
		m, err := onnx.Open(fmt.Sprintf("../../fixtures/mlp/ft%d.onnx", j))
		if err != nil {
			fmt.Println(err)
			return
		}
		defer m.Close()
		parents[j] = m
	}
	param, err := mixture(parents, "1.weight")
	if err != nil {
		fmt.Println(err)
		return
	}
	const batch = 4
	shapes := map[string][]int{"input": {batch, 1, 8, 8}}
	graph, err := network.Lower(parents[0], network.Config{Shapes: shapes, Params: []network.Param{param}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("output", graph.Outputs()[0].Spec)
	program, err := network.NewProgram(graph, network.HeadOf(0, network.CrossEntropy{Axis: 1}), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	loss, gradient, err := step(program, batch)
	fmt.Printf("loss above zero: %v, gradients: %d, error: %v\n", loss > 0, len(gradient), err)
	// Output:
	// output float32[4 10]
	// loss above zero: true, gradients: 2, error: <nil>
}

// mixture is the named initializer of both parents, at every node that reads it.
func mixture(parents []*onnx.Model, name string) (network.Param, error) {
	p := network.Param{Name: name, Axis: -1}
	for _, m := range parents {
		for _, t := range m.Proto().GetGraph().GetInitializer() {
			if t.GetName() != name {
				continue
			}
			values, err := m.Tensor(t).Floats(nil)
			if err != nil {
				return p, err
			}
			p.Shape, p.Values = m.Tensor(t).Shape(), append(p.Values, values)
		}
	}
	for _, n := range parents[0].Proto().GetGraph().GetNode() {
		for i, in := range n.GetInput() {
			if in == name {
				p.Sites = append(p.Sites, onnx.Site{Node: n, Input: i})
			}
		}
	}
	return p, nil
}

// step puts the program on a tape and runs it once on a batch of zeros of class 3.
func step(program *network.Program, batch int) (loss float64, gradient []float32, err error) {
	on := tape.New()
	c := on.Parameter("c", []float32{0.5, 0.5})
	cost, err := program.Build(on, []*tape.Vector{c})
	if err != nil {
		return 0, nil, err
	}
	m, err := on.Compile(cost, c)
	if err != nil {
		return 0, nil, err
	}
	defer m.Close()
	x := network.NewTensor(network.Spec{Type: onnx.Float32, Shape: []int{batch, 1, 8, 8}})
	label := &network.Tensor{Type: onnx.Int64, Shape: []int{batch}, I: []int64{3, 3, 3, 3}}
	if err := program.Load(map[string]*network.Tensor{"input": x}, label); err != nil {
		return 0, nil, err
	}
	loss, err = m.Run()
	return loss, m.Gradient(0), err
}
