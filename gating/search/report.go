package search

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
)

// Report is a merge as scripts read it: the JSON that "softmerge merge --json"
// prints. Output, its sha256 and peak bytes are the caller's to fill in.
type Report struct {
	Output     string            `json:"output"`
	SHA256     string            `json:"sha256"`
	Parents    []ReportParent    `json:"parents"`
	Method     gating.Method     `json:"method"`
	Metric     string            `json:"metric"`
	LossName   string            `json:"loss_name"`
	Candidates []ReportCandidate `json:"candidates"`
	Chosen     string            `json:"chosen"`
	Layers     []ReportLayer     `json:"layers"`
	Weights    *ReportWeights    `json:"weights"`
	// Dequantised are the parents that were quantised; absent where none was.
	Dequantised []ReportDequantised `json:"dequantised,omitempty"`
	// Static is the method that merged and what it took; absent where coefficients mixed.
	Static *ReportStatic `json:"static,omitempty"`
	// Routed is several models that stay so in one file; absent where the result is one model of all.
	Routed *ReportRouted `json:"routed,omitempty"`

	Steps          int               `json:"steps"`
	Seconds        float64           `json:"seconds"`
	SecondsPerStep float64           `json:"seconds_per_step"`
	PeakBytes      int64             `json:"peak_bytes"`
	Seed           uint64            `json:"seed"`
	HeldOut        int               `json:"held_out"`             // samples that judged
	Folds          int               `json:"folds"`                // 1: one division, 0: no data
	Refitted       bool              `json:"refitted"`             // the chosen model was learned again on all data
	Objective      *ReportObjective  `json:"objective"`            // null without data
	Data           *ReportData       `json:"data"`                 // null without data
	Groups         []ReportGroup     `json:"groups,omitempty"`     // of the samples that judged, where they have any
	Warnings       []string          `json:"warnings"`             // what the user should know before using the result
	Notes          []string          `json:"notes"`                // what was taken without being named
	Preprocess     *ReportPreprocess `json:"preprocess,omitempty"` // what becomes of images; the caller's to fill in
	Identical      bool              `json:"identical,omitempty"`
	Reordered      *ReportReordered  `json:"reordered,omitempty"` // absent where hidden units stayed where they were
	smaller        bool
}

// ReportReordered says how hidden units came into the base's order. The lists have one entry a parent.
type ReportReordered struct {
	By           gating.Permutation `json:"by"`            // weights or activations
	Units        []int              `json:"units"`         // hidden units whose order is free
	Moved        []int              `json:"moved"`         // of these, how many changed places
	CosineBefore []float64          `json:"cosine_before"` // between the parent's weights and the base's
	CosineAfter  []float64          `json:"cosine_after"`
}

// ReportParent is one input file.
type ReportParent struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
}

// ReportCandidate is one line of the candidate table. Loss and metric are null
// where the model gives no finite number.
type ReportCandidate struct {
	Name   string   `json:"name"`
	Parent string   `json:"parent,omitempty"` // path of the parent that the candidate is
	Trial  *Trial   `json:"trial,omitempty"`  // what was tried, for a merged candidate
	Loss   *float64 `json:"loss"`
	Metric *float64 `json:"metric"`
	// StandardError is that of the metric, null where it is not known.
	StandardError *float64 `json:"standard_error"`
	// P is how likely chance alone makes a merged candidate look better than the best parent.
	P           *float64 `json:"p,omitempty"`
	Rounds      int      `json:"rounds,omitempty"`       // of training that paid, where weights are trained
	MoreSamples int      `json:"more_samples,omitempty"` // that would probably decide whether it is better
	// Outputs are loss and metric of each output, where several are judged; loss and metric are then their sum.
	Outputs []ReportHead `json:"outputs,omitempty"`
	Chosen  bool         `json:"chosen"`
	Reason  string       `json:"reason,omitempty"` // why it was not chosen, or could not be evaluated
}

// ReportLayer says what became of a layer.
type ReportLayer struct {
	Name         string      `json:"name"`
	Op           string      `json:"op"`
	Tensors      []string    `json:"tensors"` // names in the base
	Status       string      `json:"status"`  // gated, copied, identical, mismatch, nonfinite
	Reason       string      `json:"reason,omitempty"`
	Excluded     []Excluded  `json:"excluded,omitempty"`     // parents that take no part here
	Coefficients [][]float64 `json:"coefficients,omitempty"` // per parent, and of a transplant: one, a channel each
}

// Excluded is a parent that takes no part in a layer, and why.
type Excluded struct {
	Parent int `json:"parent"` // index in Report.Parents
	// nonfinite: its weights have a NaN or an infinity; harmful: it ruins the loss; suspect: its loss is so much more
	// than the best parent's that a transplant takes nothing of it
	Why string `json:"why"`
}

// The reasons of exclusions.
const (
	Nonfinite = "nonfinite"
	Harmful   = "harmful"
	Suspect   = "suspect"
)

// Report describes the result.
func (r *Result) Report() (rep *Report, err error) {
	rep = &Report{
		Method: r.options.Method, Metric: r.Objective.Metric.Name, Chosen: r.Chosen.Name,
		Steps: r.Steps, Seed: r.options.Learn.Seed, Identical: r.Identical, Warnings: r.Warnings.Texts(),
		Objective: r.objective, Data: r.data, Groups: r.groups, Notes: []string{}, Folds: r.Folds,
		smaller: r.Objective.Metric.Smaller, Refitted: r.Refitted,
	}
	rep.LossName = r.Objective.LossName()
	if r.Held != nil {
		rep.HeldOut = r.Chosen.Score.Samples
	}
	if r.Steps > 0 {
		rep.SecondsPerStep = r.Learning.Seconds() / float64(r.Steps)
	}
	for _, m := range r.Units.Parents {
		sum, err := m.SHA256()
		if err != nil {
			return nil, err
		}
		rep.Parents = append(rep.Parents, ReportParent{m.Path(), sum})
	}
	for i := range r.Candidates {
		rep.Candidates = append(rep.Candidates, r.Candidates[i].report(rep.Parents))
	}
	rep.Layers = r.layers(rep.Parents)
	if rep.Static, err = r.static(); err != nil {
		return nil, err
	}
	if rep.Weights, err = r.countWeights(); err != nil {
		return nil, err
	}
	rep.Reordered, rep.Dequantised = reordered(r.Units), r.dequantised
	return rep, nil
}

