package search

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/graphmatch/random"
	"github.com/softmerge/softmerge/onnx"
)

// misfed doubts inputs of floats that are scaled or laid out otherwise than in training: where
// the models are far better when they are given them in another way. Models without
// normalisation remember nothing of their training's data, but they show what they want.
func (m *search) misfed(ctx context.Context) (*doubt, error) {
	few, err := m.sampled(misfedRounds[0])
	if err != nil {
		return nil, err
	}
	var found []string
	for i := range few.Data().Parts()[0].Inputs {
		if !floats(few.Data(), i) {
			continue
		}
		what, err := m.misfedInput(ctx, i)
		if err != nil {
			return nil, err
		}
		if what != "" {
			found = append(found, what)
		}
	}
	if len(found) == 0 {
		return nil, nil
	}
	return &doubt{strings.Join(found, "; "),
		"give the data as in training: scaled alike, with its axes in the same order"}, nil
}

// sampled is an evaluator of samples drawn from those to learn from.
func (m *search) sampled(n int) (*gating.Evaluator, error) {
	d := m.learn.Data()
	if n >= d.Len() {
		return m.learn, nil
	}
	rows := make([]int, d.Len())
	for i := range rows {
		rows[i] = i
	}
	random.New(0, 0).Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	return m.learn.On(d.Select(rows[:n]))
}

// misfedInput says what an input should be, empty where it is right as far as the models tell. All ways are tried
// on few samples, those that give hope on more.
func (m *search) misfedInput(ctx context.Context, input int) (string, error) {
	var list []refeed
	for round, n := range misfedRounds {
		e, err := m.sampled(n)
		if err != nil {
			return "", err
		}
		if round == 0 {
			list = refeeds(e.Data(), input)
		}
		models := m.judged()
		if round == 0 {
			models = m.bestParents(misfedParents)
		}
		given, err := scoresOf(ctx, e, models)
		if err != nil {
			return "", err
		}
		last := round == len(misfedRounds)-1 || n >= m.learn.Data().Len()
		var sure []refed
		list, sure, err = m.compareFeeds(ctx, e, input, list, models, given)
		if err != nil || len(list) == 0 {
			return "", err
		}
		if last && len(sure) > 0 {
			return m.saying(input, bestHalf(given, e.Objective().Metric.Smaller), bestFeed(sure)), nil
		}
		if last {
			break
		}
	}
	return "", nil
}

// refed is how the models do with an input that is given in another way.
type refed struct {
	refeed
	*fed
}

// compareFeeds runs the models with other ways, and returns those that give hope and those that are better beyond
// doubt.
func (m *search) compareFeeds(ctx context.Context, e *gating.Evaluator, input int, list []refeed,
	models []*onnx.Model, given []gating.Score) (hope []refeed, sure []refed, err error) {
	j := feedJudge{metric: e.Objective().Metric, chance: m.chance(e)}
	for _, r := range list {
		on, err := e.On(e.Data().WithFloats(input, r.apply))
		if err != nil {
			return nil, nil, err
		}
		scores, err := scoresOf(ctx, on, models)
		if err != nil {
			return nil, nil, err
		}
		hopeful, clear := j.judge(given, scores)
		if hopeful {
			hope = append(hope, r)
		}
		if clear {
			sure = append(sure, refed{r, bestHalf(scores, j.metric.Smaller)})
		}
	}
	return hope, sure, nil
}

// bestParents are at most n parents, those of least loss first.
func (m *search) bestParents(n int) (list []*onnx.Model) {
	order := byLoss(m.scores)
	for _, j := range order[:min(n, len(order))] {
		list = append(list, m.judged()[j])
	}
	return list
}

// byLoss are the places of scores, those of least loss first, without a finite one last.
func byLoss(scores []gating.Score) []int {
	order := make([]int, len(scores))
	for j := range order {
		order[j] = j
	}
	slices.SortStableFunc(order, func(a, b int) int {
		x, y := scores[a], scores[b]
		if x.Finite() != y.Finite() {
			return map[bool]int{true: -1, false: 1}[x.Finite()]
		}
		return cmp.Compare(x.Loss, y.Loss)
	})
	return order
}

