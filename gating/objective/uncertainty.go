package objective

import "math"

// Uncertainty is the loss of what the head answers for a sample, as Answer makes it, against itself: the entropy of
// the classes' probabilities in nats, or of whether a thing is there, as the mean over the sample's positions; 0 of
// numbers, which say nothing of how certain they are.
func (h Head) Uncertainty(answer []float32) float64 {
	var sum float64
	axis := h.AnswerAxis()
	switch {
	case len(answer) == 0 || h.numbers():
		return 0
	case axis >= 0:
		for _, p := range answer {
			sum += surprise(p)
		}
		return sum * float64(h.Classes) / float64(len(answer))
	}
	for _, p := range answer {
		sum += surprise(p) + surprise(1-p)
	}
	return sum / float64(len(answer))
}

// surprise is a probability's part of an entropy.
func surprise(p float32) float64 {
	if p <= 0 {
		return 0
	}
	return -float64(p) * math.Log(float64(p))
}
