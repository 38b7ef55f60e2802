package random_test

import (
	"fmt"
	"math"
	"math/big"
	"math/bits"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/graphmatch/random"
)

// reference is the generator once more, in whole numbers of any size.
type reference struct{ state *big.Int }

func newReference(seed, stream uint64) *reference {
	s := new(big.Int).SetUint64(seed)
	return &reference{s.Lsh(s, 64).Add(s, new(big.Int).SetUint64(stream))}
}

func number(hex string) *big.Int {
	x, _ := new(big.Int).SetString(hex, 16)
	return x
}

func lowBits(x *big.Int, n uint) *big.Int {
	one := big.NewInt(1)
	return new(big.Int).And(x, new(big.Int).Sub(new(big.Int).Lsh(one, n), one))
}

func (r *reference) next() uint64 {
	s := new(big.Int).Mul(r.state, number("2360ed051fc65da44385df649fccf645"))
	r.state = lowBits(s.Add(s, number("5851f42d4c957f2d14057b7ef767814f")), 128)
	h, l := new(big.Int).Rsh(r.state, 64), lowBits(r.state, 64)
	h.Xor(h, new(big.Int).Rsh(h, 32))
	h = lowBits(h.Mul(h, number("da942042e4dd58b5")), 64)
	h.Xor(h, new(big.Int).Rsh(h, 48))
	return lowBits(h.Mul(h, l.Or(l, big.NewInt(1))), 64).Uint64()
}

// below is IntN by its definition.
func (r *reference) below(n uint64) uint64 {
	wide := new(big.Int).Lsh(big.NewInt(1), 64)
	size := new(big.Int).SetUint64(n)
	least := new(big.Int).Mod(wide, size)
	for {
		product := new(big.Int).Mul(new(big.Int).SetUint64(r.next()), size)
		if lowBits(product, 64).Cmp(least) >= 0 {
			return product.Rsh(product, 64).Uint64()
		}
	}
}

var seeds = [][2]uint64{{0, 0}, {1, 0}, {0, 1}, {7, 3}, {math.MaxUint64, math.MaxUint64}, {0x9e3779b97f4a7c15, 42}}

func TestUint64IsTheFormula(t *testing.T) {
	for _, s := range seeds {
		g, r := random.New(s[0], s[1]), newReference(s[0], s[1])
		for i := range 200 {
			if got, want := g.Uint64(), r.next(); got != want {
				t.Fatalf("seed %v, number %d: %d, want %d", s, i, got, want)
			}
		}
	}
}

// Sizes near 2^63 make rejections frequent: 2^64 mod (3 << 61) is 2^62, a quarter of all numbers.
func TestIntNIsTheFormula(t *testing.T) {
	for _, n := range []int{1, 2, 3, 7, 10, 1000, 1 << 20, 1<<32 - 1, 1 << 32, 1<<32 + 1, 3 << 61, 1<<62 + 1,
		math.MaxInt64} {
		g, r := random.New(5, uint64(n)), newReference(5, uint64(n))
		for i := range 200 {
			if got, want := g.IntN(n), r.below(uint64(n)); uint64(got) != want {
				t.Fatalf("IntN(%d), number %d: %d, want %d", n, i, got, want)
			}
		}
	}
}

// The numbers below were computed once and must stay: recipes and written files depend on them.
func TestSequencesStayTheSame(t *testing.T) {
	g := random.New(1, 2)
	got := fmt.Sprintf("%x %x %d %d %.17g %.12f %.12f %v",
		g.Uint64(), g.Uint64(), g.IntN(10), g.IntN(1000), g.Float64(), g.Normal(), g.Normal(), g.Perm(8))
	const want = "c4f5a58656eef510 9dcec3ad077dec6c 7 796 0.23427627067841239 " +
		"-0.290097385278 0.733707767331 [3 5 7 0 6 2 4 1]"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// The order of batches is written into no file, but every learned gate depends on it: it was drawn by this loop before
// the package existed.
func TestShuffleIsThatOfBatches(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 100, 4096} {
		want := ascending(n)
		raw := newReference(9, uint64(n))
		for i := n - 1; i > 0; i-- {
			j, _ := bits.Mul64(raw.next(), uint64(i)+1)
			want[i], want[j] = want[j], want[i]
		}
		if got := random.New(9, uint64(n)).Perm(n); !slices.Equal(got, want) {
			t.Fatalf("order of %d: %v, want %v", n, got, want)
		}
	}
}