// scoresOf scores models; what cannot be run has NaN.
func scoresOf(ctx context.Context, e *gating.Evaluator, models []*onnx.Model) ([]gating.Score, error) {
	list := make([]gating.Score, len(models))
	for j, model := range models {
		s, err := e.Score(ctx, model)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			s = unknown
		}
		list[j] = s
	}
	return list, nil
}

// feedJudge compares parents' scores with two ways to give an input.
type feedJudge struct {
	metric gating.Metric
	chance gating.Score // of answering the frequencies of the classes; zero where there are none
}

// chance is the score of answering the frequencies of the classes.
func (m *search) chance(e *gating.Evaluator) gating.Score {
	o := e.Objective().Only()
	if o.Classes < 2 || o.Metric.Name != "accuracy" {
		return gating.Score{}
	}
	return frequencies(e.Data(), 0, o.Classes)
}

// knows says whether a model is better than chance.
func (j feedJudge) knows(s gating.Score) bool {
	return j.chance.Samples == 0 || s.Loss < j.chance.Loss ||
		s.Metric > j.chance.Metric+surely*standardError(j.metric, j.chance.Metric, j.chance.Samples)
}

// judge compares each parent's scores. Another way gives hope if some parent is better with it. It is better beyond
// doubt if the better half of the parents, or the best alone, is far better, and no parent that knows something
// with the input as given is worse: parents may be broken or of other domains.
func (j feedJudge) judge(given, other []gating.Score) (hopeful, clear bool) {
	for i, g := range given {
		o := other[i]
		if !g.Finite() {
			hopeful = hopeful || o.Finite()
			continue
		}
		if !o.Finite() {
			return false, false
		}
		a, b := bestHalf([]gating.Score{o}, j.metric.Smaller), bestHalf([]gating.Score{g}, j.metric.Smaller)
		e := a.better(b)
		if j.knows(g) && !j.far(a, b) && b.better(a).clear() {
			return false, false
		}
		hopeful = hopeful || max(e.loss, e.metric, e.plain) >= hopefulErrors
	}
	for _, n := range []int{(len(given) + 1) / 2, 1} {
		a, b := bestOf(other, n, j.metric.Smaller), bestOf(given, n, j.metric.Smaller)
		clear = clear || a != nil && (b == nil || j.far(a, b))
	}
	return hopeful, clear
}

// far says that one way is better beyond doubt and by much: in the metric where it is a mean over samples, or in
// the loss: far above that of chance, and far below. Networks of ReLU take nearly the same decisions whatever the
// scale, but with a confidence that is out of all proportion.
func (j feedJudge) far(a, b *fed) bool {
	e := a.better(b)
	if a.metrics == nil || b.metrics == nil || a.smaller || j.chance.Samples == 0 {
		return e.loss >= misfedErrors && a.loss <= misfedLoss*b.loss
	}
	if e.metric >= misfedErrors && e.loss >= surely && a.metric-b.metric >= misfedGain {
		return true
	}
	confident := b.loss > j.chance.Loss && a.loss < misfedLoss*j.chance.Loss && a.loss < b.loss/4 ||
		b.loss > 4*j.chance.Loss && a.loss < b.loss/10
	return confident && e.plain >= misfedErrors && e.metric >= -1
}

// bestFeed is the best of several ways; of those that are as good the first.
func bestFeed(list []refed) refed {
	best := list[0]
	for _, r := range list[1:] {
		if r.better(best.fed).loss > 0 {
			best = r
		}
	}
	return list[slices.IndexFunc(list, func(r refed) bool { return !best.better(r.fed).clear() })]
}

// saying says what an input should be.
func (m *search) saying(input int, given *fed, best refed) string {
	name, metric := "the input", m.learn.Objective().Metric.Name
	if inputs := m.learn.Data().Parts()[0].Inputs; len(inputs) > 1 {
		name = fmt.Sprintf("input %q", inputs[input].Name)
	}
	figure := func(f *fed) string {
		switch {
		case f == nil:
			return "none"
		case f.metrics != nil && !f.smaller:
			return fmt.Sprintf("%s %.2f, loss %.3g", metric, f.metric, f.loss)
		}
		return fmt.Sprintf("loss %.3g", f.loss)
	}
	return fmt.Sprintf("the models are far better when %s, x, is %s: %s against %s", name, best.name,
		figure(best.fed), figure(given))
}
