package search

// ReportStatic is a method of package method and what it took.
type ReportStatic struct {
	Method  string             `json:"method"`
	Params  map[string]float64 `json:"params"`
	Weights []float64          `json:"weights,omitempty"` // of the models; absent where all count the same
	// Start is the path of the model that all were trained from; absent where it was not given.
	Start       string `json:"start,omitempty"`
	StartSHA256 string `json:"start_sha256,omitempty"`
	// MeanStart says that the models' mean stood for the start.
	MeanStart bool     `json:"mean_start,omitempty"`
	Unstarted []string `json:"unstarted,omitempty"` // layers that the start has not: their mean stood for it there
}

// static describes the method of the chosen candidate, nil where it has none.
func (r *Result) static() (*ReportStatic, error) {
	if r.Chosen.Mixture == nil || r.Chosen.Mixture.Static() == nil {
		return nil, nil
	}
	s := r.Chosen.Mixture.Static()
	named := s.Merge.Method()
	rep := &ReportStatic{Method: named.Name, Params: s.Merge.Params(), Weights: r.options.Static.Weights,
		MeanStart: s.Start == nil && named.Started && !named.Startless, Unstarted: r.Chosen.Mixture.Unstarted()}
	if s.Start == nil || !named.Started {
		return rep, nil
	}
	var err error
	rep.Start = s.Start.Path()
	rep.StartSHA256, err = s.Start.SHA256()
	return rep, err
}
