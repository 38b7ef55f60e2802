package gating

import (
	"fmt"
	"math"
	"path/filepath"
	"strings"

	"github.com/softmerge/softmerge/graphmatch"
)

// Report is a merge as scripts read it: the JSON that "softmerge merge --json"
// prints. Output, its sha256 and peak bytes are the caller's to fill in.
type Report struct {
	Output         string            `json:"output"`
	SHA256         string            `json:"sha256"`
	Parents        []ReportParent    `json:"parents"`
	Method         Method            `json:"method"`
	Metric         string            `json:"metric"`
	LossName       string            `json:"loss_name"`
	Candidates     []ReportCandidate `json:"candidates"`
	Chosen         string            `json:"chosen"`
	Layers         []ReportLayer     `json:"layers"`
	Steps          int               `json:"steps"`
	Seconds        float64           `json:"seconds"`
	SecondsPerStep float64           `json:"seconds_per_step"`
	PeakBytes      int64             `json:"peak_bytes"`
	Seed           uint64            `json:"seed"`
	HeldOut        int               `json:"held_out"` // samples that judged
	Identical      bool              `json:"identical,omitempty"`
	Reordered      *ReportReordered  `json:"reordered,omitempty"` // absent where hidden units stayed where they were
}

// ReportReordered says how hidden units came into the base's order. The lists have one entry a parent.
type ReportReordered struct {
	By           Permutation `json:"by"`            // weights or activations
	Units        []int       `json:"units"`         // hidden units whose order is free
	Moved        []int       `json:"moved"`         // of these, how many changed places
	CosineBefore []float64   `json:"cosine_before"` // between the parent's weights and the base's
	CosineAfter  []float64   `json:"cosine_after"`
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
	Loss   *float64 `json:"loss"`
	Metric *float64 `json:"metric"`
	Chosen bool     `json:"chosen"`
	Reason string   `json:"reason,omitempty"` // why it could not be evaluated
}

// ReportLayer says what became of a layer.
type ReportLayer struct {
	Name         string      `json:"name"`
	Op           string      `json:"op"`
	Tensors      []string    `json:"tensors"` // names in the base
	Status       string      `json:"status"`  // gated, copied, identical, mismatch, nonfinite
	Reason       string      `json:"reason,omitempty"`
	Coefficients [][]float64 `json:"coefficients,omitempty"` // per parent: one, or one a channel
}

// Report describes the result.
func (r *Result) Report() (*Report, error) {
	rep := &Report{
		Method: r.options.Method, Metric: r.Objective.Metric.Name, Chosen: r.Chosen.Name,
		Steps: r.Steps, Seed: r.options.Learn.Seed, Identical: r.Identical,
	}
	if r.Objective.Loss != nil {
		rep.LossName = r.Objective.Loss.Name()
	}
	if r.Held != nil {
		rep.HeldOut = r.Held.Len()
	}
	if r.Steps > 0 {
		rep.SecondsPerStep = r.Learning.Seconds() / float64(r.Steps)
	}
	for _, m := range r.parents {
		sum, err := m.SHA256()
		if err != nil {
			return nil, err
		}
		rep.Parents = append(rep.Parents, ReportParent{m.Path(), sum})
	}
	for i := range r.Candidates {
		c := &r.Candidates[i]
		rc := ReportCandidate{Name: c.Name, Loss: Number(c.Score.Loss), Metric: Number(c.Score.Metric), Chosen: c.Chosen}
		if c.failure != nil {
			rc.Reason = c.failure.Error()
		}
		rep.Candidates = append(rep.Candidates, rc)
	}
	rep.Layers = r.layers()
	rep.Reordered = r.arranged.report()
	return rep, nil
}

// report describes the arrangement, nil if there is nothing to say.
func (a *arrangement) report() *ReportReordered {
	if a.by == PermuteNone {
		return nil
	}
	rep := &ReportReordered{By: a.by, CosineBefore: a.before, CosineAfter: a.after}
	for _, orders := range a.orders {
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
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}

// layers says of every layer of the alignment what became of it.
func (r *Result) layers() []ReportLayer {
	selected := map[*graphmatch.Layer]bool{}
	for _, i := range r.Selection.Layers {
		selected[&r.Alignment.Layers[i]] = true
	}
	var list []ReportLayer
	for i := range r.Alignment.Layers {
		layer := &r.Alignment.Layers[i]
		l := ReportLayer{Name: layer.Name, Op: layer.Op, Status: "copied", Tensors: []string{}}
		for _, p := range layer.Params {
			l.Tensors = append(l.Tensors, p.Uses[r.Alignment.Base].Name)
		}
		switch {
		case layer.Status == graphmatch.Mismatch || layer.Status == graphmatch.Missing:
			l.Status, l.Reason = "mismatch", layer.Reason
		case !selected[layer]:
			l.Reason = "not selected"
		case layer.Status == graphmatch.Identical:
			l.Status = "identical"
		case r.weights.skipped[layer] != "":
			l.Status, l.Reason = "nonfinite", r.weights.skipped[layer]
		default:
			r.gated(layer, &l)
		}
		list = append(list, l)
	}
	return list
}

// gated fills in a mixed layer's coefficients and the parents that are shut out.
func (r *Result) gated(layer *graphmatch.Layer, l *ReportLayer) {
	if r.Chosen.plan == nil {
		l.Reason = "the result is " + r.Chosen.Name
		return
	}
	l.Status = "gated"
	var reasons []string
	for i, w := range r.weights.layers {
		if w.layer != layer {
			continue
		}
		for j, bad := range w.nonfinite {
			if bad {
				l.Status = "nonfinite"
				reasons = append(reasons, filepath.Base(r.Alignment.Models[j].Path())+" has a NaN or an infinity here and is left out")
			}
		}
		p := r.Chosen.plan
		g := p.Layers[i].Groups[0]
		l.Coefficients = p.byParent(g, r.Chosen.coeffs)
		for j, shut := range p.Groups[g].Shut {
			if shut && !w.nonfinite[j] {
				reasons = append(reasons, fmt.Sprintf("%s ruins the loss here and is left out", filepath.Base(r.Alignment.Models[j].Path())))
			}
		}
	}
	l.Reason = strings.Join(reasons, "; ")
}
