// Package gating merges models by learning, for every layer, how much of each
// parent it should take: soft merging (arXiv 2309.12259) with gates on the hard
// concrete distribution (arXiv 1712.01312). The parents' weights stay frozen.
//
// The way of a merge, each step one call:
//
//	graphmatch.Align, Alignment.Select   which weights stand for which, and which are to be merged
//	ChooseObjective                      loss and metric that fit the model and the data
//	NewPlan                              which weights share a gate, and the parents' values
//	Start, Learn                         gates by gradient descent
//	Plan.Coefficients, Plan.Bake         gates to a model with the merged weights in it
//	Evaluate                             a model's loss and metric on data
//	Merge                                all of the above, with the table of candidates
//
// Parents that were trained from different starts number their hidden units
// differently, and their averages have activations of too little variance. For them
// Merge brings the units into one order first (arrange.go, permute.go), repairs
// channels (repair.go) and begins to learn near a good parent (approach.go).
//
// Samples may differ in shape: each shape has a lowered and a compiled network of
// its own with the same gates, of which those used last are kept (recent.go).
package gating
