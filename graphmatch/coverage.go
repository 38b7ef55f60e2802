package graphmatch

import (
	"cmp"
	"slices"
)

// Coverage counts a model's weights, and those that nothing in the other models matches.
type Coverage struct {
	Path             string   `json:"path"`
	Label            string   `json:"-"` // as short a name as tells the model from the others
	Tensors          int      `json:"tensors"`
	Weights          int      `json:"weights"` // numbers in them
	UnmatchedTensors int      `json:"unmatched_tensors"`
	UnmatchedWeights int      `json:"unmatched_weights"`
	UnmatchedShare   float64  `json:"unmatched_share"`             // of all weights, 0 to 1
	Largest          []string `json:"largest_unmatched,omitempty"` // names, the largest tensor first
}

// Coverage counts the weights of every model. The error is that of [Alignment.Weights].
func (a *Alignment) Coverage() ([]Coverage, error) {
	all, err := a.Weights()
	if err != nil {
		return nil, err
	}
	list := make([]Coverage, len(all))
	for j, weights := range all {
		list[j] = coverageOf(weights)
		list[j].Path, list[j].Label = a.Models[j].Path(), a.labels[j]
	}
	return list, nil
}

func coverageOf(weights []Weight) (c Coverage) {
	var stray []Weight
	for _, w := range weights {
		c.Tensors++
		c.Weights += w.Elements
		if !w.Matched() {
			c.UnmatchedTensors++
			c.UnmatchedWeights += w.Elements
			stray = append(stray, w)
		}
	}
	if c.Weights > 0 {
		c.UnmatchedShare = float64(c.UnmatchedWeights) / float64(c.Weights)
	}
	slices.SortStableFunc(stray, func(x, y Weight) int { return cmp.Compare(y.Elements, x.Elements) })
	for _, w := range stray[:min(len(stray), maxListed)] {
		c.Largest = append(c.Largest, w.Name)
	}
	return c
}
