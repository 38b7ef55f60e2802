package search

import (
	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/dataset"
)

// PermuteAuto brings hidden units into one order, by what averages better, if some
// parent's weights are far from the base's. Else it is gating.PermuteNone.
const PermuteAuto gating.Permutation = "auto"

// What becomes of layers that other outputs than the judged one depend on, and nothing judges.
const (
	UnseenKeep  = "keep"  // they stay the base's, and so does what they share with the judged output
	UnseenMerge = "merge" // they are merged like all others
)

// Options says how to merge. The zero value of a field means its default. Learn.Seed
// counts for the whole merge. An empty Learn.Combine is gating.Convex, and gating.Sum is
// tried too where hidden units were reordered.
//
// Without Folds, Holdout and HeldOut, less than 2000 samples are cross-validated, in two folds and in up to five where
// there are few or no labels, and of more DefaultHoldout judges.
type Options struct {
	Method      gating.Method           // default gating.Auto
	Granularity []gating.Granularity    // of learned gates, in this order; default channel, of gating.Soft layer too
	Init        gating.Init             // where gates start; default gating.InitAuto
	Objective   gating.ObjectiveOptions // what is learned and judged
	Learn       gating.LearnOptions     // how they are learned, see below
	Rounds      int                     // of training of free weights, at most; default DefaultRounds
	Folds       int                     // of a cross-validation; 1 judges on a share. Default by the number of samples
	Holdout     float64                 // share of the data that judges without folds; default DefaultHoldout
	HeldOut     *dataset.Data           // judges in place of a share of the data
	Permute     gating.Permutation      // how hidden units are brought into one order; default PermuteAuto
	Dequantised *Dequantised            // how the models came by their form, where some were quantised; may be nil
	Anyway      bool                    // go on where the data does not seem to belong to the models
	Strict      bool                    // a warning that is known before anything is learned ends the merge
	Unseen      string                  // what becomes of layers that the loss cannot see; default UnseenKeep
	Static      StaticOptions           // merges that look at weights alone
	Maker       Maker                   // makes what Method names, which this package does not know; may be nil
	// Owners says of each sample, in the order of its rows, which model it is for, so that without labels it is that
	// model's answers which take their place; nil where those of all do.
	Owners   func(*dataset.Data) []int
	Threads  int         // default GOMAXPROCS. The result does not depend on it
	Progress func(Event) // may be nil
}

// Validate returns the options with defaults filled in, or an error of kind
// gating.ErrOption that names the field which is unknown or out of range.
func (o Options) Validate() (Options, error) {
	setDefault(&o.Method, gating.Auto)
	setDefault(&o.Permute, PermuteAuto)
	setDefault(&o.Unseen, UnseenKeep)
	setDefault(&o.Rounds, DefaultRounds)
	switch {
	case len(o.Granularity) > 0:
	case o.Method == gating.Auto:
		o.Granularity = []gating.Granularity{gating.ByChannel}
	default:
		o.Granularity = []gating.Granularity{gating.ByLayer, gating.ByChannel}
	}
	var err error
	if o.Objective, err = o.Objective.Validate(); err != nil {
		return o, err
	}
	start, err := gating.StartOptions{Init: o.Init}.Validate()
	if err != nil {
		return o, err
	}
	o.Init = start.Init
	combine := o.Learn.Combine
	if o.Learn, err = o.Learn.Validate(); err != nil {
		return o, err
	}
	o.Learn.Combine = combine
	if err = o.validateMethod(); err != nil {
		return o, err
	}
	switch {
	case !(o.Holdout >= 0 && o.Holdout < 1):
		return o, badOption("holdout %v: want a share between 0 and 1", o.Holdout)
	case o.Folds < 0, o.Folds > 1 && (o.Holdout != 0 || o.HeldOut != nil):
		return o, badOption("%d folds: want 1 or more, and more than 1 only without holdout", o.Folds)
	case o.Rounds < 1:
		return o, badOption("%d rounds: want at least 1", o.Rounds)
	case o.Threads < 0:
		return o, badOption("%d threads: want at least 1", o.Threads)
	}
	return o, o.validateNames()
}

// validateMethod finds the methods of package method. A Maker makes what is merged of models as they are.
func (o *Options) validateMethod() (err error) {
	if o.Maker != nil {
		o.Permute = gating.PermuteNone
		return nil
	}
	o.Static, err = o.Static.validate(o.Method)
	return err
}

// validateNames checks the fields that name one of several.
func (o *Options) validateNames() error {
	for _, g := range o.Granularity {
		switch g {
		case gating.ByModel, gating.ByModule, gating.ByLayer, gating.ByChannel, gating.ByTensor, gating.ByElement:
		default:
			return badOption("granularity %q: want model, module, layer, channel, tensor or element", g)
		}
	}
	if o.Unseen != UnseenKeep && o.Unseen != UnseenMerge {
		return badOption("unseen %q: want keep or merge", o.Unseen)
	}
	switch o.Permute {
	case PermuteAuto, gating.PermuteNone, gating.PermuteWeights, gating.PermuteActivations:
		return nil
	}
	return badOption("permutation %q: want auto, none, weights or activations", o.Permute)
}

func setDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

// batch is how many samples a forward pass takes at once.
func (o *Options) batch() int { return max(o.Learn.BatchSize, leastBatch) }
