package search

import (
	"fmt"
	"math"
	"slices"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/dataset/imaging"
)

// refeed is another way to give an input of floats to a network: how it is scaled or laid out if the file has it
// otherwise than training had.
type refeed struct {
	name  string // what the input should be, of x, which it is
	apply func(dataset.Column) []float32
}

// spread is what is known of the values of an input.
type spread struct{ least, most, mean, deviation float64 }

// spreadOf looks at all values of an input.
func spreadOf(d *dataset.Data, input int) spread {
	s := spread{least: math.Inf(1), most: math.Inf(-1)}
	var n, sum, squares float64
	for _, p := range d.Parts() {
		for _, v := range p.Inputs[input].Floats {
			x := float64(v)
			s.least, s.most = min(s.least, x), max(s.most, x)
			n, sum, squares = n+1, sum+x, squares+x*x
		}
	}
	s.mean = sum / n
	s.deviation = math.Sqrt(max(0, squares/n-s.mean*s.mean))
	return s
}

// within says whether all values are in a range, or hardly outside.
func (s spread) within(least, most float64) bool {
	slack := (most - least) / 50
	return s.least >= least-slack && s.most <= most+slack
}

// refeeds lists the other ways that are plausible for an input with such values.
func refeeds(d *dataset.Data, input int) []refeed {
	c := d.Parts()[0].Inputs[input]
	s := spreadOf(d, input)
	if !(s.deviation > 0) {
		return nil
	}
	list := append(rescalings(s, channelsOf(c.Shape)), layouts(c.Shape)...)
	if c.Size() > 1 {
		list = append(list, standardised(d, input, s)...)
	}
	return list
}

// rescalings lists what the values may have been in training, by the range that they have now.
func rescalings(s spread, channels int) (list []refeed) {
	add := func(name string, factor, shift float64) {
		list = append(list, refeed{name, affine([]float64{factor}, []float64{shift}, 1)})
	}
	switch {
	case s.within(0, 1) && s.most > 0.05:
		add("255x", 255, 0)
		add("2x-1", 2, -1)
		add("1-x", -1, 1)
		list = append(list, normalised("x", 1, channels)...)
	case s.within(0, 1): // scaled twice
		add("255x", 255, 0)
	case s.least >= -s.most/1000:
		add("x/255", 1/255., 0)
		add("x/127.5-1", 1/127.5, -1)
		add(fmt.Sprintf("%.4g-x", s.most), -1, s.most)
		add(fmt.Sprintf("x/%.4g", s.most), 1/s.most, 0)
		list = append(list, normalised("x/255", 1/255., channels)...)
	case s.within(-1, 1):
		add("(x+1)/2", 0.5, 0.5)
		add("127.5(x+1)", 127.5, 127.5)
		add("-x", -1, 0)
	default:
		list = append(list, restored(channels)...)
	}
	if !s.within(0, 1) {
		add("x scaled to 0..1", 1/(s.most-s.least), -s.least/(s.most-s.least))
	}
	return list
}

// normalised lists the usual means and deviations for x times a factor of 0..1.
func normalised(x string, factor float64, channels int) []refeed {
	if channels == 3 {
		f, s := make([]float64, 3), make([]float64, 3)
		for c := range f {
			f[c] = factor / imaging.ImageNetStd[c]
			s[c] = -imaging.ImageNetMean[c] / imaging.ImageNetStd[c]
		}
		return []refeed{{x + " less ImageNet's mean, by its deviation", affine(f, s, channels)}}
	}
	const mean, deviation = 0.1307, 0.3081
	return []refeed{{x + " less 0.1307, by 0.3081, as MNIST is normalised",
		affine([]float64{factor / deviation}, []float64{-mean / deviation}, 1)}}
}

// restored lists what values with the usual means and deviations were before.
func restored(channels int) []refeed {
	if channels == 3 {
		return []refeed{{"0..1, without ImageNet's mean and deviation",
			affine(imaging.ImageNetStd, imaging.ImageNetMean, channels)}}
	}
	return []refeed{{"0..1, without MNIST's mean and deviation", affine([]float64{0.3081}, []float64{0.1307}, 1)}}
}

// channelsOf is how many channels samples of a shape have, 1 where there is no axis for them.
func channelsOf(shape []int) int {
	if len(shape) == 3 && (shape[0] == 3 || shape[2] == 3) {
		return 3
	}
	return 1
}

// affine multiplies and shifts, by channel where there are several.
func affine(factor, shift []float64, channels int) func(dataset.Column) []float32 {
	return func(c dataset.Column) []float32 {
		out := make([]float32, len(c.Floats))
		at := channelAt(c.Shape, channels)
		for i, v := range c.Floats {
			k := at(i)
			out[i] = float32(float64(v)*factor[k] + shift[k])
		}
		return out
	}
}

