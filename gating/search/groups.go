package search

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/graphmatch/random"
	"github.com/softmerge/softmerge/onnx/advice"
)

// A merge that is better on all samples may be worse on those that matter: of one domain, one customer, one class.
// Where the data has groups (dataset.Options.Group) every model is judged on each of them too. Nothing is chosen by
// it: the parts are smaller than the whole, and one of many looks worse by chance.

// ReportGroup is how models did on the samples of one group that judged.
type ReportGroup struct {
	Name    string             `json:"name"`
	Samples int                `json:"samples"`
	Models  []ReportGroupModel `json:"models"`

	// Parent is the best parent on all samples and Merged the chosen model, or, if none was, the merged one of the best
	// metric; both are names of Models. What follows compares the two; it is absent where there are no two.
	Parent     string   `json:"parent,omitempty"`
	Merged     string   `json:"merged,omitempty"`
	Difference *float64 `json:"difference,omitempty"` // by how much the metric is better; below zero where it is worse
	// StandardError is that of the difference, absent where it is not known.
	StandardError *float64 `json:"standard_error,omitempty"`
	// P is how likely chance alone makes the merged model look so much worse.
	P *float64 `json:"p,omitempty"`
	// Worse says that chance does not explain it, as many groups as there are.
	Worse bool `json:"worse,omitempty"`
}

// ReportGroupModel is how one model did; null where the group defines no number.
type ReportGroupModel struct {
	Name   string   `json:"name"`
	Loss   *float64 `json:"loss"`
	Metric *float64 `json:"metric"`
}

// Scored is a model's score under its name.
type Scored struct {
	Name  string
	Score gating.Score
}

// grouping is which group every sample is in, by number, in the order of the scores.
type grouping struct {
	names []string
	of    []int
}

// DescribeGroups describes the models' scores on each group of the data, which is the data they are scores on; nil
// where it has none. Groups without samples are left out.
func DescribeGroups(d *dataset.Data, models []Scored) []ReportGroup {
	return grouping{d.GroupNames(), d.Groups()}.describe(models)
}

func (g grouping) describe(models []Scored) []ReportGroup {
	var list []ReportGroup
	for i, name := range g.names {
		weights, n := g.weights(i)
		if n == 0 {
			continue
		}
		r := ReportGroup{Name: name, Samples: n, Models: []ReportGroupModel{}}
		for _, m := range models {
			loss, metric := m.Score.Resampled(weights)
			r.Models = append(r.Models, ReportGroupModel{m.Name, Number(loss), Number(metric)})
		}
		list = append(list, r)
	}
	return list
}

// weights count the samples of a group once and no others.
func (g grouping) weights(group int) (weights []float64, n int) {
	weights = make([]float64, len(g.of))
	for i, of := range g.of {
		if of == group {
			weights[i] = 1
			n++
		}
	}
	return weights, n
}

// groups describes the candidates on each group of the samples that judged, compares the chosen one with the best
// parent there, and warns where it is worse though it is better on all.
func (m *search) groups(c *choice, chosen *Candidate) []ReportGroup {
	if len(m.grouped.of) == 0 {
		return nil
	}
	var models []Scored
	for i := range c.candidates {
		models = append(models, Scored{c.candidates[i].Name, c.candidates[i].Score})
	}
	list := m.grouped.describe(models)
	parent := c.best(c.isParent)
	merged := c.best(func(i int) bool { return &c.candidates[i] == chosen && chosen.Parent < 0 })
	if merged < 0 {
		merged = c.best(func(i int) bool { return c.candidates[i].Parent < 0 })
	}
	if parent < 0 || merged < 0 {
		return list
	}
	for i := range list {
		list[i].Parent, list[i].Merged = models[parent].Name, models[merged].Name
		d := m.grouped.differ(c.metric, list[i].Name, models[merged].Score, models[parent].Score)
		list[i].Difference = Number(d.metric)
		if d.metricError > 0 {
			list[i].StandardError = Number(d.metricError)
		}
		if list[i].Difference != nil {
			list[i].P = Number(d.chance)
			list[i].Worse = d.metric < -tinyGain && d.chance <= mostGroupChance/float64(len(list))
		}
	}
	if chosen.Parent < 0 {
		m.warnings.Add(worseGroups(list, c.name(merged), c.name(parent), c.metric.Name)...)
	}
	return list
}