func ascending(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

func TestPermHoldsEachNumberOnce(t *testing.T) {
	g := random.New(3, 3)
	for n := range 60 {
		list := g.Perm(n)
		slices.Sort(list)
		if !slices.Equal(list, ascending(n)) {
			t.Fatalf("Perm(%d) is no permutation: %v", n, list)
		}
	}
}

// chiSquare is Pearson's statistic of counts that should be equal, as a deviate that is nearly standard normal
// (Wilson and Hilferty's cube root).
func chiSquare(counts []int) float64 {
	total := 0
	for _, c := range counts {
		total += c
	}
	want, x, k := float64(total)/float64(len(counts)), 0.0, float64(len(counts)-1)
	for _, c := range counts {
		x += (float64(c) - want) * (float64(c) - want) / want
	}
	return (math.Cbrt(x/k) - (1 - 2/(9*k))) / math.Sqrt(2/(9*k))
}

func TestIntNIsUniform(t *testing.T) {
	for _, n := range []int{2, 3, 5, 8, 10, 64, 100} {
		g, counts := random.New(11, uint64(n)), make([]int, n)
		for range 1000 * n {
			counts[g.IntN(n)]++
		}
		if z := chiSquare(counts); math.Abs(z) > 4 {
			t.Errorf("IntN(%d): counts %v are %.1f standard deviations from uniform", n, counts, z)
		}
	}
	g, counts := random.New(12, 0), make([]int, 6)
	for range 60000 {
		counts[g.IntN(3<<61)/(1<<60)]++
	}
	if z := chiSquare(counts); math.Abs(z) > 4 {
		t.Errorf("IntN(3<<61): counts of sixths %v are %.1f standard deviations from uniform", counts, z)
	}
}

func TestAllOrdersAreEquallyLikely(t *testing.T) {
	g, counts := random.New(13, 0), map[string]int{}
	for range 24000 {
		counts[fmt.Sprint(g.Perm(4))]++
	}
	var list []int
	for _, c := range counts {
		list = append(list, c)
	}
	if z := chiSquare(list); len(list) != 24 || math.Abs(z) > 4 {
		t.Errorf("%d of 24 orders, %.1f standard deviations from uniform", len(list), z)
	}
}

// distance is Kolmogorov's: the largest difference between the empirical distribution and the true one.
func distance(sample []float64, distribution func(float64) float64) float64 {
	slices.Sort(sample)
	most, n := 0.0, float64(len(sample))
	for i, x := range sample {
		p := distribution(x)
		most = max(most, p-float64(i)/n, float64(i+1)/n-p)
	}
	return most
}

// moments are mean, variance, skewness and excess kurtosis.
func moments(sample []float64) (mean, variance, skewness, kurtosis float64) {
	n := float64(len(sample))
	for _, x := range sample {
		mean += x / n
	}
	var m2, m3, m4 float64
	for _, x := range sample {
		d := x - mean
		m2, m3, m4 = m2+d*d/n, m3+d*d*d/n, m4+d*d*d*d/n
	}
	return mean, m2, m3 / math.Pow(m2, 1.5), m4/(m2*m2) - 3
}

func draw(n int, one func() float64) []float64 {
	list := make([]float64, n)
	for i := range list {
		list[i] = one()
	}
	return list
}

// samples is how many numbers the distributions are judged by; critical is Kolmogorov's bound at one in 10^4.
const samples = 200000

var critical = 2.225 / math.Sqrt(samples)

func TestFloat64IsUniform(t *testing.T) {
	list := draw(samples, random.New(14, 0).Float64)
	if low, high := slices.Min(list), slices.Max(list); low < 0 || high >= 1 {
		t.Errorf("numbers from %v to %v, want [0, 1)", low, high)
	}
	if d := distance(list, func(x float64) float64 { return x }); d > critical {
		t.Errorf("distance %v from uniform, want at most %v", d, critical)
	}
	for _, x := range list {
		if scaled := x * (1 << 53); scaled != math.Trunc(scaled) {
			t.Fatalf("%v is no multiple of 2^-53", x)
		}
	}
}

func TestFloat64TakesTheTopBits(t *testing.T) {
	g, r := random.New(15, 4), newReference(15, 4)
	for range 100 {
		bits := new(big.Float).SetMantExp(new(big.Float).SetUint64(r.next()>>11), -53)
		if want, _ := bits.Float64(); g.Float64() != want {
			t.Fatalf("want %v", want)
		}
	}
}

func TestNormalIsNormal(t *testing.T) {
	list := draw(samples, random.New(16, 0).Normal)
	if d := distance(list, func(x float64) float64 { return math.Erfc(-x/math.Sqrt2) / 2 }); d > critical {
		t.Errorf("distance %v from normal, want at most %v", d, critical)
	}
	mean, variance, skewness, kurtosis := moments(list)
	for _, m := range []struct {
		name                string
		got, want, variance float64 // the variance of the estimate, times the number of samples
	}{{"mean", mean, 0, 1}, {"variance", variance, 1, 2}, {"skewness", skewness, 0, 6}, {"kurtosis", kurtosis, 0, 24}} {
		if z := (m.got - m.want) / math.Sqrt(m.variance/samples); math.Abs(z) > 4 {
			t.Errorf("%s %v is %.1f standard errors from %v", m.name, m.got, z, m.want)
		}
	}
}

// Streams of one seed, and seeds of one stream, are uncorrelated.
func TestStreamsAreIndependent(t *testing.T) {
	for _, pair := range [][2]*random.Generator{
		{random.New(1, 0), random.New(1, 1)}, {random.New(1, 0), random.New(2, 0)},
		{random.New(0, 0), random.New(1, 1)},
	} {
		sum := 0.0
		for range samples {
			sum += (pair[0].Float64() - 0.5) * (pair[1].Float64() - 0.5) * 12
		}
		if z := sum / math.Sqrt(samples); math.Abs(z) > 4 {
			t.Errorf("correlation is %.1f standard errors from zero", z)
		}
	}
}

func TestIntNRefusesNothingToChooseFrom(t *testing.T) {
	for _, n := range []int{0, -1, math.MinInt64} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("IntN(%d) did not panic", n)
				}
			}()
			random.New(0, 0).IntN(n)
		}()
	}
}
