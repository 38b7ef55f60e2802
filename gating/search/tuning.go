package search

import "github.com/softmerge/softmerge/gating/dataset/imaging"

// Every constant of the search's heuristics. Constants of the method itself (the hard
// concrete distribution, where gates start, screening) stand with their formulas in
// package gating.
const (
	// DefaultHoldout is the share of the data that judges where it is divided once.
	DefaultHoldout = 0.2

	// crossValidated is below how many samples data is cross-validated instead, so that all of it judges. By a fifth of
	// 100 to 500 samples 15 % of the merges refuse what is clearly better, by folds 1.5 (fixtures/choice.md). There are
	// as many folds, from leastFolds to mostFolds, as learn from foldedSamples samples together: what is learned from
	// half of 100 samples is much worse than what all of them teach, of 1,000 it is not, and takes its time. The
	// answers of an ensemble, taughtSamples, teach the more the more there are, as they are never wrong about it: of
	// 500 of 1,000 answers of three vision transformers gates learn more than weights do, of 750 and of all weights do.
	crossValidated = 2000
	leastFolds     = 2
	mostFolds      = 5
	foldedSamples  = 1000
	taughtSamples  = 3000

	// mostChance is how likely chance alone may make a merged model look better than a parent for it to count as
	// better. At 0.05, of 204 merges of 100 to 500 samples of the fixtures, three were worse than the best parent, by
	// 1.1, .3 and .2 points, and three refused what was clearly better (fixtures/choice.md); at 0.15 eight were worse.
	mostChance = 0.05

	// leastJudges is how many samples at least tell anything: draws of fewer hardly differ.
	leastJudges = 5

	// decided is how many standard errors a difference must be for a verdict of mostChance four times
	// of five: 1.645 and 0.84. leastMore and mostMore are how many times the samples at hand are worth asking for.
	// certain bounds how many standard errors a difference is taken for.
	decided   = 2.49
	leastMore = 1.2
	mostMore  = 50
	certain   = 1e6

	// DefaultRounds bounds how often weights are trained on, worthwhile is by which part a round must lower the loss on
	// the samples that judge.
	DefaultRounds = 8
	worthwhile    = 0.01

	// leastReplicates and mostReplicates bound the draws of a bootstrap, resampleWork the samples that all draws have
	// together: 0.3 s for twenty candidates. resampleStream tells their random numbers from others.
	leastReplicates = 200
	mostReplicates  = 2000
	resampleWork    = 2_000_000
	resampleStream  = 0x626f6f74

	// mostGroupChance is how likely chance alone may make any group of the data look worse for a warning of it, all
	// groups together; mostGroupWork is how many samples the draws of all groups may have together where the metric is
	// no mean: some 5 s.
	mostGroupChance = 0.05
	mostGroupWork   = 500_000_000

	// leastBatch is the least number of samples a forward pass takes at once: fewer only cost time.
	leastBatch = 64

	// mixable is the cosine below which one tensor of two related models is too unlike to be averaged unseen. The
	// fixtures' fine-tunes have 0.85 or more in every tensor, but for the one layer that is scrambled on purpose (0.1).
	mixable = 0.5

	// oddScale is how many times the other's a tensor's norm may be: fine-tunes stay below 1.3. oddBias is that of a
	// bias, which starts at zero. leastElements is how many a tensor must have for its direction to say something.
	oddScale      = 3.0
	oddBias       = 30.0
	leastElements = 8

	// unaskedSearches is how many searches by weights are made where nobody asked for an
	// order: on the fixtures' seeds three found nothing better than one.
	unaskedSearches = 1

	// quickWeights is how many mixed weights a parent may have for tries beyond the
	// first: on larger networks they take minutes that nobody asked for (ResNet-18: 42 s
	// against 18 s without any).
	quickWeights = 1_000_000

	// gapSamples is how many samples are measured at the models' first normalisation, and
	// farShift and farRatio from where their mean, in deviations, and their variance, either
	// way, are too far from the models' own. With data as in training one of several parents is
	// below 0.6 and within 1.4, on the fixtures and for parents of three domains; pixels of 0..16
	// or 0..255 for a network of 0..1 give a ratio of 256 or more, ImageNet's mean and deviation
	// one of 20 or more. Pixels of -1..1 give 4, which other domains may have too: not refused.
	gapSamples = 256
	farShift   = 5.0
	farRatio   = 10.0

	// mostOf is the share of a class's samples that must get one other answer for it to count
	// as moved, movedSamples how many samples are looked at for that, movedMost up to how many
	// classes (there is a count for each pair), maxPairs how many moved classes a message names.
	mostOf       = 0.5
	movedSamples = 2000
	movedMost    = 1000
	maxPairs     = 5

	// rowMargin is by how much another row's cosine must be above that of the own row for rows of last layers to
	// count as in each other's place. In the fixtures' fine-tunes no other row is above the own one.
	rowMargin = 0.3

	// beyondDoubt is how many standard errors of the difference a metric must be better by to count whatever the loss.
	beyondDoubt = 3.0

	// surely is how many standard errors are beyond chance in words, and to be better than an answer that does not
	// look at the sample.
	surely = 2.0

	// leastPrecision is the mean average precision that a detector may have by chance.
	leastPrecision = 0.02

	// sameLoss is the relative difference up to which two losses are of one function, computed in another order.
	sameLoss = 1e-3

	// tinyGain and tinyLoss are differences that are rounding: in a metric, and in a loss
	// relative to it. A parent whose units were reordered differs from itself by less.
	tinyGain = 1e-9
	tinyLoss = 1e-5
)

