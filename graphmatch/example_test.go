package graphmatch_test

import (
	"fmt"
	"log"

	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
)

// Two exports of one network: the first merged all equal biases, so that their names say nothing.
func Example() {
	var models []*onnx.Model
	for _, path := range []string{"testdata/resnet_fresh.onnx", "testdata/resnet_tuned.onnx"} {
		m, err := onnx.Open(path)
		if err != nil {
			log.Fatal(err)
		}
		defer m.Close()
		models = append(models, m)
	}
	a, err := graphmatch.Align(models, 0)
	if err != nil {
		log.Fatal(err)
	}
	s, err := a.Select([]string{"layer2.*"}, []string{"shortcut"})
	if err != nil {
		log.Fatal(err)
	}
	for _, i := range s.Layers {
		l := a.Layers[i]
		fmt.Println(l.Name, l.Status)
		for _, p := range l.Params {
			fmt.Println("   ", p.Role, p.Shape, p.Uses[0].Name, p.Uses[1].Name)
		}
	}
	// Output:
	// layer2.0.conv1 matched
	//     weight [6 4 3 3] onnx::Conv_115 onnx::Conv_115
	//     bias [6] onnx::Conv_116 onnx::Conv_116
	// layer2.0.conv2 matched
	//     weight [6 6 3 3] onnx::Conv_118 onnx::Conv_118
	//     bias [6] onnx::Conv_116 onnx::Conv_119
	// layer2.1.conv1 matched
	//     weight [6 6 3 3] onnx::Conv_124 onnx::Conv_124
	//     bias [6] onnx::Conv_116 onnx::Conv_125
	// layer2.1.conv2 matched
	//     weight [6 6 3 3] onnx::Conv_127 onnx::Conv_127
	//     bias [6] onnx::Conv_116 onnx::Conv_128
}
