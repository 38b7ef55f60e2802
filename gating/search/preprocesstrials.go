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
	name   string
	other  bool           // classes are in the other order
	*fed                  // nil where no model has a finite loss
	n      int            // samples it was run on last
	runs   map[int]*fed   // by how many samples
	scores []gating.Score // of every model that was asked last
}

// wayTrials feeds the same images to models in several ways.
type wayTrials struct {
	PreprocessOptions
	models     []*onnx.Model
	judges     []*onnx.Model // those that are asked; nil for all
	open       func(p imaging.Preprocess, most int) (*dataset.Data, error)
	field      dataset.Field // the input that takes images
	at         int           // which of the inputs that is
	channels   int
	geometries []geometry    // that are tried first, the usual one before the others
	shares     []float64     // of the shorter edge that may be kept, from all to least
	all, few   pixels        // as many as the last round wants, and as the first does
	images     *dataset.Data // read first
	evaluator  *gating.Evaluator
	tried      []*way
	rivals     []*way // that may be as right as what is taken, those of least loss first
	blind      bool   // there are no labels by which models could tell
}

// pixels are images read with a geometry: of 0 to 255, in an order that is drawn.
type pixels struct {
	geometry
	images *dataset.Data
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
	if err := t.findGeometries(pipe); err != nil {
		return err
	}
	if t.images, err = t.read(t.geometries[0], sampleRounds[len(sampleRounds)-1]); err != nil {
		return err
	}
	objective, d, err := t.fitObjective()
	if err != nil {
		return err
	}
	if objective.Unlabelled() { // the labels of a folder's classes still tell how its images are preprocessed
		t.Objective.Loss, t.Objective.Metric = "auto", "auto"
		if objective, d, err = t.fitObjective(); err != nil {
			t.blind = true
			return nil
		}
	}
	if readsBoxes(objective) {
		t.geometries = uncropped(t.geometries)
		if objective, d, err = t.letterbox(objective, d); err != nil {
			return err
		}
	}
	t.evaluator, err = gating.NewEvaluator(d, objective,
		gating.EvaluatorOptions{BatchSize: t.BatchSize, Threads: t.Threads, Base: t.models[0]})
	return err
}

// fitObjective fits the objective to images fed in the usual way; where labels are boxes, in the way under which the
// model tells best how its outputs hold them.
func (t *wayTrials) fitObjective() (best gating.Objective, d *dataset.Data, err error) {
	for i, w := range append([]*way{t.way(t.geometries[0], imaging.Preprocess{})}, t.scalings()...) {
		fed, err := t.feed(t.images, w)
		if err != nil {
			return best, nil, err
		}
		o, err := gating.FitObjective(t.models[0], fed, t.Objective)
		if err != nil {
			return best, nil, err
		}
		if i == 0 || o.Only().Quality > best.Only().Quality {
			best, d = o, fed
		}
		if !readsBoxes(o) || best.Only().Quality > leastPrecision {
			break
		}
	}
	return best, d, nil
}

// readsBoxes says whether labels are boxes.
func readsBoxes(o gating.Objective) bool { return o.Only().Layout() != "" }