// worseGroups warns of groups on which the chosen model is worse.
func worseGroups(list []ReportGroup, merged, parent, metric string) advice.Warnings {
	var where []string
	for _, g := range list {
		if !g.Worse {
			continue
		}
		of := map[string]float64{}
		for _, m := range g.Models {
			if m.Metric != nil {
				of[m.Name] = *m.Metric
			}
		}
		where = append(where, fmt.Sprintf("%q (%.4f where %s has %.4f, %d samples)", g.Name, of[g.Merged], parent,
			of[g.Parent], g.Samples))
	}
	if len(where) == 0 {
		return nil
	}
	if n := len(where) - maxPairs; n > 0 {
		where = append(where[:maxPairs], fmt.Sprintf("%d more", n))
	}
	var w advice.Warnings
	w.Addf(ErrNoGain, fmt.Sprintf("take %s where these groups are what matters, or learn from more of their samples",
		parent), "%s is better than %s on all samples, but its %s is worse, beyond chance, on the group %s", merged,
		parent, metric, strings.Join(where, ", "))
	return w
}

// differ is by how much the metric of model a is better than that of b on one group, and how likely chance alone makes
// it look so much worse.
func (g grouping) differ(m gating.Metric, name string, a, b gating.Score) (d comparison) {
	sign := 1.0
	if m.Smaller {
		sign = -1
	}
	weights, n := g.weights(slices.Index(g.names, name))
	_, of := a.Resampled(weights)
	_, than := b.Resampled(weights)
	d.metric = sign * (of - than)
	differing := n
	if sa, sb := a.Metrics(), b.Metrics(); sa != nil && sb != nil {
		var list []float64
		for i, w := range weights {
			if w > 0 {
				list = append(list, sign*(sa[i]-sb[i]))
			}
		}
		d.metricError = deviation(list) / math.Sqrt(float64(n))
		better, worse, ones := signs(list)
		if differing = better + worse; ones {
			d.chance = atLeast(worse, differing)
			return d
		}
	} else {
		d.metricError = g.resampled(weights, sign, a, b)
	}
	if d.chance = 1; d.metricError > 0 {
		below := math.Erfc(-d.metric/d.metricError/math.Sqrt2) / 2 // of a normal distribution
		d.chance = max(below, math.Pow(2, -float64(differing)))
	}
	return d
}

// signs counts what is above and below zero, and says whether all else is zero and these are ones.
func signs(list []float64) (above, below int, ones bool) {
	ones = true
	for _, v := range list {
		switch {
		case v > 0:
			above++
		case v < 0:
			below++
		}
		ones = ones && (v == 0 || math.Abs(v) == 1)
	}
	return above, below, ones
}

// atLeast is how likely k or more of n fair coins show heads: the exact test of Q. McNemar (Psychometrika 12, 1947) for
// two models of which n samples tell one from the other.
func atLeast(k, n int) float64 {
	sum := 0.0
	for ; k <= n; k++ {
		all, _ := math.Lgamma(float64(n + 1))
		in, _ := math.Lgamma(float64(k + 1))
		out, _ := math.Lgamma(float64(n - k + 1))
		sum += math.Exp(all - in - out - float64(n)*math.Ln2)
	}
	return min(1, sum)
}

// resampled is the standard error of a difference of metrics that are no means, by the bootstrap; 0 where that would
// take too long or the draws define no metric.
func (g grouping) resampled(weights []float64, sign float64, a, b gating.Score) float64 {
	if leastReplicates*len(weights)*len(g.names) > mostGroupWork {
		return 0
	}
	var rows []int
	for i, w := range weights {
		if w > 0 {
			rows = append(rows, i)
		}
	}
	var list []float64
	drawn, draw := make([]float64, len(weights)), random.New(0, resampleStream)
	for range leastReplicates {
		clear(drawn)
		for range rows {
			drawn[rows[draw.IntN(len(rows))]]++
		}
		_, of := a.Resampled(drawn)
		_, than := b.Resampled(drawn)
		if d := sign * (of - than); !math.IsNaN(d - d) {
			list = append(list, d)
		}
	}
	if len(list) < leastReplicates/2 {
		return 0
	}
	return deviation(list)
}
