package gating

import "github.com/softmerge/softmerge/onnx"

// RecipeRouted is several models in one file, by a method of package routed, or one of them as such a method keeps it:
// no weights, but what computes them again.
type RecipeRouted struct {
	Tasks    []string `json:"tasks"`              // names, in the order of Recipe.Parents
	Selected []string `json:"selected"`           // names of the layers that are not the base's
	Task     *int     `json:"task,omitempty"`     // the one of a plain file; absent where an input chooses
	Required bool     `json:"required,omitempty"` // that input has no default value
	Start    string   `json:"start,omitempty"`    // sha256; absent where the parents' mean was the start
	// Gates mix the models for every sample; absent where an input chooses one.
	Gates *RecipeGates `json:"gates,omitempty"`
}

// Start returns the start that StartAmong found, nil where there is none.
func (r *Recipe) Start() *onnx.Model { return r.start }

// startSum is the sha256 of the start that the recipe was made with, "" where it was made without.
func (r *Recipe) startSum() string {
	switch {
	case r.Static != nil:
		return r.Static.Start
	case r.Routed != nil:
		return r.Routed.Start
	}
	return ""
}

// RecipeGates is how a file that mixes models for every sample computes its gates (package experts).
type RecipeGates struct {
	Router string           `json:"router"`         // name of the layer whose input they are computed from
	Flat   bool             `json:"flat,omitempty"` // from all its elements; else from their means over positions
	Shapes map[string][]int `json:"shapes"`         // of one sample of each input: the graph is followed with them

	// Prototypes are the means of what gates are computed from, of the samples that each model is for, and Temperature
	// is what squared distances to them are divided by.
	Prototypes  [][]float64 `json:"prototypes,omitempty"`
	Temperature float64     `json:"temperature,omitempty"`
	// Weights and Bias are a linear map for each model of what gates are computed from, normalised to a mean of 0 and a
	// variance of 1, in place of prototypes.
	Weights [][]float64 `json:"weights,omitempty"`
	Bias    []float64   `json:"bias,omitempty"`
}
