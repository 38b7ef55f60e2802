package metric

import (
	"cmp"
	"math"
	"slices"
	"sync"

	"github.com/softmerge/softmerge/gating/network"
)

// auc is the area under the receiver operating characteristic: the share of pairs of a sample with the class and one
// without of which the first has the larger score, half for equal ones. Of several classes it is the mean over those
// that some samples have and others have not, each against the rest (sklearn.metrics.roc_auc_score, multi_class
// ovr, average macro); of single things the mean over the things. Of two classes it is that of the second.
func auc(t Task) Metric {
	return Metric{Name: "auc", tally: func() Tally { return &ranking{task: t, order: &order{}} }}
}

// ranking keeps every sample's scores and labels.
type ranking struct {
	task    Task
	classes int
	scores  []float64 // classes a sample
	yes     []bool
	*order
}

// order is each class's samples by their scores, ascending: sorted once, however often the metric is computed.
type order struct {
	once    sync.Once
	byScore [][]int
}

// Add keeps scores and labels.
func (r *ranking) Add(out, target *network.Tensor) error {
	if r.task.Kind == Single {
		r.classes = out.Len() / out.Shape[0]
		for i, v := range out.F {
			score := math.NaN()
			if !ignored(target, i) {
				score = lowest(float64(v))
			}
			r.keep(score, number(target, i) > 0.5)
		}
		return nil
	}
	r.classes = r.task.Classes
	for _, p := range positions(out, target, r.task.Axis) {
		for c := range p.count {
			score := math.NaN()
			if p.label != network.Ignored {
				score = r.odds(out.F, p, c)
			}
			r.keep(score, p.label == c)
		}
	}
	return nil
}

// keep appends a score; NaN says that the sample is ignored.
func (r *ranking) keep(score float64, yes bool) {
	r.scores, r.yes = append(r.scores, score), append(r.yes, yes)
}

// odds ranks samples as the probability of a class does, and does not round to 1.
func (r *ranking) odds(f []float32, p position, class int) float64 {
	own := float64(f[p.first+class*p.stride])
	score := own
	if r.task.Form == network.Logits {
		var rest, top float64 = 0, math.Inf(-1)
		for c := range p.count {
			if c != class {
				top = math.Max(top, float64(f[p.first+c*p.stride]))
			}
		}
		for c := range p.count {
			if c != class {
				rest += math.Exp(float64(f[p.first+c*p.stride]) - top)
			}
		}
		score = math.Round((own-top-math.Log(rest))/equalOdds) * equalOdds
	}
	return lowest(score)
}

// equalOdds is by how much the logarithms of odds may differ by rounding alone: the same scores in another order add up
// to another last digit, and would not count as equal.
const equalOdds = 1e-10

// lowest puts what is no number below all that are.
func lowest(score float64) float64 {
	if math.IsNaN(score) {
		return math.Inf(-1)
	}
	return score
}

// sort orders the samples of every class.
func (r *ranking) sort() {
	r.once.Do(func() {
		for c := range r.classes {
			var rows []int
			for i := range len(r.scores) / r.classes {
				if !math.IsNaN(r.scores[i*r.classes+c]) {
					rows = append(rows, i)
				}
			}
			slices.SortStableFunc(rows, func(a, b int) int {
				return cmp.Compare(r.scores[a*r.classes+c], r.scores[b*r.classes+c])
			})
			r.byScore = append(r.byScore, rows)
		}
	})
}

// Value is the mean area over the classes for which there is one.
func (r *ranking) Value(weights []float64) float64 {
	r.sort()
	var sum, n float64
	for c := range r.classes {
		if r.task.Kind == Classes && r.classes == 2 && c == 0 {
			continue
		}
		if a := r.area(c, weights); !math.IsNaN(a) {
			sum += a
			n++
		}
	}
	return sum / n
}

// area walks a class's samples upwards; equal scores make one step.
func (r *ranking) area(class int, weights []float64) float64 {
	var below, with, pairs float64 // weights of samples without the class so far, of those with it, of pairs in order
	rows := r.byScore[class]
	for from := 0; from < len(rows); {
		score := r.scores[rows[from]*r.classes+class]
		to, yes, no := from, 0.0, 0.0
		for ; to < len(rows) && r.scores[rows[to]*r.classes+class] == score; to++ {
			if w := weight(weights, rows[to]); r.yes[rows[to]*r.classes+class] {
				yes += w
			} else {
				no += w
			}
		}
		pairs += yes * (below + no/2)
		below, with, from = below+no, with+yes, to
	}
	return pairs / (with * below)
}

// Shares returns nil: it is no mean over samples.
func (r *ranking) Shares() []float64 { return nil }

// Joined appends the samples of another.
func (r *ranking) Joined(other Tally) (Tally, bool) {
	o, ok := other.(*ranking)
	if !ok || o.task != r.task || o.classes != r.classes && len(o.scores) > 0 && len(r.scores) > 0 {
		return nil, false
	}
	return &ranking{task: r.task, classes: max(r.classes, o.classes), scores: join(r.scores, o.scores),
		yes: join(r.yes, o.yes), order: &order{}}, true
}
