package network

import (
	"fmt"
	"math"
	"testing"

	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/gating/network/tape"
)

// trunkAndHeads is a trunk with two heads, y and z, and the tensors that are mixed.
func trunkAndHeads(t *testing.T) *Graph {
	g := graphOf("x")
	addFloats(t, g, "trunk", []int{3, 3}, 1, 2, 3, -4, 5, 6, 7, -8, 9)
	addFloats(t, g, "a", []int{3, 2}, 1, 2, -3, 4, 5, 6)
	addFloats(t, g, "b", []int{3, 1}, 1, -2, 3)
	addNode(g, "MatMul", "x trunk", "hidden")
	addNode(g, "Tanh", "hidden", "active")
	addNode(g, "MatMul", "active a", "y")
	addNode(g, "MatMul", "active b", "z")
	m := modelOf(t, g, nil, "y", "z")
	lowered, err := Lower(m, Config{Shapes: map[string][]int{"x": {2, 3}}, Params: weightParams(t, m)})
	if err != nil {
		t.Fatal(err)
	}
	return lowered
}

// gradientsOf is the cost of heads and its gradient for each group of coefficients.
func gradientsOf(t *testing.T, lowered *Graph, heads []Head, targets ...*op.Tensor) (float64, [][]float32) {
	t.Helper()
	p, err := NewProgram(lowered, heads, nil)
	if err != nil {
		t.Fatal(err)
	}
	on := tape.New()
	var leaves []*tape.Vector
	for i := range lowered.Params() {
		leaves = append(leaves, on.Parameter(fmt.Sprint("c", i), []float32{0.3, 0.7}))
	}
	costs, err := p.Build(on, leaves)
	if err != nil {
		t.Fatal(err)
	}
	zero := on.Apply(tape.Call{Op: "zero", Name: "zero", Function: reachAll{}, In: leaves,
		Out: []tape.Shape{{Kind: tape.Scalar, Len: 1}}, Flows: always, Reads: readNothing})
	m, err := on.Compile(append(costs, zero...), leaves...)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if err := p.Load(map[string]*op.Tensor{"x": ramp(2, 3)}, targets...); err != nil {
		t.Fatal(err)
	}
	cost, err := m.Run()
	if err != nil {
		t.Fatal(err)
	}
	var grads [][]float32
	for i := range leaves {
		grads = append(grads, append([]float32{}, m.Gradient(i)...))
	}
	return cost, grads
}

// reachAll is 0 whatever it reads, so that every coefficient is reached.
type reachAll struct{}

func (reachAll) Forward(_ uint64, _, out []tape.Data) error {
	out[0].F[0] = 0
	return nil
}

func (reachAll) Backward(_ uint64, _, _ int, _, _ []tape.Data, _, dx []float32) error {
	clear(dx)
	return nil
}

// TestHeadsAddUp: cost and gradient of two heads are the weighted sums of those of each alone, and a head leaves alone
// what only the other sees.
func TestHeadsAddUp(t *testing.T) {
	g := trunkAndHeads(t)
	forY, forZ := ramp(2, 2), ramp(2, 1)
	y, gy := gradientsOf(t, g, HeadOf(0, MSE{}), forY)
	z, gz := gradientsOf(t, g, HeadOf(1, MAE{}), forZ)
	both, got := gradientsOf(t, g, []Head{{Outputs: []int{0}, Loss: MSE{}, Weight: 0.5},
		{Outputs: []int{1}, Loss: MAE{}, Weight: 3}}, forY, forZ)
	if want := 0.5*y + 3*z; math.Abs(both-want) > 1e-5*want {
		t.Errorf("cost %v, want %v", both, want)
	}
	own := 0
	for i := range got {
		reach := 0
		for k := range got[i] {
			want := 0.5*float64(gy[i][k]) + 3*float64(gz[i][k])
			if math.Abs(float64(got[i][k])-want) > 1e-4*(1+math.Abs(want)) {
				t.Errorf("gradient %d of group %d is %v, want %v", k, i, got[i][k], want)
			}
			if gy[i][k] != 0 {
				reach |= 1
			}
			if gz[i][k] != 0 {
				reach |= 2
			}
		}
		if reach == 1 || reach == 2 {
			own++
		}
	}
	if own != 2 {
		t.Errorf("%d groups are seen by one head alone, want 2", own)
	}
}

// joined puts y and z side by side.
type joined struct{}

func (joined) Read(outs []*op.Tensor) (*op.Tensor, error) {
	out := &op.Tensor{Type: outs[0].Type, Shape: []int{2, 3}}
	for i := range 2 {
		out.F = append(append(out.F, outs[0].F[2*i:2*i+2]...), outs[1].F[i])
	}
	return out, nil
}

func (joined) Gradient(_ []*op.Tensor, dy []float32, dx [][]float32) {
	for i := range 2 {
		copy(dx[0][2*i:2*i+2], dy[3*i:])
		dx[1][i] = dy[3*i+2]
	}
}

// TestOneLossOfTwoOutputs: a loss of what is made of two outputs is that of the parts.
func TestOneLossOfTwoOutputs(t *testing.T) {
	g := trunkAndHeads(t)
	zeros := func(shape ...int) *op.Tensor { return op.NewTensor(op.Spec{Type: 1, Shape: shape}) }
	y, gy := gradientsOf(t, g, HeadOf(0, MSE{}), zeros(2, 2))
	z, gz := gradientsOf(t, g, HeadOf(1, MSE{}), zeros(2, 1))
	both, got := gradientsOf(t, g, []Head{{Outputs: []int{0, 1}, Read: joined{}, Loss: MSE{}, Weight: 2}}, zeros(2, 3))
	if want := 2 * (2*y + z) / 3; math.Abs(both-want) > 1e-5*want {
		t.Errorf("cost %v, want %v", both, want)
	}
	for i := range got {
		for k := range got[i] {
			want := 2 * (2*float64(gy[i][k]) + float64(gz[i][k])) / 3
			if math.Abs(float64(got[i][k])-want) > 1e-4*(1+math.Abs(want)) {
				t.Errorf("gradient %d of group %d is %v, want %v", k, i, got[i][k], want)
			}
		}
	}
}
