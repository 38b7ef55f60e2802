package search

import (
	"github.com/softmerge/softmerge/gating"
)

// Place is where the gates of a trial start.
type Place string

const (
	ByLosses   Place = ""       // by the parents' losses (gating.NewStart)
	Warm       Place = "warm"   // beside the best parent or at the average, where the loss is less (gating.WarmStart)
	BesideBest Place = "beside" // beside the best parent
)

// Trial is one way to merge. It is a value: what is tried is a list of them.
type Trial struct {
	Method       gating.Method      `json:"method"`
	Granularity  gating.Granularity `json:"granularity,omitempty"` // of learned gates
	Place        Place              `json:"place,omitempty"`       // where they start
	Combine      gating.Combine     `json:"combine,omitempty"`     // empty is what the options say
	Repaired     bool               `json:"repaired,omitempty"`    // activations repaired (gating.Repairer)
	Source       bool               `json:"source,omitempty"`      // a transplant is mixed too, or trained on
	Rounded      bool               `json:"rounded,omitempty"`     // learned gates rounded to 0 or 1
	Recalibrated bool               `json:"recalibrated,omitempty"`
}

// Name returns the trial's name in tables, recipes and reports, such as
// "uniform", "soft:layer:rounded" or "soft:channel+repaired:sum+recalibrated".
func (t Trial) Name() string {
	name := string(t.Method)
	if t.Method == gating.Soft {
		name += ":" + string(t.Granularity)
	}
	if t.Source {
		name += "+transplant"
	}
	if t.Repaired {
		name += "+repaired"
	}
	if t.Combine != "" {
		name += ":" + string(t.Combine)
	}
	if t.Rounded {
		name += ":rounded"
	}
	if t.Recalibrated {
		name += "+recalibrated"
	}
	return name
}

// transplantAlone says whether the parents come in by a transplant alone.
func (t Trial) transplantAlone() bool {
	return t.Method == gating.Transplanted || t.Method == gating.FineTuned && t.Source
}

// granularity is that of the plan that is learned.
func (t Trial) granularity() gating.Granularity {
	if t.Method == gating.FineTuned {
		return gating.ByElement
	}
	return t.Granularity
}

// learning returns the trial whose gates t takes: the same without what is done to learned gates.
func (t Trial) learning() Trial {
	t.Rounded, t.Recalibrated = false, false
	return t
}

// circumstances are what is known of the parents before the first trial.
type circumstances struct {
	reordered bool // hidden units were brought into one order
	scored    bool // some parent has a finite loss
	small     bool // the parents have few enough weights for further tries
	foreign   bool // the data's statistics are far from every parent's: measured anew they would hide it
	labelled  bool // the loss compares with labels, or an ensemble's answers: then weights may follow it freely
}

// trials lists what the options try, in the order of the table.
func (o *Options) trials(c circumstances) []Trial {
	var list, learned []Trial
	if o.Maker != nil { // beside the average, which is the same for all samples
		return []Trial{{Method: gating.Uniform}, {Method: o.Method}}
	}
	switch o.Method {
	case gating.Uniform:
		list = append(list, Trial{Method: gating.Uniform})
		if c.reordered { // beside learned gates it never won (fixtures/ablation.md)
			list = append(list, Trial{Method: gating.Uniform, Repaired: true})
		}
	case gating.Greedy:
		list = append(list, Trial{Method: gating.Greedy})
	case gating.FineTuned:
		list = append(list, Trial{Method: gating.FineTuned})
	case gating.Auto, gating.Soft:
		list = append(list, Trial{Method: gating.Uniform}, Trial{Method: gating.Greedy})
		learned = o.learnedTrials(c)
	}
	for _, m := range o.Static.merges {
		list = append(list, Trial{Method: gating.Method(m.Method().Name)})
	}
	list = append(list, learned...)
	if c.foreign {
		return list
	}
	return withRecalibration(list)
}

// learnedTrials lists what is learned of each granularity and, by gating.Auto, what comes of a transplant. By a loss
// that compares with nothing, as the entropy, weights would follow to any answer.
func (o *Options) learnedTrials(c circumstances) (list []Trial) {
	source := o.Method == gating.Auto && c.labelled && !c.foreign
	if source {
		list = append(list, Trial{Method: gating.Transplanted})
	}
	for _, g := range o.Granularity {
		list = append(list, o.softTrials(g, c)...)
		if source {
			list = append(list, Trial{Method: gating.Soft, Granularity: g, Source: true})
		}
	}
	if source && c.small {
		list = append(list, Trial{Method: gating.FineTuned, Source: true})
	}
	return list
}

// softTrials lists the trials of one granularity. For reordered parents, channel by
// channel, gates that need not add up to one are tried too: they can undo the loss of
// variance that averaging brings.
func (o *Options) softTrials(g gating.Granularity, c circumstances) []Trial {
	t := Trial{Method: gating.Soft, Granularity: g}
	if c.reordered && c.scored && o.Init != gating.InitOpen {
		t.Place, t.Repaired = Warm, true
	}
	rounded, sum := t, t
	rounded.Rounded = true
	list := []Trial{t}
	if o.Method != gating.Auto { // rounded gates are chosen often and worth nothing (fixtures/ablation.md)
		list = append(list, rounded)
	}
	if t.Place == Warm && g == gating.ByChannel && c.small && o.Learn.Combine == "" {
		sum.Place, sum.Combine = BesideBest, gating.Sum
		list = append(list, sum)
	}
	return list
}

// withRecalibration lists after each trial the same with normalisation statistics measured anew.
func withRecalibration(list []Trial) []Trial {
	var out []Trial
	for _, t := range list {
		again := t
		again.Recalibrated = true
		out = append(out, t, again)
	}
	return out
}
