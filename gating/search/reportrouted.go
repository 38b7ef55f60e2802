package search

// ReportRouted is several models in one file, or one of them as it stands there, and how they came into it. It is the
// caller's to fill in.
type ReportRouted struct {
	Method   string    `json:"method"`
	Tasks    []string  `json:"tasks"`              // names, in the order of their numbers
	Input    string    `json:"input,omitempty"`    // that chooses the task; absent of a plain file
	Required bool      `json:"required,omitempty"` // it has no default value
	Task     *int      `json:"task,omitempty"`     // that a plain file is
	Factors  []float64 `json:"factors"`            // lambda_t
	Elected  int       `json:"elected"`            // weights that come of a start, one task vector and masks
	Exact    int       `json:"exact"`              // weights that are kept for each task
	// Start is the path of the model that all were trained from; absent where it was not given.
	Start       string `json:"start,omitempty"`
	StartSHA256 string `json:"start_sha256,omitempty"`
	MeanStart   bool   `json:"mean_start,omitempty"` // the models' mean stood for the start
	// Router is how the file mixes its models for every sample; absent where an input chooses.
	Router *ReportRouter `json:"router,omitempty"`
}
