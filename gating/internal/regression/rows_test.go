package regression

import (
	"math"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/graphmatch/random"
)

// randomConv draws a convolution over one to three axes.
func randomConv(g *random.Generator) *kernel.Conv {
	c := &kernel.Conv{Batch: 1 + g.IntN(3), Groups: 1 + g.IntN(3)}
	c.InChannels, c.OutChannels = c.Groups*(1+g.IntN(3)), c.Groups*(1+g.IntN(3))
	for range 1 + g.IntN(3) {
		k, dilation := 1+g.IntN(3), 1+g.IntN(2)
		c.Kernel, c.Dilation = append(c.Kernel, k), append(c.Dilation, dilation)
		c.In = append(c.In, (k-1)*dilation+1+g.IntN(4))
		c.Stride = append(c.Stride, 1+g.IntN(2))
		c.PadBegin, c.PadEnd = append(c.PadBegin, g.IntN(3)), append(c.PadEnd, g.IntN(3))
	}
	return c
}

// TestPatchesTimesWeightsIsTheConvolution, at every place of every sample, for random geometries.
func TestPatchesTimesWeightsIsTheConvolution(t *testing.T) {
	g := random.New(5, 0)
	for n := range 200 {
		c := randomConv(g)
		out := product(c.OutDims())
		channels, units := c.InChannels/c.Groups, c.OutChannels/c.Groups
		width := channels * product(c.Kernel)
		x := normals(uint64(n), c.Batch*c.InChannels*product(c.In))
		weight, bias := normals(uint64(n)+1000, c.OutChannels*width), normals(uint64(n)+2000, c.OutChannels)
		y := make([]float32, c.Batch*c.OutChannels*out)
		c.Forward(nil, y, x, weight, bias)
		for group := range c.Groups {
			at := Spots(c.Batch, out, out)
			rows := Patches(c, x, group, at, true)
			for r, s := range at {
				for u := range units {
					unit := group*units + u
					got := float64(bias[unit]) * float64(rows[r*(width+1)+width])
					for i := range width {
						got += float64(rows[r*(width+1)+i]) * float64(weight[unit*width+i])
					}
					want := float64(y[(s.Sample*c.OutChannels+unit)*out+s.Place])
					if math.Abs(got-want) > 1e-4*(1+math.Abs(want)) {
						t.Fatalf("%+v, group %d, %+v, unit %d: %g, want %g", c, group, s, unit, got, want)
					}
				}
			}
		}
	}
}

// TestSpotsSpread: every sample has as many, none twice, and together they see nearly all places.
func TestSpotsSpread(t *testing.T) {
	seen := map[int]bool{}
	perSample := map[int][]int{}
	for _, s := range Spots(100, 28*28, 16) {
		seen[s.Place] = true
		if slices.Contains(perSample[s.Sample], s.Place) || s.Place < 0 || s.Place >= 28*28 {
			t.Errorf("sample %d has place %d again", s.Sample, s.Place)
		}
		perSample[s.Sample] = append(perSample[s.Sample], s.Place)
	}
	for s, list := range perSample {
		if len(list) != 16 {
			t.Errorf("sample %d has %d places", s, len(list))
		}
	}
	if len(perSample) != 100 || len(seen) < 28*28*2/3 {
		t.Errorf("%d samples see %d of %d places", len(perSample), len(seen), 28*28)
	}
	if list := Spots(2, 3, 16); !slices.Equal(list, []Spot{{0, 0}, {0, 1}, {0, 2}, {1, 0}, {1, 1}, {1, 2}}) {
		t.Errorf("of three places: %v", list)
	}
}

// layouts are values of four samples (the last but one of two), with where a sample's place has its channels; nil where
// nothing counts samples.
var layouts = []struct {
	shape         []int
	samples, axis int
	index         func(s, p, ch int) int
}{
	{[]int{4, 3}, 4, 1, func(s, _, ch int) int { return s*3 + ch }},
	{[]int{4, 3, 5, 2}, 4, 1, func(s, p, ch int) int { return (s*3+ch)*10 + p }},
	{[]int{4, 6, 3}, 4, 2, func(s, p, ch int) int { return (s*6+p)*3 + ch }},
	{[]int{8, 6, 3}, 4, 2, func(s, p, ch int) int { return (s*12+p)*3 + ch }}, // two windows a sample
	{[]int{6, 4, 3}, 4, 2, func(s, p, ch int) int { return (p*4+s)*3 + ch }},  // sequences first
	{[]int{24, 3}, 4, 1, func(s, p, ch int) int { return (s*6+p)*3 + ch }},    // flattened
	{[]int{2, 2, 3, 5}, 2, 2, func(s, p, ch int) int { return s*30 + p/5*15 + ch*5 + p%5 }},
	{[]int{7, 3}, 4, 1, nil},
	{[]int{3}, 3, 0, nil},
	{[]int{4, 3}, 4, 2, nil},
}

// TestGridGathers compares with indices taken one by one. Values are numbered in memory order.
func TestGridGathers(t *testing.T) {
	for _, c := range layouts {
		x := op.NewTensor(op.Spec{Type: 1, Shape: c.shape})
		for i := range x.F {
			x.F[i] = float32(i)
		}
		g, ok := NewGrid(x, c.samples, c.axis)
		if ok != (c.index != nil) {
			t.Errorf("%v of %d samples: %v", c.shape, c.samples, ok)
		}
		if !ok {
			continue
		}
		at := Spots(c.samples, g.Places, g.Places)
		rows := g.Gather(x.F, at, true)
		width := g.Channels + 1
		if len(rows) != len(at)*width || len(at)*g.Channels != len(x.F) {
			t.Fatalf("%v: %d numbers at %d places", c.shape, len(rows), len(at))
		}
		for r, s := range at {
			for ch := range g.Channels {
				if got, want := rows[r*width+ch], x.F[c.index(s.Sample, s.Place, ch)]; got != want {
					t.Fatalf("%v: channel %d at %+v is %g, want %g", c.shape, ch, s, got, want)
				}
			}
			if rows[r*width+g.Channels] != 1 {
				t.Fatal("no one behind the row")
			}
		}
	}
}
