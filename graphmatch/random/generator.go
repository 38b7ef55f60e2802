package random

import (
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
)

// Generator is PCG with 128 bits of state and the DXSM output function (M. E. O'Neill, PCG: A Family of Simple Fast
// Space-Efficient Statistically Good Algorithms for Random Number Generation, 2014; DXSM is the output function that
// NumPy uses since 1.17). Its zero value is New(0, 0).
type Generator struct{ pcg rand.PCG }

// New returns a generator whose 128-bit state is seed in the high half and stream in the low half.
func New(seed, stream uint64) *Generator {
	return &Generator{*rand.NewPCG(seed, stream)}
}

// Uint64 returns the next number of the stream, uniform over all 2^64. All arithmetic is modulo 2^128 for the state s
// and modulo 2^64 for the output h:
//
//	s = s*0x2360ed051fc65da44385df649fccf645 + 0x5851f42d4c957f2d14057b7ef767814f
//	h = s >> 64;  l = s mod 2^64
//	h ^= h >> 32;  h *= 0xda942042e4dd58b5;  h ^= h >> 48;  h *= l | 1
//
// It makes Generator a rand.Source.
func (g *Generator) Uint64() uint64 { return g.pcg.Uint64() }

// IntN returns a number uniform over 0..n-1: the high 64 bits of u*n, where u is the first number of the stream for
// which the low 64 bits of u*n are at least 2^64 mod n (D. Lemire, Fast Random Integer Generation in an Interval,
// 2019). More than one number of the stream is used with a probability below n/2^64. It panics if n is not positive.
func (g *Generator) IntN(n int) int {
	if n <= 0 {
		panic(fmt.Sprintf("random: IntN of %d, want a positive number", n))
	}
	high, low := bits.Mul64(g.Uint64(), uint64(n))
	if low < uint64(n) { // only then can it be below 2^64 mod n, which costs a division
		for least := -uint64(n) % uint64(n); low < least; {
			high, low = bits.Mul64(g.Uint64(), uint64(n))
		}
	}
	return int(high)
}

// Float64 returns a number uniform over the 2^53 multiples of 2^-53 in [0, 1): the top 53 bits of one number of the
// stream, divided by 2^53. The division is exact.
func (g *Generator) Float64() float64 { return float64(g.Uint64()>>11) / (1 << 53) }

// Normal returns a number of the standard normal distribution by the cosine half of the Box-Muller transform
// (G. E. P. Box and M. E. Muller, A Note on the Generation of Random Normal Deviates, 1958):
//
//	sqrt(-2 ln(1-u)) * cos(2 pi v)
//
// where u and v are two calls of Float64 in that order. It always uses two numbers of the stream, and its magnitude is
// at most sqrt(2*53 ln 2) = 8.57. Processors may differ in the last bit of the logarithm and the cosine.
func (g *Generator) Normal() float64 {
	radius := math.Sqrt(-2 * math.Log(1-g.Float64()))
	return radius * math.Cos(2*math.Pi*g.Float64())
}

// Shuffle puts n elements into a random order by exchanging pairs of them (R. A. Fisher and F. Yates, in the form of
// R. Durstenfeld, 1964): for i from n-1 down to 1, swap(i, IntN(i+1)). All n! orders are equally likely as far as the
// state's 2^128 values allow.
func (g *Generator) Shuffle(n int, swap func(i, j int)) {
	for i := n - 1; i > 0; i-- {
		swap(i, g.IntN(i+1))
	}
}

// Perm returns the numbers 0..n-1 in a random order: Shuffle of the ascending list.
func (g *Generator) Perm(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	g.Shuffle(n, func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}
