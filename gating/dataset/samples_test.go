package dataset_test

import (
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/sbinet/npyio"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/onnx"
)

// sample is one sample of a sequence model: ids of any number, and a label.
type sample struct {
	ids   []int64
	label int64
}

// dataOf is a data set of samples of one length.
func dataOf(samples []sample) *dataset.Data {
	d := &dataset.Data{
		Inputs: []dataset.Column{{Name: "ids", Type: onnx.Int64, Shape: []int{len(samples[0].ids)}}},
		Label:  &dataset.Column{Name: "label", Type: onnx.Int64, Shape: []int{}},
	}
	for _, s := range samples {
		d.Inputs[0].Ints = append(d.Inputs[0].Ints, s.ids...)
		d.Label.Ints = append(d.Label.Ints, s.label)
	}
	return d
}

// samplesOf reads the samples of rows, which are of one shape.
func samplesOf(d *dataset.Data, rows []int) []sample {
	part, local := d.Locate(rows)
	p := d.Parts()[part]
	list := make([]sample, len(rows))
	for i, row := range local {
		ids := make([]int64, p.Inputs[0].Size())
		p.Inputs[0].Gather([]int{row}, nil, ids)
		list[i] = sample{ids, p.Label.Ints[row]}
	}
	return list
}

// all reads every sample, in the order of rows.
func all(d *dataset.Data) []sample {
	var list []sample
	for rows := range d.InOrder(3) {
		list = append(list, samplesOf(d, rows)...)
	}
	return list
}

// drawSamples draws data sets of one length each, some of the same, and all their samples.
func drawSamples(random *rand.Rand) (parts []*dataset.Data, samples []sample) {
	for range 1 + random.IntN(5) {
		length := 1 + random.IntN(4)
		var list []sample
		for range 1 + random.IntN(6) {
			s := sample{make([]int64, length), int64(len(samples) + len(list))} // a label of its own
			for i := range s.ids {
				s.ids[i] = random.Int64N(100)
			}
			list = append(list, s)
		}
		parts, samples = append(parts, dataOf(list)), append(samples, list...)
	}
	return parts, samples
}

// same says whether two lists hold the same samples in any order. Labels are distinct.
func same(a, b []sample) bool {
	byLabel := func(x, y sample) int { return int(x.label - y.label) }
	a, b = slices.SortedFunc(slices.Values(a), byLabel), slices.SortedFunc(slices.Values(b), byLabel)
	return slices.EqualFunc(a, b, func(x, y sample) bool { return x.label == y.label && slices.Equal(x.ids, y.ids) })
}

// Joining keeps every sample once, those of one shape in the order given; so does splitting, and so do batches
// over a pass.
func TestNoSampleIsLost(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 5))
		parts, samples := drawSamples(random)
		d, err := dataset.Join(parts...)
		if err != nil {
			t.Fatal(err)
		}
		if d.Len() != len(samples) || !same(all(d), samples) {
			t.Fatalf("seed %d: joined %v, want %v", seed, all(d), samples)
		}
		for _, p := range d.Parts() {
			if !slices.IsSorted(p.Label.Ints) {
				t.Fatalf("seed %d: samples of one shape are out of order: %v", seed, p.Label.Ints)
			}
		}
		if len(samples) > 1 {
			learn, judge, err := d.Split(0.3, seed)
			if err != nil {
				t.Fatal(err)
			}
			if !same(append(all(learn), all(judge)...), samples) {
				t.Fatalf("seed %d: split into %v and %v", seed, all(learn), all(judge))
			}
		}
		var batched []sample
		for rows := range d.Batches(seed, 1) {
			if batched = append(batched, samplesOf(d, rows)...); len(batched) == len(samples) {
				break
			}
		}
		if !same(batched, samples) {
			t.Fatalf("seed %d: one pass has %v", seed, batched)
		}
	}
}

// Selecting rows gives these samples, each in the shape that it had.
func TestSelectTakesTheRows(t *testing.T) {
	for seed := range uint64(100) {
		random := rand.New(rand.NewPCG(seed, 6))
		parts, _ := drawSamples(random)
		d, err := dataset.Join(parts...)
		if err != nil {
			t.Fatal(err)
		}
		rows := random.Perm(d.Len())[:1+random.IntN(d.Len())]
		slices.Sort(rows)
		var want []sample
		for _, row := range rows {
			want = append(want, samplesOf(d, []int{row})...)
		}
		if got := all(d.Select(rows)); !same(got, want) {
			t.Fatalf("seed %d: rows %v are %v, want %v", seed, rows, got, want)
		}
	}
}

// writeNPY writes an array with npyio, which shares no code with the package under test.
func writeNPY[T any](t *testing.T, values []T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.npy")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := npyio.Write(f, values); err != nil {
		t.Fatal(err)
	}
	return path
}

// checkNPY writes numbers of one type and reads them back as every type that can hold them.
func checkNPY[T int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64 | float32 | float64](t *testing.T,
	draw func() T) {
	t.Helper()
	values := make([]T, 50)
	for i := range values {
		values[i] = draw()
	}
	path := writeNPY(t, values)
	for _, kind := range []onnx.DataType{onnx.Float32, onnx.Int64} {
		d, err := dataset.Open(path,
			dataset.Options{Inputs: []dataset.Field{{Name: "x", Type: kind, Shape: []int{-1}}}})
		if err != nil {
			t.Fatalf("%T as %s: %v", values[0], kind, err)
		}
		for i, v := range values {
			if kind == onnx.Float32 && d.Inputs[0].Floats[i] != float32(v) || kind == onnx.Int64 &&
				d.Inputs[0].Ints[i] != int64(v) {
				t.Fatalf("%T %v is read as %s otherwise", v, v, kind)
			}
		}
	}
}

// Whatever type NumPy wrote, whole numbers are read exactly as integers, and as the nearest float32.
func TestNumbersOfEveryType(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 9))
	checkNPY(t, func() int8 { return int8(random.Uint32()) })
	checkNPY(t, func() int16 { return int16(random.Uint32()) })
	checkNPY(t, func() int32 { return int32(random.Uint32()) })
	checkNPY(t, func() int64 { return int64(random.Uint64()) })
	checkNPY(t, func() uint8 { return uint8(random.Uint32()) })
	checkNPY(t, func() uint16 { return uint16(random.Uint32()) })
	checkNPY(t, random.Uint32)
	checkNPY(t, func() uint64 { return random.Uint64() >> 1 })
	checkNPY(t, func() float32 { return float32(random.Int32N(1 << 24)) })
	checkNPY(t, func() float64 { return math.Trunc(random.NormFloat64() * 1e9) })
}
