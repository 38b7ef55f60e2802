package experts

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx/advice"
)

// SE is what the command line, recipes and metadata call SE-Merging.
const SE gating.Method = "se"

// mostFlat is the largest sample whose elements are compared one by one: a larger one is seen by means over positions.
const mostFlat = 4096

// Told is how well gates tell samples apart, each judged by prototypes that it is no part of.
type Told struct {
	Samples  []int   // of each model, that its prototype is the mean of
	Surprise float64 // mean of -log of the gate of the model that a sample is for, in nats
	Guess    float64 // the same by how many samples each model has, whatever the sample
	Error    float64 // standard error of their difference
	Right    float64 // share of samples whose own prototype is nearest
}

// Prototypes mixes aligned models' selected layers by gates that say how near a sample is to those that each model is
// for: the samples of Options.Files, else those on which it has the least loss of all models. The data also says what
// layer's input tells them apart: the earliest whose cross entropy is within a standard error of the least. Nothing is
// learned.
//
// Errors are of kind network.ErrUnsupported where layers cannot be mixed sample by sample, graphmatch.ErrAlign where the
// models do not go together, graphmatch.ErrPattern of the router's pattern, dataset.ErrData where the data does not tell
// what each model is for, gating.ErrOption, and those of running the models.
func Prototypes(ctx context.Context, s *graphmatch.Selection, ev *gating.Evaluator, o Options) (*Experts, error) {
	sample, err := ev.SampleShapes(base(s.Alignment))
	if err != nil {
		return nil, err
	}
	e, err := newExperts(SE, s, sample, o)
	if err != nil {
		return nil, err
	}
	candidates, err := e.candidates(o.Router)
	if err != nil {
		return nil, err
	}
	of, err := e.meantFor(ctx, ev, o.Files)
	if err != nil {
		return nil, err
	}
	views, err := e.views(ctx, ev, candidates)
	if err != nil {
		return nil, err
	}
	return choose(views, of)
}

// candidates are the merges with gates from each place that a pattern allows and behind which all layers can be mixed.
func (e *Experts) candidates(pattern string) (list []*Experts, err error) {
	layers := e.selection.Layers
	if pattern != "" {
		found, err := e.selection.Alignment.Select([]string{pattern}, nil)
		if err != nil {
			return nil, err
		}
		layers = found.Layers
	}
	var why error
	for _, p := range e.places(layers) {
		c, err := e.at(p)
		if err == nil {
			list = append(list, c)
			continue
		}
		why = err
	}
	switch {
	case len(list) > 0:
		return list, nil
	case why != nil:
		return nil, why
	}
	return nil, advice.Errorf(network.ErrUnsupported, "name another layer with --router",
		"no layer that the gates could be computed at reads numbers that have the samples along their first axis")
}

// meantFor says of each sample which model it is for.
func (e *Experts) meantFor(ctx context.Context, ev *gating.Evaluator, files []int) ([]int, error) {
	of := files
	if of == nil {
		var losses [][]float64
		for _, m := range e.selection.Alignment.Models {
			s, err := ev.Score(ctx, m)
			if err != nil {
				return nil, err
			}
			losses = append(losses, s.Losses())
		}
		of = mostCompetent(losses)
	}
	counts := make([]int, len(e.tasks))
	for _, j := range of {
		counts[j]++
	}
	for j, n := range counts {
		if n < 2 {
			return nil, advice.Errorf(dataset.ErrData, "leave that model out, or give more samples of what it is for",
				"%d of %d samples are for %s, too few for a prototype", n, len(of),
				filepath.Base(e.selection.Alignment.Models[j].Path()))
		}
	}
	return of, nil
}

// mostCompetent says of each sample which model has the least loss, the first of equal ones.
func mostCompetent(losses [][]float64) []int {
	of := make([]int, len(losses[0]))
	for b := range of {
		for j := range losses {
			if losses[j][b] < losses[of[b]][b] {
				of[b] = j
			}
		}
	}
	return of
}

// view is a merge with gates from a place, seen flat or as means over positions, and each sample's numbers there.
type view struct {
	*Experts
	flat bool
	rows [][]float64
}

