package experts

import (
	"math"

	"github.com/softmerge/softmerge/gating/dataset"
)

// Told is how well gates tell samples apart, each judged by prototypes that it is no part of.
type Told struct {
	Samples      []int   // of each model, that its prototype is the mean of
	CrossEntropy float64 // mean of -log of the gate of the model that a sample is for, in nats
	Guess        float64 // the same by how many samples each model has, whatever the sample
	Right        float64 // share of samples whose own prototype is nearest

	// Of a router that was learned:
	Shares []float64 // mean gate of each model
	Spread float64   // mean Kullback-Leibler divergence of a sample's gates from these, in nats
}

// Told says how well the gates tell the samples apart that they were made of.
func (e *Experts) Told() Told { return e.told }

// tell notes how well the gates tell samples apart, and warns where they do no better than a guess, by a standard
// error.
func (e *Experts) tell(p *prototypes, f *fitted) {
	e.told = Told{Samples: p.counts, CrossEntropy: f.mean(), Guess: p.guess(),
		Right: float64(f.right) / float64(len(f.surprises))}
	if !(e.told.CrossEntropy < e.told.Guess-f.deviation()) {
		e.warnings.Addf(dataset.ErrData, "a static merge does as well: softmerge merge without --method",
			"what layer %s reads hardly tells which model a sample is for: gates are nearly the same for all samples",
			e.place.layer)
	}
}

// guess is the mean surprise where gates are the models' shares of the samples.
func (p *prototypes) guess() float64 {
	var n, sum float64
	for _, c := range p.counts {
		n += float64(c)
	}
	for _, c := range p.counts {
		sum -= float64(c) / n * math.Log(float64(c)/n)
	}
	return sum
}

// deviation is the standard error of the mean surprise.
func (f *fitted) deviation() float64 {
	mean, n := f.mean(), float64(len(f.surprises))
	var squares float64
	for _, s := range f.surprises {
		squares += (s - mean) * (s - mean)
	}
	return math.Sqrt(squares) / n
}
