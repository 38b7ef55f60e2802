// Package gating merges models by learning, for every layer, how much of each
// parent it should take: soft merging (arXiv 2309.12259) with gates on the hard
// concrete distribution (arXiv 1712.01312). The parents' weights stay frozen.
//
// The way of a merge, each step one call, what is passed on immutable:
//
//	graphmatch.Align, Alignment.Select   which weights stand for which, and which are to be merged
//	FitObjective                         loss and metric that fit the model and the data
//	NewEvaluator, Evaluator.Split        the data that learns and the data that judges, on some threads
//	AlignUnits                           parents of different starts: hidden units in the base's order
//	LoadWeights, NewPlan                 the parents' values, and which weights share a gate
//	NewStart, or NewWarmStart            where gates start, and parents that are excluded where they do harm
//	Repairer.Repair                      the plan with its activations repaired (parents of different starts)
//	Learn                                gates by gradient descent
//	Learned.Coefficients, Learned.Rounded  how much of each parent is taken
//	NewMixture, Mixture.Recalibrate      with the statistics of its normalisations measured anew
//	NewStaticMixture                     or a merge of weights alone, by a method of package method
//	Mixture.Bake                         a model with the merged weights in it
//	Evaluator.Score                      a model's loss and metric
//	Mixture.Recipe, Recipe.Bake          the same bytes again without data
//
// Package gating/search takes these steps for many trials and chooses the best.
//
// Samples may differ in shape: each shape has a lowered and a compiled network of
// its own with the same gates, of which those used last are kept (lru.go).
package gating
