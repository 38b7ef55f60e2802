package search

import (
	"github.com/softmerge/softmerge/gating"
)

// Place is where the gates of a trial start.
type Place string

const (
	ByLosses     Place = ""       // by the parents' losses (gating.NewStart)
	Warm         Place = "warm"   // beside the best parent or at the average, where the loss is less (gating.WarmStart)
	Other        Place = "other"  // the other of the two
	BesideBest   Place = "beside" // beside the best parent
	BesideSecond Place = "second" // beside the second-best parent
)

// Trial is one way to merge. It is a value: what is tried is a list of them.
type Trial struct {
	Method       gating.Method      `json:"method"`
	Granularity  gating.Granularity `json:"granularity,omitempty"` // of learned gates
	Place        Place              `json:"place,omitempty"`       // where they start
	Combine      gating.Combine     `json:"combine,omitempty"`     // empty is what the options say
	Repaired     bool               `json:"repaired,omitempty"`    // activations repaired (gating.Repairer)
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
	if t.Repaired {
		name += "+repaired"
	}
	switch {
	case t.Combine != "":
		name += ":" + string(t.Combine)
	case t.Place == Other || t.Place == BesideSecond:
		name += ":" + string(t.Place)
	}
	if t.Rounded {
		name += ":rounded"
	}
	if t.Recalibrated {
		name += "+recalibrated"
	}
	return name
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
}

// trials lists what the options try, in the order of the table.
func (o *Options) trials(c circumstances) []Trial {
	var list []Trial
	if o.Method != gating.Greedy {
		list = append(list, Trial{Method: gating.Uniform})
		if c.reordered {
			list = append(list, Trial{Method: gating.Uniform, Repaired: true})
		}
	}
	if o.Method != gating.Uniform {
		list = append(list, Trial{Method: gating.Greedy})
	}
	if o.Method == gating.Soft {
		for _, g := range o.Granularity {
			list = append(list, o.softTrials(g, c)...)
		}
	}
	return withRecalibration(list)
}

// softTrials lists the trials of one granularity. Channel by channel there is more that
// may be worth it for reordered parents: gates that need not add up to one, which can
// undo the loss of variance, the other place, and the second-best parent's neighbourhood.
func (o *Options) softTrials(g gating.Granularity, c circumstances) []Trial {
	if !c.reordered || !c.scored || o.Init == gating.InitOpen {
		return []Trial{{Method: gating.Soft, Granularity: g}, {Method: gating.Soft, Granularity: g, Rounded: true}}
	}
	list := []Trial{
		{Method: gating.Soft, Granularity: g, Place: Warm, Repaired: true},
		{Method: gating.Soft, Granularity: g, Place: Warm, Repaired: true, Rounded: true},
	}
	if g != gating.ByChannel || !c.small {
		return list
	}
	if o.Learn.Combine == "" {
		list = append(list, Trial{Method: gating.Soft, Granularity: g, Place: BesideBest, Combine: gating.Sum,
			Repaired: true})
	}
	return append(list,
		Trial{Method: gating.Soft, Granularity: g, Place: Other, Repaired: true},
		Trial{Method: gating.Soft, Granularity: g, Place: BesideSecond, Repaired: true})
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
