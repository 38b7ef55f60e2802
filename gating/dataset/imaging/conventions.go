package imaging

import "slices"

// Names lists the words that name a preprocessing, see Named.
var Names = []string{"imagenet", "0..1", "0..255", "-1..1", "caffe", "mnist"}

// Named returns the preprocessing of a name: imagenet is [ImageNet]; 0..1, 0..255 and -1..1 squash the image to the
// graph's size and scale it to that range; caffe gives blue, green, red of 0..255 less ImageNet's mean; mnist is
// grey with the mean and deviation of that data set.
func Named(name string) (p Preprocess, ok bool) {
	if name == "imagenet" {
		return ImageNet(), true
	}
	at := slices.IndexFunc(scalings, func(p Preprocess) bool { return p.Convention == name })
	if at < 0 {
		return p, false
	}
	return scalings[at], true
}

// scalings are the ways of networks' makers to turn bytes into floats.
var scalings = []Preprocess{
	{Convention: "0..1", Scale: Unit},
	{Convention: "imagenet", Scale: Unit, Mean: ImageNetMean, Std: ImageNetStd},
	{Convention: "-1..1", Scale: 2 * Unit, Offset: -1},
	{Convention: "0..255", Scale: Bytes},
	{Convention: "caffe", Scale: Bytes, Mean: []float64{103.939, 116.779, 123.68}, BGR: true},
	{Convention: "mnist", Scale: Unit, Mean: []float64{0.1307}, Std: []float64{0.3081}},
}

// Scalings lists the usual ways to turn the bytes of images of so many channels into floats, squashed to the graph's
// size: 0..1 first. Colour images are not normalised as MNIST's digits are, nor grey ones as ImageNet's photographs.
func Scalings(channels int) []Preprocess {
	var list []Preprocess
	for _, p := range scalings {
		if len(p.Mean) == 0 || len(p.Mean) == channels {
			list = append(list, p)
		}
	}
	return list
}
