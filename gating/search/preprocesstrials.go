package search

import (
	"context"
	"slices"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/dataset/imaging"
	"github.com/softmerge/softmerge/graphmatch/random"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/advice"
)

// way is one way to feed images to models, and how the models do with it.
type way struct {
	imaging.Preprocess
	name  string
	other bool // classes are in the other order
	*fed       // nil where no model has a finite loss
	n     int  // samples
}

// wayTrials feeds the same images to models in several ways.
type wayTrials struct {
	PreprocessOptions
	models     []*onnx.Model
	open       func(imaging.Preprocess) (*dataset.Data, error)
	field      dataset.Field // the input that takes images
	at         int           // which of the inputs that is
	channels   int
	geometries []geometry    // that can be read, the usual one first
	read       geometry      // of the images read last
	images     *dataset.Data // read last: pixels of 0..255 in an order that is drawn
	evaluator  *gating.Evaluator
	tried      []*way
}

// geometry is how images are resized and cropped.
type geometry struct {
	resize imaging.Resize
	crop   imaging.Crop
}

// begin finds what the graph takes, reads images and fits the objective.
func (t *wayTrials) begin() error {
	pipe, err := t.findField()
	if err != nil {
		return err
	}
	if _, err := imaging.Fit(t.Given, t.field.Shape, t.field.Type.IsFloat()); err != nil {
		return advice.Errorf(dataset.ErrData, advice.Hint(err), "input %q: %w", t.field.Name, err)
	}
	if !t.field.Type.IsFloat() {
		t.Given.Scale = imaging.Bytes
	}
	t.channels = pipe.Channels()
	if err := t.findGeometries(pipe.Open()); err != nil {
		return err
	}
	d, err := t.feed(t.images, t.way(t.geometries[0], imaging.Preprocess{}))
	if err != nil {
		return err
	}
	objective, err := gating.FitObjective(t.models[0], d, t.Objective)
	if err != nil {
		return err
	}
	t.evaluator, err = gating.NewEvaluator(d, objective,
		gating.EvaluatorOptions{BatchSize: t.BatchSize, Threads: t.Threads, Base: t.models[0]})
	return err
}

// findField finds the input that takes images, the first that does.
func (t *wayTrials) findField() (pipe *imaging.Pipeline, err error) {
	for at, f := range gating.Fields(t.models[0]) {
		var misfit error
		if pipe, misfit = imaging.Fit(imaging.Preprocess{Layout: t.Given.Layout}, f.Shape,
			f.Type.IsFloat()); misfit == nil {
			t.field, t.at = f, at
			return pipe, nil
		}
		if err == nil {
			err = advice.Errorf(dataset.ErrData, advice.Hint(misfit), "input %q: %w", f.Name, misfit)
		}
	}
	if err == nil {
		err = advice.Errorf(dataset.ErrData, "", "the graph has no inputs")
	}
	return nil, err
}

func (t *wayTrials) close() {
	if t.evaluator != nil {
		t.evaluator.Close()
	}
}

// findGeometries lists what may become of the size of images: nothing where all have the graph's, else squashed, or the
// middle cut out.
func (t *wayTrials) findGeometries(open bool) error {
	if t.Given.Resize != (imaging.Resize{}) || t.Given.Crop != (imaging.Crop{}) {
		t.geometries = []geometry{{t.Given.Resize, t.Given.Crop}}
		return t.pixels(t.geometries[0])
	}
	keep := geometry{resize: imaging.Resize{Mode: imaging.Keep}}
	if t.pixels(keep) == nil {
		t.geometries = []geometry{keep}
		return nil
	}
	squash := geometry{}
	if open {
		squash.resize = imaging.Resize{Height: openSize, Width: openSize}
	}
	t.geometries = []geometry{squash}
	for _, share := range cropShares {
		t.geometries = append(t.geometries, geometry{crop: imaging.Crop{Share: share}})
	}
	return t.pixels(squash)
}

// pixels reads images with a geometry, unless they are those read last.
func (t *wayTrials) pixels(g geometry) error {
	if t.images != nil && t.read == g {
		return nil
	}
	p := imaging.Preprocess{Resize: g.resize, Crop: g.crop, Interpolation: t.Given.Interpolation,
		Layout: t.Given.Layout,
		Scale:  imaging.Bytes}
	d, err := t.open(p)
	if err != nil {
		return err
	}
	rows := make([]int, d.Len())
	for i := range rows {
		rows[i] = i
	}
	random.New(0, 0).Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	t.images, t.read = d.Select(rows[:min(len(rows), sampleRounds[len(sampleRounds)-1])]), g
	return nil
}

// way is a geometry and a scaling, named.
func (t *wayTrials) way(g geometry, s imaging.Preprocess) *way {
	w := &way{Preprocess: s}
	w.Resize, w.Crop, w.Interpolation, w.Layout = g.resize, g.crop, t.Given.Interpolation, t.Given.Layout
	w.name = w.Preprocess.String()
	return w
}

// scalings lists the ways to scale that are tried, the usual one first, with the usual geometry and all orders of
// classes.
func (t *wayTrials) scalings() []*way {
	list := []*way{t.way(t.geometries[0], t.Given)}
	if !t.scaled() && t.field.Type.IsFloat() {
		list = nil
		for _, s := range imaging.Scalings(t.channels) {
			if t.Given.BGR && !s.BGR {
				s.BGR, s.Mean, s.Std = true, reversed(s.Mean), reversed(s.Std)
			}
			list = append(list, t.way(t.geometries[0], s))
		}
	}
	if t.images.OtherOrder() == nil {
		return list
	}
	for _, w := range slices.Clone(list) {
		again := *w
		again.other, again.name = true, w.name+", classes in the order of text"
		list = append(list, &again)
	}
	return list
}

