package search_test

import (
	"context"
	"fmt"

	"github.com/softmerge/softmerge/gating/search"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
)

// Three fine-tunes of one start are merged by TIES, without data. The recipe has the method and its parameters, and
// bakes the same model again from the same files.
func ExampleAverage() {
	var models []*onnx.Model
	for _, name := range []string{"ft0", "ft1", "ft2", "start"} {
		m, err := onnx.Open("../../fixtures/cnn/" + name + ".onnx")
		if err != nil {
			fmt.Println(err)
			return
		}
		defer m.Close()
		models = append(models, m)
	}
	alignment, err := graphmatch.Align(models[:3], 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	selection, err := alignment.Select(nil, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	result, err := search.Average(context.Background(), selection, search.Options{Method: "ties",
		Static: search.StaticOptions{Start: models[3], Params: map[string]float64{"density": 0.4}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	recipe, err := result.Recipe()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(recipe.Static.Method, recipe.Static.Params)
	if recipe, err = recipe.StartAmong(models); err != nil {
		fmt.Println(err)
		return
	}
	again, err := recipe.Bake(alignment)
	if err != nil {
		fmt.Println(err)
		return
	}
	difference, err := graphmatch.Diff(result.Model(), again)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("the same model:", difference.Same())
	// Output:
	// ties map[density:0.4 lambda:1]
	// the same model: true
}
