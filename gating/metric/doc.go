// Package metric holds the figures that users know a model by: accuracy, mean squared error and so on. A metric
// is computed from what is kept of every sample ([Tally]), so that it can be computed again for any part of the
// samples, or with some of them counted several times, as a bootstrap does.
package metric
