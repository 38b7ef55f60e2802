package search_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/search"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
)

// A model registry merges the fine-tunes that its users pushed: open, align,
// select, merge on data, write with a check before the file gets its name.
func Example() {
	dir, err := os.MkdirTemp("", "registry")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	if err := mergeInto(filepath.Join(dir, "merged.onnx")); err != nil {
		fmt.Println(err)
	}
	// Output:
	// 4 layers of 3 models
	// learns cross_entropy, judged by accuracy
	// a merge was chosen: true
	// the written file has the candidate's accuracy: true
}

func mergeInto(out string) error {
	var models []*onnx.Model
	for i := range 3 {
		m, err := onnx.Open(fmt.Sprintf("../../fixtures/cnn/ft%d.onnx", i))
		if err != nil {
			return err
		}
		defer m.Close()
		if err := onnx.Validate(m); err != nil { // files of strangers
			return err
		}
		models = append(models, m)
	}
	alignment, err := graphmatch.Align(models, 0)
	if err != nil {
		return err
	}
	selection, err := alignment.Select(nil, nil) // every layer
	if err != nil {
		return err
	}
	if err := selection.Strict(); err != nil { // all of them must be in every model
		return err
	}
	fmt.Println(len(selection.Layers), "layers of", len(models), "models")
	data, err := dataset.Open("../../fixtures/val.npz", dataset.Options{Inputs: gating.Fields(models[0])})
	if err != nil {
		return err
	}
	ctx := context.Background()
	result, err := search.Merge(ctx, selection, data, search.Options{Learn: gating.LearnOptions{MaxSteps: 50}})
	if err != nil {
		return err
	}
	fmt.Printf("learns %s, judged by %s\n", result.Objective.LossName(), result.Objective.Metric.Name)
	fmt.Println("a merge was chosen:", result.Gained())
	if !result.Gained() { // the best parent stays what it is
		return search.ErrNoGain
	}
	recipe, err := result.Recipe()
	if err != nil {
		return err
	}
	model, err := recipe.Describe(result.Model(), "registry 1.0")
	if err != nil {
		return err
	}
	return onnx.WriteFile(out, model, onnx.WriteOptions{Verify: func(path string) error {
		back, err := onnx.Open(path)
		if err != nil {
			return err
		}
		defer back.Close()
		err = result.Verify(ctx, back)
		fmt.Println("the written file has the candidate's accuracy:", err == nil)
		return err
	}})
}
