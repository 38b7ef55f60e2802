// Package search finds the best merge: it lists trials (averages, learned gates of
// several granularities, each also rounded and recalibrated), runs them by the steps
// of package gating on folds of the data, judges every candidate on samples that it was
// not learned from, chooses, and learns what it has chosen again on all data.
//
//	Merge     runs all trials and returns the candidates, the chosen one marked
//	Average   merges without data: nothing is judged
//	Result    the chosen model, its recipe, its report, and the check of the written file
//
// A Trial is a value with a name; trial.go lists what is tried, tuning.go has every
// constant of the heuristics, choose.go the rule by which candidates are chosen,
// compare.go the test behind it. fixtures/choice.md records how often the choice is right.
package search