// SmallerIsBetter says whether a smaller metric is better.
func (r *Report) SmallerIsBetter() bool { return r.smaller }

// ChosenCandidate returns the candidate that was chosen.
func (r *Report) ChosenCandidate() *ReportCandidate {
	i := slices.IndexFunc(r.Candidates, func(c ReportCandidate) bool { return c.Chosen })
	return &r.Candidates[i]
}

// report describes a candidate.
func (c *Candidate) report(parents []ReportParent) ReportCandidate {
	rc := ReportCandidate{
		Name: c.Name, Trial: c.Trial, Loss: Number(c.Score.Loss), Metric: Number(c.Score.Metric), Chosen: c.Chosen,
		Reason: c.Reason, Rounds: c.Rounds, MoreSamples: c.More,
	}
	rc.Outputs = HeadFigures(c.Score)
	if c.Error > 0 {
		rc.StandardError = Number(c.Error)
	}
	switch {
	case c.Parent >= 0:
		rc.Parent = parents[c.Parent].Path
	case c.Score.Finite() && c.Score.Samples > 0:
		rc.P = Number(c.Chance)
	}
	if c.Failure != nil {
		rc.Reason = c.Failure.Error()
	}
	return rc
}

// reordered describes how units came into one order, nil if there is nothing to say.
func reordered(u *gating.UnitAlignment) *ReportReordered {
	if u.By == gating.PermuteNone {
		return nil
	}
	rep := &ReportReordered{By: u.By, CosineBefore: u.Before, CosineAfter: u.After}
	for _, orders := range u.Orders {
		units, moved := 0, 0
		for _, o := range orders {
			units += len(o.Order)
			for to, from := range o.Order {
				if to != from {
					moved++
				}
			}
		}
		rep.Units, rep.Moved = append(rep.Units, units), append(rep.Moved, moved)
	}
	return rep
}

// Number returns v for JSON: nil is for what JSON has no number for.
func Number(v float64) *float64 {
	if !onnx.Finite(v) {
		return nil
	}
	return &v
}

// layers says of every layer of the alignment what became of it.
func (r *Result) layers(parents []ReportParent) []ReportLayer {
	a := r.Selection.Alignment
	selected := map[*graphmatch.Layer]bool{}
	for _, i := range r.Selection.Layers {
		selected[&a.Layers[i]] = true
	}
	var list []ReportLayer
	for i := range a.Layers {
		layer := &a.Layers[i]
		l := ReportLayer{Name: layer.Name, Op: layer.Op, Status: "copied", Tensors: []string{}}
		for _, p := range layer.Params {
			l.Tensors = append(l.Tensors, p.Uses[a.Base].Name)
		}
		switch skipped := r.weights.Skipped(layer); {
		case layer.Status == graphmatch.Mismatch || layer.Status == graphmatch.Missing:
			l.Status, l.Reason = "mismatch", layer.Reason
		case r.unseen[layer.Name]:
			l.Reason = "not seen by the loss"
		case !selected[layer]:
			l.Reason = "not selected"
		case layer.Status == graphmatch.Identical:
			l.Status = "identical"
		case skipped != "":
			l.Status, l.Reason = Nonfinite, skipped
		case r.Chosen.Made != nil: // the caller's to fill in
		case r.Chosen.Mixture == nil:
			l.Reason = "the result is " + r.Chosen.Name
		default:
			r.gated(layer, &l, parents)
		}
		list = append(list, l)
	}
	return list
}

// gated fills in a mixed layer's coefficients and the parents that are left out.
func (r *Result) gated(layer *graphmatch.Layer, l *ReportLayer, parents []ReportParent) {
	p := r.Chosen.Mixture.Plan()
	group := p.LayerGroups(layer)[0]
	l.Status = "gated"
	if r.Chosen.Mixture.Static() == nil {
		l.Coefficients = r.Chosen.Mixture.Coefficients().ByParent(group)
	}
	bad := r.weights.Nonfinite(layer)
	for j := range bad {
		if bad[j] {
			l.Status = Nonfinite
			l.Excluded = append(l.Excluded, Excluded{j, Nonfinite})
		}
	}
	for j := range bad {
		switch {
		case bad[j]:
		case p.Excluded(group, j):
			l.Excluded = append(l.Excluded, Excluded{j, Harmful})
		case r.Chosen.suspects != nil && r.Chosen.suspects[j]:
			l.Excluded = append(l.Excluded, Excluded{j, Suspect})
		}
	}
	var reasons []string
	for _, e := range l.Excluded {
		reasons = append(reasons, e.Text(parents))
	}
	l.Reason = strings.Join(reasons, "; ")
}

// Text says the exclusion in words.
func (e Excluded) Text(parents []ReportParent) string {
	name := filepath.Base(parents[e.Parent].Path)
	switch e.Why {
	case Nonfinite:
		return name + " has a NaN or an infinity here and is left out"
	case Suspect:
		return name + " has a loss many times the best model's, and nothing is learned from it"
	}
	return name + " ruins the loss here and is left out"
}
