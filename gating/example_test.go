package gating_test

import (
	"context"
	"fmt"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
)

// The steps of a merge one by one: two fine-tunes of one start, gates by layer.
func Example() {
	ctx := context.Background()
	models, data, err := openMLP()
	if err != nil {
		fmt.Println(err)
		return
	}
	model, err := mergeByLayer(ctx, models, data)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("the merge breaks no rule of ONNX:", onnx.Validate(model) == nil)
	// Output:
	// parents: 3, groups of gates: 3
	// the merge is better than each parent: true
	// the merge breaks no rule of ONNX: true
}

func openMLP() (models []*onnx.Model, data *dataset.Data, err error) {
	for i := range 3 {
		m, err := onnx.Open(fmt.Sprintf("../fixtures/mlp/ft%d.onnx", i))
		if err != nil {
			return nil, nil, err
		}
		models = append(models, m)
	}
	data, err = dataset.Open("../fixtures/val.npz", dataset.Options{Inputs: gating.Fields(models[0])})
	return models, data, err
}

func mergeByLayer(ctx context.Context, models []*onnx.Model, data *dataset.Data) (*onnx.Model, error) {
	alignment, err := graphmatch.Align(models, 0)
	if err != nil {
		return nil, err
	}
	selection, err := alignment.Select(nil, nil)
	if err != nil {
		return nil, err
	}
	objective, err := gating.FitObjective(models[0], data, gating.ObjectiveOptions{})
	if err != nil {
		return nil, err
	}
	all, err := gating.NewEvaluator(data, objective, gating.EvaluatorOptions{})
	if err != nil {
		return nil, err
	}
	defer all.Close()
	learn, judge, err := all.Split(0.2, 0)
	if err != nil {
		return nil, err
	}
	losses := make([]float64, len(models))
	best := 0.0
	for j, m := range models {
		score, err := learn.Score(ctx, m)
		if err != nil {
			return nil, err
		}
		losses[j] = score.Loss
		judged, err := judge.Score(ctx, m)
		if err != nil {
			return nil, err
		}
		best = max(best, judged.Metric)
	}
	weights, err := gating.LoadWeights(selection)
	if err != nil {
		return nil, err
	}
	plan, err := gating.NewPlan(weights, gating.ByLayer)
	if err != nil {
		return nil, err
	}
	fmt.Printf("parents: %d, groups of gates: %d\n", len(models), len(plan.Groups()))
	start, err := gating.NewStart(ctx, plan, learn, losses, gating.StartOptions{})
	if err != nil {
		return nil, err
	}
	learned, err := gating.Learn(ctx, start, learn, gating.LearnOptions{})
	if err != nil {
		return nil, err
	}
	merged, err := gating.NewMixture(learned.Plan, learned.Coefficients()).Bake()
	if err != nil {
		return nil, err
	}
	score, err := judge.Score(ctx, merged)
	fmt.Println("the merge is better than each parent:", score.Metric > best)
	return merged, err
}