// reversed is the list for blue, green, red.
func reversed(list []float64) []float64 {
	list = slices.Clone(list)
	slices.Reverse(list)
	return list
}

// contest runs all ways on more and more samples, without those that are clearly worse than the best, and
// returns the best: the first of equal ones.
func (t *wayTrials) contest(ctx context.Context, list []*way) (best *way, err error) {
	list = slices.Clone(list)
	for round, n := range sampleRounds {
		for _, w := range list {
			if err := t.run(ctx, w, n); err != nil {
				return nil, err
			}
		}
		best = leader(list)
		last := round == len(sampleRounds)-1 || n >= t.images.Len()
		list = slices.DeleteFunc(list, func(w *way) bool {
			return w != best && (w.fed == nil || best.fed != nil && best.better(w.fed).loss >= dropErrors)
		})
		if last || len(list) == 1 {
			break
		}
	}
	return best, nil
}

// leader is the way of least damped loss.
func leader(list []*way) *way {
	best := list[0]
	for _, w := range list[1:] {
		if w.fed != nil && (best.fed == nil || w.better(best.fed).loss > 0) {
			best = w
		}
	}
	return best
}

// turns says whether the other order of colours is worth a try: nothing says which it is.
func (t *wayTrials) turns() bool {
	return t.channels == 3 && t.Given.Convention == "" && !t.Given.BGR && !t.scaled()
}

// scaled says whether it is given what becomes of bytes.
func (t *wayTrials) scaled() bool {
	return t.Given.Scale != 0 || t.Given.Offset != 0 || t.Given.Mean != nil || t.Given.Std != nil
}

// refine tries the other order of colours with the scaling that is right, and then other geometries.
func (t *wayTrials) refine(ctx context.Context, best *way) (*way, error) {
	if t.turns() {
		turned := best.Preprocess
		turned.BGR, turned.Mean, turned.Std = !best.BGR, reversed(best.Mean), reversed(best.Std)
		var err error
		if best, err = t.duel(ctx, best, t.way(t.geometries[0], turned)); err != nil {
			return nil, err
		}
	}
	for _, g := range t.geometries[1:] {
		var err error
		if best, err = t.duel(ctx, best, t.way(g, best.Preprocess)); err != nil {
			return nil, err
		}
	}
	return best, nil
}

// duel returns another way if it is clearly better than the best so far, on as many samples as it takes to tell.
func (t *wayTrials) duel(ctx context.Context, best, w *way) (*way, error) {
	w.other = best.other
	for _, n := range sampleRounds {
		if n < best.n && n < t.images.Len() {
			continue
		}
		for _, each := range []*way{best, w} {
			if err := t.run(ctx, each, n); err != nil {
				return nil, err
			}
		}
		switch {
		case w.fed == nil || best.better(w.fed).loss >= dropErrors:
			return best, nil
		case w.better(best.fed).clear():
			return w, nil
		}
	}
	return best, nil
}

// run scores all models with a way on the first n images. Models that cannot be run do not count.
func (t *wayTrials) run(ctx context.Context, w *way, n int) error {
	n = min(n, t.images.Len())
	if w.n == n {
		return nil
	}
	if w.n == 0 {
		t.tried = append(t.tried, w)
	}
	w.n, w.fed = n, nil
	if err := t.pixels(geometry{w.Resize, w.Crop}); err != nil {
		return err
	}
	images := t.images
	if w.other {
		images = images.OtherOrder()
	}
	d, err := t.feed(images.Head(n), w)
	if err != nil {
		return err
	}
	e, err := t.evaluator.On(d)
	if err != nil {
		return err
	}
	var scores []gating.Score
	for _, m := range t.models {
		s, err := e.Score(ctx, m)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil {
			scores = append(scores, s)
		}
	}
	w.fed = bestHalf(scores, t.evaluator.Objective().Metric.Smaller)
	return nil
}

// feed turns the pixels of images into what a way makes of them. Inputs of integers stay pixels.
func (t *wayTrials) feed(images *dataset.Data, w *way) (*dataset.Data, error) {
	in := images.Inputs[t.at]
	if in.Floats == nil {
		return images, nil
	}
	p := w.Preprocess
	p.Resize, p.Crop = imaging.Resize{Mode: imaging.Keep}, imaging.Crop{}
	pipe, err := imaging.Fit(p, append([]int{-1}, in.Shape...), true)
	if err != nil {
		return nil, advice.Errorf(dataset.ErrData, advice.Hint(err), "%w", err)
	}
	return images.WithFloats(t.at, func(c dataset.Column) []float32 {
		out, size := make([]float32, len(c.Floats)), c.Size()
		for at := 0; at < len(out); at += size {
			pipe.FromBytes(out[at:at+size], c.Floats[at:at+size])
		}
		return out
	}), nil
}

// aboveChance says whether a way makes the models better than answering the frequencies of the classes.
func (t *wayTrials) aboveChance(w *way) bool {
	o := t.evaluator.Objective()
	if w.fed == nil || o.Classes < 2 || o.Metric.Name != "accuracy" {
		return w.fed != nil
	}
	d, err := o.Prepare(t.images)
	if err != nil {
		return false
	}
	chance := frequencies(d, o.Classes)
	return w.loss < chance.Loss || w.metric > chance.Metric+surely*standardError(o.Metric, chance.Metric, w.n)
}
