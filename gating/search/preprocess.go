package search

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/dataset/imaging"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/advice"
)

// PreprocessOptions says what is known of how images have to be preprocessed. The zero value of a field means its
// default.
type PreprocessOptions struct {
	Given     imaging.Preprocess      // its fields that are not zero are kept as they are
	Objective gating.ObjectiveOptions // as for Merge
	BatchSize int                     // samples a run; default gating.DefaultBatchSize
	Threads   int                     // default GOMAXPROCS. The result does not depend on it
}

// Preprocessing is how images are to be fed to models, and how that was found.
type Preprocessing struct {
	imaging.Preprocess
	OtherOrder bool              // classes are to be numbered as dataset.Data.OtherOrder does, see Settle
	order      bool              // the models tell which order it is
	Tried      []TriedPreprocess // in the order of trying; one where there was nothing to choose from
	Notes      []string          // what was taken without being told
	Warnings   advice.Warnings   // of kind dataset.ErrData, where the models do not tell
}

// TriedPreprocess is one way to preprocess, and what the better half of the models shows with it.
type TriedPreprocess struct {
	Name    string   `json:"name"`
	Loss    *float64 `json:"loss"`
	Metric  *float64 `json:"metric"`
	Samples int      `json:"samples"`
}

// FitPreprocess finds how images have to be preprocessed for models, by running the models on a few hundred samples
// under the usual conventions: pixels of 0..1, 0..255, -1..1, ImageNet's and MNIST's mean and deviation, Caffe's blue,
// green, red. The one under which the better half of the models is better beyond doubt is taken; where none is, it is
// 0..1, with a warning. Then images are squashed to the network's size, or more or less of their middle is cut out, by
// several interpolations: a usual way is taken unless the models are better with another, and what may be as right is
// named. What the options give is kept. Where classes may be numbered in two orders the order is found likewise. The
// same samples give the same answer.
//
// The first model gives the graph. open reads labelled samples with images preprocessed as it is told, at most so many
// of them, always the same (dataset.Options.Sample). Errors are those of open, of kind dataset.ErrData where the graph
// takes no images, or of gating.FitObjective.
func FitPreprocess(ctx context.Context, models []*onnx.Model,
	open func(p imaging.Preprocess, most int) (*dataset.Data, error), o PreprocessOptions) (*Preprocessing, error) {
	t := &wayTrials{PreprocessOptions: o, models: models, open: open}
	if err := t.begin(); err != nil {
		return nil, err
	}
	defer t.close()
	p, list := &Preprocessing{}, t.scalings()
	if t.blind {
		p.take(t, list[0])
		if len(list) > 1 || len(t.geometries) > 1 {
			p.Warnings.Addf(dataset.ErrData, sayIt, "without labels the models do not tell how images are "+
				"preprocessed: %s is taken", list[0].name)
		}
		return p, nil
	}
	if len(list) == 1 && len(t.geometries) == 1 && !t.turns() {
		p.take(t, list[0])
		return p, nil
	}
	best, _, err := t.contest(ctx, list)
	if err != nil {
		return nil, err
	}
	if err := t.rerun(ctx, list[0], best); err != nil {
		return nil, err
	}
	taken := t.judge(p, list[0], best, list)
	if taken == best && t.aboveChance(best) {
		var left []*way
		if taken, left, err = t.refine(ctx, best); err != nil {
			return nil, err
		}
		t.warnOfRivals(p, taken, left)
	}
	p.take(t, taken)
	return p, nil
}

// sayIt is what to do where the models do not tell how images are preprocessed.
const sayIt = "say it with --preprocess, or --mean, --std, --scale, --resize and --crop"

// warnOfRivals warns of geometries with which the models seem better than with what is taken, though not beyond doubt,
// and notes those that may be as right.
func (t *wayTrials) warnOfRivals(p *Preprocessing, taken *way, left []*way) {
	rivals := slices.DeleteFunc(slices.Clone(left), func(w *way) bool {
		return w == taken || w.fed == nil || w.sameAs(taken) || taken.better(w.fed).clear()
	})
	slices.SortStableFunc(rivals, func(a, b *way) int { return cmp.Compare(a.loss, b.loss) })
	t.rivals = rivals
	named := slices.DeleteFunc(slices.Clone(rivals), func(w *way) bool {
		return w.better(taken.fed).loss <= alikeErrors && !t.usually(w)
	})
	if len(named) == 0 {
		return
	}
	text := t.undecided(taken, named[0])
	for _, w := range named[1:min(len(named), mostNamed)] {
		text += fmt.Sprintf("; %s (%s)", w.name, t.figures(w))
	}
	p.Warnings.Addf(dataset.ErrData, sayIt, "%s", text)
}