// channelAt returns the channel of a value by its index: the first axis of length 3, or the last.
func channelAt(shape []int, channels int) func(int) int {
	switch {
	case channels == 1:
		return func(int) int { return 0 }
	case shape[0] == channels:
		plane := shape[1] * shape[2]
		return func(i int) int { return i / plane % channels }
	}
	return func(i int) int { return i % channels }
}

// standardised subtracts the data's own mean and divides by its deviation: feature by feature in tables, else of all
// values. What is so already has no such way.
func standardised(d *dataset.Data, input int, s spread) []refeed {
	if math.Abs(s.mean) < 0.1*s.deviation && math.Abs(s.deviation-1) < 0.1 {
		return nil
	}
	shape := d.Parts()[0].Inputs[input].Shape
	if len(shape) != 1 {
		return []refeed{{"x less its mean, by its deviation",
			affine([]float64{1 / s.deviation}, []float64{-s.mean / s.deviation}, 1)}}
	}
	features := shape[0]
	factor, shift := make([]float64, features), make([]float64, features)
	column := d.Parts()[0].Inputs[input].Floats
	rows := float64(len(column) / features)
	for k := range features {
		var sum, squares float64
		for i := k; i < len(column); i += features {
			x := float64(column[i])
			sum, squares = sum+x, squares+x*x
		}
		mean := sum / rows
		deviation := math.Sqrt(max(0, squares/rows-mean*mean))
		if deviation < 1e-6*math.Abs(mean) || deviation == 0 { // constant: scikit-learn leaves it at 0
			deviation = 1
		}
		factor[k], shift[k] = 1/deviation, -mean/deviation
	}
	return []refeed{{"every feature less its mean, by its deviation", affineOfFeatures(factor, shift)}}
}

// affineOfFeatures multiplies and shifts each feature of a table.
func affineOfFeatures(factor, shift []float64) func(dataset.Column) []float32 {
	return func(c dataset.Column) []float32 {
		out := make([]float32, len(c.Floats))
		for i, v := range c.Floats {
			k := i % len(factor)
			out[i] = float32(float64(v)*factor[k] + shift[k])
		}
		return out
	}
}

// layouts lists other orders of the same numbers: channels last where they are read as first, or the other way round,
// blue, green, red, and rows for columns.
func layouts(shape []int) (list []refeed) {
	switch {
	case len(shape) == 3 && shape[0] == 3:
		list = append(list, refeed{"with channels moved from the last axis to the first (numpy.transpose, not reshape)",
			permuted([]int{shape[1], shape[2], shape[0]}, []int{2, 0, 1})}, refeed{"with channels as blue, green, red",
			turned(shape, 0)})
	case len(shape) == 3 && shape[2] == 3:
		list = append(list, refeed{"with channels moved from the first axis to the last (numpy.transpose, not reshape)",
			permuted([]int{shape[2], shape[0], shape[1]}, []int{1, 2, 0})}, refeed{"with channels as blue, green, red",
			turned(shape, 2)})
	}
	return append(list, exchanged(shape)...)
}

// exchanged has rows for columns, where there are as many.
func exchanged(shape []int) (list []refeed) {
	const rows = "with rows and columns exchanged"
	switch {
	case len(shape) == 3 && shape[1] == shape[2] && shape[1] > 1 && shape[0] <= 4:
		list = append(list, refeed{rows, permuted(shape, []int{0, 2, 1})})
	case len(shape) == 3 && shape[0] == shape[1] && shape[0] > 1 && shape[2] <= 4:
		list = append(list, refeed{rows, permuted(shape, []int{1, 0, 2})})
	case len(shape) == 2 && shape[0] == shape[1] && shape[0] > 1:
		list = append(list, refeed{rows, permuted(shape, []int{1, 0})})
	}
	return list
}

// permuted reads every sample with a shape and orders its axes anew.
func permuted(shape, order []int) func(dataset.Column) []float32 {
	size := 1
	strides := make([]int, len(shape))
	for axis := len(shape) - 1; axis >= 0; axis-- {
		strides[axis] = size
		size *= shape[axis]
	}
	source := []int{0} // of every value of a sample, the place that it comes from
	for _, axis := range order {
		var next []int
		for _, at := range source {
			for i := range shape[axis] {
				next = append(next, at+i*strides[axis])
			}
		}
		source = next
	}
	return func(c dataset.Column) []float32 {
		out := make([]float32, len(c.Floats))
		for at := 0; at < len(out); at += size {
			for i, from := range source {
				out[at+i] = c.Floats[at+from]
			}
		}
		return out
	}
}

// turned reverses the order of an axis of length 3.
func turned(shape []int, axis int) func(dataset.Column) []float32 {
	inner := 1
	for _, n := range shape[axis+1:] {
		inner *= n
	}
	return func(c dataset.Column) []float32 {
		out := slices.Clone(c.Floats)
		for i := range out {
			k := i / inner % 3
			out[i] = c.Floats[i+(2-2*k)*inner]
		}
		return out
	}
}