// Places of warm starts, as parts of the way from a parent to the average. Of the
// fixtures' seeds the narrow ones learn best beside a parent, the wide ones at the average.
var (
	atAverage    = []float64{1}
	besideParent = []float64{0.5, 0.25}
)

// Of data that is fed to models in several ways (see evidence).
const (
	// clearErrors is by how many standard errors one way must be better to be so beyond doubt, dropErrors from where a
	// worse one is not run on more samples.
	clearErrors = 3.0
	dropErrors  = 4.0

	// mostEntropy is how much of the entropy of chance the answers of networks that tell classes apart may have.
	mostEntropy = 0.95

	// hopefulErrors is by how many standard errors a parent must be better for another way to be tried on more
	// samples; misfedErrors, misfedGain and misfedLoss by how many, how much in the metric, or down to which part
	// of the loss where the metric is no share, for the data to be refused. TestStrangers says what
	// that finds and leaves alone of data of other domains.
	hopefulErrors = 2.0
	misfedParents = 3 // that are asked first
	misfedErrors  = 4.0
	misfedGain    = 0.07
	misfedLoss    = 0.5

	// coarse is how many of cropShares are tried first, usualShares how many of them most networks are trained with.
	// The usual geometry is taken unless another is better by usualErrors standard errors, and where one is by more
	// than alikeErrors that is a warning; mostNamed is how many rivals are named.
	coarse      = 3
	usualShares = 2
	usualErrors = 2.0
	alikeErrors = 1.0
	mostNamed   = 4

	// openSize is the size of images where neither they nor the graph have one.
	openSize = 224
)

// sampleRounds are how many samples the ways to feed images are run on: all on few, and what is left on more.
// cropShares are how much of the shorter edge is cut out, as timm's crop_pct and torchvision's presets have it, of
// which every coarse one is tried, and then the neighbours of the best; interpolations are what is tried with the best.
// misfedRounds are the same for the ways that arrays may be wrong.
var (
	misfedRounds   = []int{64, 512}
	sampleRounds   = []int{64, 256, 512}
	cropShares     = []float64{0.875, 1, 0.75, 0.9, 0.95, 0.966, 0.925, 0.85, 0.8, 0.7}
	interpolations = []imaging.Interpolation{imaging.Bicubic, imaging.Nearest, imaging.Aliased}
)