// sameAs says that every sample has the same loss: where all images are square, squashing them is no other way.
func (w *way) sameAs(other *way) bool {
	return other.fed != nil && slices.Equal(w.losses, other.losses)
}

// judge says whether the best of some ways is taken in place of the usual one, and warns where others may be as right.
func (t *wayTrials) judge(p *Preprocessing, usual, best *way, list []*way) *way {
	if len(list) == 1 {
		return usual
	}
	if !t.aboveChance(best) {
		p.Warnings.Addf(dataset.ErrData, sayIt+"; and look whether labels and images belong to these models",
			"no usual way to preprocess images makes the models better than chance: %s is taken", usual.name)
		return usual
	}
	if best != usual && !best.better(usual.fed).clear() {
		p.Warnings.Addf(dataset.ErrData, sayIt, "%s", t.undecided(usual, best))
		return usual
	}
	for _, w := range list {
		if w == best || w.fed == nil || w.n < best.n || best.better(w.fed).clear() {
			continue
		}
		if w.other != best.other {
			continue // the order's own warning stays
		}
		p.Warnings.Addf(dataset.ErrData, sayIt, "%s", t.undecided(best, w))
	}
	p.order = t.images.OtherOrder() != nil && !slices.ContainsFunc(list, func(w *way) bool {
		return w.other != best.other && w.fed != nil && w.n >= best.n && !best.better(w.fed).clear()
	})
	return best
}

// undecided says that the models do not tell two ways apart.
func (t *wayTrials) undecided(taken, w *way) string {
	return fmt.Sprintf("images are preprocessed as %s (%s), but the models do about as well with %s (%s)", taken.name,
		t.figures(taken), w.name, t.figures(w))
}

// figures are loss and metric of a way.
func (t *wayTrials) figures(w *way) string {
	if w.fed == nil {
		return "no finite loss"
	}
	text := fmt.Sprintf("loss %.4g", w.loss)
	if name := t.evaluator.Objective().Metric.Name; w.metrics != nil {
		text = fmt.Sprintf("%s %.4g, ", name, w.metric) + text
	}
	return text
}

// take makes a way the result, and says so.
func (p *Preprocessing) take(t *wayTrials, taken *way) {
	p.Preprocess, p.OtherOrder = taken.Preprocess, taken.other
	for _, w := range t.tried {
		tried := TriedPreprocess{Name: w.name, Samples: w.n}
		if w.fed != nil {
			tried.Loss, tried.Metric = Number(w.loss), Number(w.metric)
		}
		p.Tried = append(p.Tried, tried)
	}
	note := "images: " + taken.name
	if taken.fed != nil {
		note += fmt.Sprintf(" (%s on %d samples%s)", t.figures(taken), taken.n, t.runnersUp(taken))
	}
	p.Notes = append(p.Notes, note)
}

// runnersUp names the ways that may be as right, or else the best of the others.
func (t *wayTrials) runnersUp(taken *way) string {
	if len(t.rivals) > 0 {
		return "; much the same: " + t.names(t.rivals)
	}
	others := slices.DeleteFunc(slices.Clone(t.tried), func(w *way) bool { return w == taken || w.fed == nil })
	slices.SortStableFunc(others, func(a, b *way) int { return cmp.Compare(a.loss, b.loss) })
	text := ""
	for _, w := range others[:min(len(others), 2)] {
		text += fmt.Sprintf("; %s: %s", w.name, t.figures(w))
	}
	return text
}

// names lists a few ways, by what differs in them.
func (t *wayTrials) names(list []*way) string {
	var names []string
	for _, w := range list[:min(len(list), mostNamed)] {
		names = append(names, w.Geometry())
	}
	text := strings.Join(names, "; ")
	if more := len(list) - len(names); more > 0 {
		text += fmt.Sprintf("; %d more", more)
	}
	return text
}

// Settle gives data that was opened with the preprocessing the order of classes that was found.
func (p *Preprocessing) Settle(d *dataset.Data) *dataset.Data {
	if !p.order {
		return d
	}
	return d.SettleOrder(p.OtherOrder)
}

// ReportPreprocess says how images were preprocessed, and what else was tried.
type ReportPreprocess struct {
	Name string `json:"name"` // in words
	imaging.Preprocess
	OtherOrder bool              `json:"other_order,omitempty"` // classes are numbered as dataset.Data.OtherOrder does
	Tried      []TriedPreprocess `json:"tried"`
}

// Report describes the preprocessing, nil where there is none.
func (p *Preprocessing) Report() *ReportPreprocess {
	if p == nil {
		return nil
	}
	return &ReportPreprocess{p.String(), p.Preprocess, p.OtherOrder, append([]TriedPreprocess{}, p.Tried...)}
}
