package detection

import (
	"fmt"
	"math"
)

// BoxForm says what the four numbers of a box are.
type BoxForm string

// The forms of boxes.
const (
	Corners BoxForm = "corners"         // x1, y1, x2, y2
	Centred BoxForm = "centre and size" // the middle's x and y, width, height
	Sized   BoxForm = "corner and size" // x1, y1, width, height
)

// ScoreForm says what makes probabilities of scores.
type ScoreForm string

// The forms of scores.
const (
	Given   ScoreForm = "probabilities"  // they are such
	Sigmoid ScoreForm = "logits"         // each by itself
	Softmax ScoreForm = "softmax logits" // all classes together
)

// Layout says how a row of numbers holds a prediction: four of its box, then its scores.
type Layout struct {
	Boxes          BoxForm
	ScaleX, ScaleY float64 // of the box, to the labels' unit
	Scores         ScoreForm
	Objectness     bool // the first score says how sure it is that there is anything; the others are of classes
	HasSkip        bool // a score stands for nothing
	Skip           int  // which that is: 0 for the first, -1 for the last
}

// Classes is how many classes rows have of so many scores.
func (l Layout) Classes(scores int) int {
	if l.Objectness || l.HasSkip {
		return scores - 1
	}
	return scores
}

// String says it in words.
func (l Layout) String() string {
	text := fmt.Sprintf("boxes as %s", l.Boxes)
	if l.ScaleX != 1 || l.ScaleY != 1 {
		text += fmt.Sprintf(" times %.4g and %.4g", l.ScaleX, l.ScaleY)
	}
	text += fmt.Sprintf(", scores as %s", l.Scores)
	switch {
	case l.Objectness:
		text += " after objectness"
	case l.HasSkip && l.Skip == 0:
		text += " after that of nothing"
	case l.HasSkip:
		text += " before that of nothing"
	}
	return text
}

// classAt is where the score of a class stands among those of a row.
func (l Layout) classAt(class int) int {
	if l.Objectness || l.HasSkip && l.Skip == 0 {
		return class + 1
	}
	return class
}

// Read makes a prediction, as [Predictions] has it, of a row.
func (l Layout) Read(row, prediction []float32) {
	x, y, a, b := float64(row[0]), float64(row[1]), float64(row[2]), float64(row[3])
	var box Box
	switch l.Boxes {
	case Centred:
		box = Box{x - a/2, y - b/2, x + a/2, y + b/2}
	case Sized:
		box = Box{x, y, x + a, y + b}
	default:
		box = Box{x, y, a, b}
	}
	prediction[0], prediction[1] = float32(box[0]*l.ScaleX), float32(box[1]*l.ScaleY)
	prediction[2], prediction[3] = float32(box[2]*l.ScaleX), float32(box[3]*l.ScaleY)
	scores, out := row[4:], prediction[4:]
	whole := normalizer(l.Scores, scores)
	sure := 1.0
	if l.Objectness {
		sure = whole(float64(scores[0]))
	}
	for class := range out {
		out[class] = float32(sure * whole(float64(scores[l.classAt(class)])))
	}
}

// normalizer makes a probability of one of a row's scores.
func normalizer(f ScoreForm, scores []float32) func(float64) float64 {
	switch f {
	case Sigmoid:
		return func(v float64) float64 { return 1 / (1 + math.Exp(-v)) }
	case Softmax:
		top, sum := math.Inf(-1), 0.0
		for _, v := range scores {
			top = max(top, float64(v))
		}
		for _, v := range scores {
			sum += math.Exp(float64(v) - top)
		}
		return func(v float64) float64 { return math.Exp(v-top) / sum }
	}
	return func(v float64) float64 { return v }
}

// Gradient writes the gradient with respect to a row, given that with respect to the prediction which Read makes of it.
func (l Layout) Gradient(row, slope, out []float32) {
	d := Box{float64(slope[0]) * l.ScaleX, float64(slope[1]) * l.ScaleY, float64(slope[2]) * l.ScaleX,
		float64(slope[3]) * l.ScaleY}
	switch l.Boxes {
	case Centred:
		d = Box{d[0] + d[2], d[1] + d[3], (d[2] - d[0]) / 2, (d[3] - d[1]) / 2}
	case Sized:
		d = Box{d[0] + d[2], d[1] + d[3], d[2], d[3]}
	}
	for k, v := range d {
		out[k] = float32(v)
	}
	l.scoreGradient(row[4:], slope[4:], out[4:])
}

// scoreGradient is Gradient for the scores.
func (l Layout) scoreGradient(scores, slope, out []float32) {
	clear(out)
	whole := normalizer(l.Scores, scores)
	sure := 1.0
	if l.Objectness {
		sure = whole(float64(scores[0]))
	}
	wanted := make([]float64, len(scores)) // with respect to the probabilities
	for class, s := range slope {
		at := l.classAt(class)
		wanted[at] += sure * float64(s)
		if l.Objectness {
			wanted[0] += whole(float64(scores[at])) * float64(s)
		}
	}
	mean := 0.0
	if l.Scores == Softmax {
		for i, w := range wanted {
			mean += w * whole(float64(scores[i]))
		}
	}
	for i, w := range wanted {
		switch p := whole(float64(scores[i])); l.Scores {
		case Sigmoid:
			out[i] = float32(w * p * (1 - p))
		case Softmax:
			out[i] = float32(p * (w - mean))
		default:
			out[i] = float32(w)
		}
	}
}