// uncropped leaves out geometries that cut something off: with other objects in the pictures losses say nothing of
// which geometry is right.
func uncropped(list []geometry) []geometry {
	return slices.DeleteFunc(list, func(g geometry) bool { return g.crop != list[0].crop })
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

// read returns the first n images with a geometry. Few are read alone, as most geometries are tried on no more.
func (t *wayTrials) read(g geometry, n int) (*dataset.Data, error) {
	cache, most := &t.all, sampleRounds[len(sampleRounds)-1]
	if n <= sampleRounds[0] {
		cache, most = &t.few, sampleRounds[0]
	}
	if cache.images != nil && cache.geometry == g {
		return cache.images.Head(min(n, cache.images.Len())), nil
	}
	d, err := t.open(imaging.Preprocess{Resize: g.resize, Crop: g.crop, Interpolation: g.interpolation,
		Layout: t.Given.Layout, Scale: imaging.Bytes}, most)
	if err != nil {
		return nil, err
	}
	rows := make([]int, d.Len())
	for i := range rows {
		rows[i] = i
	}
	random.New(0, 0).Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	*cache = pixels{g, d.Select(rows[:min(len(rows), most)])}
	return cache.images.Head(min(n, cache.images.Len())), nil
}

// rounds are how many samples ways are run on, of those there are.
func (t *wayTrials) rounds() (list []int) {
	for _, n := range sampleRounds {
		list = append(list, min(n, t.images.Len()))
	}
	return slices.Compact(list)
}

// way is a geometry and a scaling, named.
func (t *wayTrials) way(g geometry, s imaging.Preprocess) *way {
	w := &way{Preprocess: s}
	w.Resize, w.Crop, w.Interpolation, w.Layout = g.resize, g.crop, g.interpolation, t.Given.Layout
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

// contest runs all ways on more and more samples, without those that are clearly worse than the best, and returns the
// best, the first of equal ones, and those that were not worse to the end.
func (t *wayTrials) contest(ctx context.Context, list []*way) (best *way, left []*way, err error) {
	list = slices.Clone(list)
	for _, n := range t.rounds() {
		for _, w := range list {
			if err := t.run(ctx, w, n); err != nil {
				return nil, nil, err
			}
		}
		best = leader(list)
		list = slices.DeleteFunc(list, func(w *way) bool {
			return w != best && (w.fed == nil || best.fed != nil && best.better(w.fed).loss >= dropErrors)
		})
		if len(list) == 1 {
			break
		}
	}
	return best, list, nil
}

// rerun runs the usual way on as many samples as the best was, where fewer leave it open whether that is better: it was
// left behind for another that was clearly better, which is not the best in the end.
func (t *wayTrials) rerun(ctx context.Context, usual, best *way) error {
	for _, n := range t.rounds() {
		if best == usual || usual.fed == nil || n > best.n || best.better(usual.fed).clear() {
			return nil
		}
		if n > usual.n {
			if err := t.run(ctx, usual, n); err != nil {
				return err
			}
		}
	}
	return nil
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

// run scores the models with a way on the first n images. Models that cannot be run do not count.
func (t *wayTrials) run(ctx context.Context, w *way, n int) error {
	if len(w.runs) == 0 {
		w.runs = map[int]*fed{}
		if !slices.Contains(t.tried, w) {
			t.tried = append(t.tried, w)
		}
	}
	if f, ok := w.runs[n]; ok {
		w.n, w.fed = n, f
		return nil
	}
	images, err := t.read(w.geometry(), n)
	if err != nil {
		return err
	}
	if w.other {
		images = images.OtherOrder()
	}
	scores, err := t.scores(ctx, w, images)
	if err != nil {
		return err
	}
	smaller := t.evaluator.Objective().Metric.Smaller
	w.n, w.scores, w.fed = n, scores, bestHalf(scores, smaller)
	if t.judges != nil {
		w.fed = bestOf(scores, len(scores), smaller)
	}
	w.runs[n] = w.fed
	return nil
}

// scores are those of the models that are asked, NaN where one cannot be run.
func (t *wayTrials) scores(ctx context.Context, w *way, images *dataset.Data) ([]gating.Score, error) {
	d, err := t.feed(images, w)
	if err != nil {
		return nil, err
	}
	e, err := t.evaluator.On(d)
	if err != nil {
		return nil, err
	}
	models := t.judges
	if models == nil {
		models = t.models
	}
	return scoresOf(ctx, e, models)
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
	o := t.evaluator.Objective().Only()
	if w.fed == nil || o.Classes < 2 || o.Metric.Name != "accuracy" {
		return w.fed != nil
	}
	d, err := t.evaluator.Objective().Prepare(t.images)
	if err != nil {
		return false
	}
	chance := frequencies(d, 0, o.Classes)
	return w.loss < chance.Loss || w.metric > chance.Metric+surely*standardError(o.Metric, chance.Metric, w.n)
}