// views runs the models' mean over the samples, whose layers before any place are those that all share.
func (e *Experts) views(ctx context.Context, ev *gating.Evaluator, candidates []*Experts) (list []*view, err error) {
	var names []string
	var at []int // of each view, its place among the names
	for i, c := range candidates {
		names = append(names, c.place.value)
		p := c.place
		if flat := p.width(true); p.rank > 2 && p.static && flat <= mostFlat && flat > p.width(false) {
			list, at = append(list, &view{Experts: c, flat: true}), append(at, i)
		}
		list, at = append(list, &view{Experts: c}), append(at, i)
	}
	mean, err := e.baked(e.selection.Layers, nil)
	if err != nil {
		return nil, err
	}
	for _, v := range list {
		v.rows = make([][]float64, ev.Data().Len())
	}
	err = ev.Values(ctx, mean, names, func(rows []int, values []*network.Tensor) error {
		for k, v := range list {
			size := values[at[k]].Len() / len(rows)
			for i, row := range rows {
				v.rows[row] = v.place.reduced(values[at[k]].F[i*size:(i+1)*size], v.flat)
			}
		}
		return nil
	})
	return list, err
}

// reduced is what the gates see of one sample's values.
func (p *place) reduced(values []float32, flat bool) []float64 {
	if flat {
		out := make([]float64, len(values))
		for i, v := range values {
			out[i] = float64(v)
		}
		return out
	}
	out := make([]float64, p.width(false))
	positions := len(values) / len(out)
	for i, v := range values {
		channel := i % len(out)
		if p.first {
			channel = i / positions
		}
		out[channel] += float64(v) / float64(positions)
	}
	return out
}

// choose takes the earliest view whose cross entropy is within one standard error of the least.
func choose(views []*view, of []int) (*Experts, error) {
	models := len(views[0].tasks)
	fits, protos := make([]*fitted, len(views)), make([]*prototypes, len(views))
	best := -1
	for i, v := range views {
		protos[i] = newPrototypes(v.rows, of, models)
		fits[i] = protos[i].fit(v.rows, of)
		if fits[i] != nil && (best < 0 || fits[i].mean() < fits[best].mean()) {
			best = i
		}
	}
	if best < 0 {
		return nil, advice.Errorf(dataset.ErrData, "give other samples, or another --router",
			"all samples look alike where the gates could be computed")
	}
	chosen := slices.IndexFunc(fits, func(f *fitted) bool {
		if f == nil {
			return false
		}
		mean, err := difference(f.surprises, fits[best].surprises)
		return mean <= err
	})
	e := *views[chosen].Experts
	e.gates = gating.RecipeGates{Router: e.place.layer, Flat: views[chosen].flat, Shapes: e.sample,
		Prototypes: protos[chosen].means, Temperature: fits[chosen].tau}
	e.tell(protos[chosen], fits[chosen])
	return &e, nil
}

// difference is the mean of how much more the numbers of a list are than those of another, and its standard error.
func difference(a, b []float64) (mean, err float64) {
	n := float64(len(a))
	var sum, squares float64
	for i := range a {
		sum += a[i] - b[i]
		squares += (a[i] - b[i]) * (a[i] - b[i])
	}
	mean = sum / n
	return mean, math.Sqrt(max(0, squares/n-mean*mean) / n)
}

// tell notes how well the gates tell samples apart, and warns where they hardly do.
func (e *Experts) tell(p *prototypes, f *fitted) {
	n, guess := 0, 0.0
	for _, c := range p.counts {
		n += c
	}
	for _, c := range p.counts {
		guess -= float64(c) / float64(n) * math.Log(float64(c)/float64(n))
	}
	_, err := difference(f.surprises, make([]float64, len(f.surprises)))
	e.told = Told{Samples: p.counts, Surprise: f.mean(), Guess: guess, Error: err,
		Right: float64(f.right) / float64(len(f.surprises))}
	if !(e.told.Surprise < guess-err) {
		e.warnings.Addf(dataset.ErrData, "merge them to one model, which does as well: softmerge merge without --method",
			"nothing before layer %s tells which model a sample is for: the gates are nearly the same for all samples",
			e.place.layer)
	}
}

// Told says how well the gates tell the samples apart that they were made of.
func (e *Experts) Told() Told { return e.told }

// Text says it in words, given the models' names.
func (t Told) Text(names []string) string {
	var list []string
	for j, n := range t.Samples {
		list = append(list, fmt.Sprintf("%s %d", names[j], n))
	}
	return fmt.Sprintf("%.1f %% of the samples are nearest to the prototype of their own model (%s)", 100*t.Right,
		strings.Join(list, ", "))
}
