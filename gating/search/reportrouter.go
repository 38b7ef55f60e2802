package search

// ReportRouter is how a file computes from each sample how it mixes its models. It is the caller's to fill in.
type ReportRouter struct {
	Layer  string   `json:"layer"`  // from whose input gates are computed
	Flat   bool     `json:"flat"`   // from all its elements; else from their means over positions
	Width  int      `json:"width"`  // numbers that a sample has there
	Shared []string `json:"shared"` // layers that are the models' mean for all samples
	Mixed  []string `json:"mixed"`  // layers that are mixed for every sample
	// Samples are how many each model's prototype is the mean of, and Temperature is what squared distances to
	// prototypes are divided by.
	Samples     []int   `json:"samples,omitempty"`
	Temperature float64 `json:"temperature,omitempty"`
	// Right is the share of samples that are nearest to the prototype of the model that they are for, each judged
	// without itself; CrossEntropy is that of the gates, in nats, and Guess what it is where gates are the same for
	// all.
	Right        float64 `json:"right,omitempty"`
	CrossEntropy float64 `json:"cross_entropy,omitempty"`
	Guess        float64 `json:"guess,omitempty"`
	// Shares are the mean gate of each model, of a router that was learned, and Spread is how far samples differ in it:
	// the mean Kullback-Leibler divergence of their gates from these, in nats.
	Shares []float64 `json:"shares,omitempty"`
	Spread float64   `json:"spread,omitempty"`
}
