// Package random is softmerge's source of random numbers: a documented generator whose sequences never change.
//
// A merge must give the same bytes for the same seed, whatever version of Go built the command. Go promises that only
// for the raw stream of [math/rand/v2.PCG]; what the methods of rand.Rand make of the stream (Perm, IntN,
// NormFloat64) may change with any release. This package therefore takes the stream from Go and writes out, with its
// formula, everything that is derived from it.
//
// A [Generator] is seeded by two numbers, a seed and a stream. Generators that differ in either are independent for
// all purposes here, so that the parts of one computation can each have a stream under the user's one seed. No
// method reads a clock, and no state is shared between generators; one generator is not safe for concurrent use.
package random
