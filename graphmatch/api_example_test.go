package graphmatch_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/advice"
)

// openAll opens models and returns a function that closes them.
func openAll(paths ...string) (models []*onnx.Model, done func()) {
	for _, path := range paths {
		m, err := onnx.Open(path)
		if err != nil {
			log.Fatal(err)
		}
		models = append(models, m)
	}
	return models, func() {
		for _, m := range models {
			m.Close()
		}
	}
}

// Two exporters wrote one network: the second stores some weights transposed and made up its own names. The layers are
// the same, and values are read in the base's orientation.
func ExampleAlign() {
	models, done := openAll("testdata/tied_tuned.onnx", "testdata/transformer_tuned.onnx")
	defer done()
	a, err := graphmatch.Align(models, 0)
	if err != nil {
		log.Fatal(err)
	}
	l := a.Layers[2]
	fmt.Println(l.Name, l.Op, l.Status)
	for k := range l.Params {
		p := &l.Params[k]
		values, err := a.Floats(p, 1, nil)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(p.Role, p.Shape, p.Uses[1].Name, p.Uses[1].Transposed, len(values))
	}
	// Output:
	// encoder.self_attn MatMul identical
	// weight [24 8] onnx::MatMul_170 true 192
	// bias [24] encoder.self_attn.in_proj_bias false 24
}

// A registry that merges only what every model has checks the selection before anything is learned.
func ExampleSelection_Strict() {
	models, done := openAll("testdata/resnet_bn_fresh.onnx", "testdata/resnet_extra_tuned.onnx")
	defer done()
	a, err := graphmatch.Align(models, 0)
	if err != nil {
		log.Fatal(err)
	}
	s, err := a.Select([]string{"op:Conv", "fc"}, nil)
	if err != nil {
		log.Fatal(err)
	}
	if err := s.Strict(); errors.Is(err, graphmatch.ErrAlign) {
		fmt.Println(err)
		s = s.Intersection()
	}
	fmt.Println(len(s.Layers), "layers can be merged")
	// Output:
	// 2 of 13 selected layers do not align:
	//   layer "layer2.2.conv1": missing: resnet_bn_fresh.onnx has no such layer
	//   layer "layer2.2.conv2": missing: resnet_bn_fresh.onnx has no such layer
	// 11 layers can be merged
}

// A pattern that finds nothing says what may have been meant.
func ExampleAlignment_Select() {
	models, done := openAll("testdata/resnet_fresh.onnx")
	defer done()
	a, err := graphmatch.Align(models, 0)
	if err != nil {
		log.Fatal(err)
	}
	_, err = a.Select([]string{"layr1"}, nil)
	fmt.Println(err)
	fmt.Println(advice.Hint(err))
	// Output:
	// pattern "layr1" matches no layer
	// did you mean layer1, layer2, layer1.0? "softmerge inspect" lists all names
}

// Two networks that were trained from different seeds number their hidden units differently. Permute puts the
// second's into the order of the first's; what the second computes stays the same.
func ExamplePermute() {
	models, done := openAll("../fixtures/mlp/seed0.onnx", "../fixtures/mlp/seed1.onnx")
	defer done()
	a, err := graphmatch.Align(models, 0)
	if err != nil {
		log.Fatal(err)
	}
	p, err := graphmatch.Permute(context.Background(), a, graphmatch.PermuteOptions{Seed: 1})
	if err != nil {
		log.Fatal(err)
	}
	for _, u := range p.Units[1] {
		fmt.Println(u.Size, "units of", u.Layers)
	}
	fmt.Printf("closer: %v\n", p.After[1] > p.Before[1]+0.1)
	// Output:
	// 64 units of [1 3]
	// 32 units of [3 5]
	// closer: true
}

// Hidden says which units could be reordered, and how alike the weights are as they stand, without moving anything.
func ExampleHidden() {
	models, done := openAll("../fixtures/mlp/start.onnx", "../fixtures/mlp/ft0.onnx", "../fixtures/mlp/seed0.onnx")
	defer done()
	a, err := graphmatch.Align(models, 0)
	if err != nil {
		log.Fatal(err)
	}
	units, cosines, err := graphmatch.Hidden(a)
	if err != nil {
		log.Fatal(err)
	}
	for j := 1; j < len(models); j++ {
		fmt.Printf("model %d: %d sets of units, cosine with the base %.1f\n", j, len(units[j]), cosines[j])
	}
	// Output:
	// model 1: 2 sets of units, cosine with the base 0.9
	// model 2: 2 sets of units, cosine with the base 0.0
}
