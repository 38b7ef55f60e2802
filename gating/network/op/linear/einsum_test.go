package linear_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx/onnxpb"
	"google.golang.org/protobuf/proto"
)

func TestEinsumGradients(t *testing.T) {
	for _, c := range []struct {
		equation string
		shapes   [][]int
	}{
		{"ij,jk->ik", [][]int{{2, 3}, {3, 4}}},
		{"ij,jk", [][]int{{2, 3}, {3, 4}}},
		{"bhqd,bhkd->bhqk", [][]int{{2, 2, 3, 4}, {2, 2, 5, 4}}},
		{"bhqk,bkhd->bqhd", [][]int{{2, 2, 3, 4}, {2, 4, 2, 3}}},
		{"...ij,...jk->...ik", [][]int{{2, 1, 2, 3}, {3, 3, 2}}},
		{"...ii->...i", [][]int{{2, 3, 3}}},
		{"ii", [][]int{{4, 4}}}, {"ii->i", [][]int{{4, 4}}},
		{"ij->ji", [][]int{{2, 3}}}, {"ij->", [][]int{{2, 3}}}, {"ij->j", [][]int{{2, 3}}},
		{"i,i->", [][]int{{4}, {4}}}, {"i,j->ij", [][]int{{4}, {3}}}, {"i,i->i", [][]int{{4}, {4}}},
		{"ij,kj,lk->il", [][]int{{2, 3}, {4, 3}, {2, 4}}},
		{"ab,bc,ca->", [][]int{{2, 3}, {3, 4}, {4, 2}}},
		{"ij,kl->ik", [][]int{{2, 3}, {4, 3}}},
		{"iij,jk->k", [][]int{{2, 2, 3}, {3, 4}}},
		{"a,b,c->cab", [][]int{{2}, {3}, {2}}},
		{"ij,ij->ij", [][]int{{1, 3}, {2, 3}}},
		{"i...,...->i...", [][]int{{2, 3}, {3}}},
		{"ij,jk->ik", [][]int{{2, 0}, {0, 4}}},
		{"ij,jk->ik", [][]int{{2, 1}, {3, 2}}}, {"ij,jk->ik", [][]int{{2, 3}, {1, 2}}},
		{"ii,i->i", [][]int{{1, 3}, {3}}},
		{"i->", [][]int{{0}}}, {",ij->ji", [][]int{{}, {2, 3}}},
	} {
		g := optest.Case{Op: "Einsum", Opset: 12, Attrs: optest.Attrs{optest.StringAttr("equation", c.equation)}}
		for i, s := range c.shapes {
			g.Inputs = append(g.Inputs, optest.RandomTensor(uint64(i+1), s...))
			g.Wrt = append(g.Wrt, i)
		}
		optest.CheckGradients(t, g)
	}
}

// naiveEinsum is the definition: a sum over all axes of the product of the operands. Letters only, no stretching.
func naiveEinsum(equation string, in []*op.Tensor, out *op.Tensor) {
	left, right, _ := strings.Cut(equation, "->")
	terms := strings.Split(left, ",")
	size := map[rune]int{}
	for i, term := range terms {
		for a, r := range term {
			size[r] = in[i].Shape[a]
		}
	}
	var letters []rune
	total := 1
	for r, n := range size {
		letters, total = append(letters, r), total*n
	}
	clear(out.F)
	for i := range total {
		at := map[rune]int{}
		for _, r := range letters {
			at[r], i = i%size[r], i/size[r]
		}
		place := func(term string, shape []int) (p int) {
			for a, r := range term {
				p = p*shape[a] + at[r]
			}
			return p
		}
		product := float32(1)
		for k, term := range terms {
			product *= in[k].F[place(term, in[k].Shape)]
		}
		out.F[place(right, out.Shape)] += product
	}
}

func TestEinsumAgainstDefinition(t *testing.T) {
	for _, c := range []struct {
		equation string
		shapes   [][]int
	}{
		{"abc,cbd->dab", [][]int{{2, 3, 4}, {4, 3, 5}}},
		{"bhqd,bkhd->bqhk", [][]int{{2, 3, 4, 5}, {2, 2, 3, 5}}},
		{"aab,bcc,cd->da", [][]int{{2, 2, 3}, {3, 4, 4}, {4, 2}}},
		{"ab,cd,ef->", [][]int{{2, 3}, {2, 2}, {3, 1}}},
		{"abcd->dbca", [][]int{{2, 3, 4, 5}}},
	} {
		g := optest.Case{Op: "Einsum", Opset: 12, Attrs: optest.Attrs{optest.StringAttr("equation", c.equation)}}
		for i, s := range c.shapes {
			g.Inputs = append(g.Inputs, optest.RandomTensor(uint64(i+1), s...))
		}
		operator, in, outs := optest.BuildOne(t, g)
		if err := operator.Forward(&op.Context{}, in, outs); err != nil {
			t.Fatal(err)
		}
		want := op.NewTensor(outs[0].Spec())
		naiveEinsum(c.equation, in, want)
		if err := optest.Compare(outs[0], want, 1e-5, 1e-5); err != nil {
			t.Errorf("%s: %v", c.equation, err)
		}
	}
}

func TestEinsumRefusals(t *testing.T) {
	x := optest.RandomTensor(1, 2, 3)
	equation := func(s string) optest.Attrs { return optest.Attrs{optest.StringAttr("equation", s)} }
	optest.CheckRefusals(t, []optest.Refusal{
		{Op: "Einsum", Opset: 12, Attrs: equation("ij,jk->ik"), Inputs: []*op.Tensor{x}, Says: "2 operands"},
		{Op: "Einsum", Opset: 12, Attrs: equation("ijk->i"), Inputs: []*op.Tensor{x}, Says: "rank 2"},
		{Op: "Einsum", Opset: 12, Attrs: equation("i->i"), Inputs: []*op.Tensor{x}, Says: "rank 2"},
		{Op: "Einsum", Opset: 12, Attrs: equation("ii->i"), Inputs: []*op.Tensor{x},
			Says: "another axis of the same name"},
		{Op: "Einsum", Opset: 12, Attrs: equation("ij->k"), Inputs: []*op.Tensor{x}, Says: "no operand has"},
		{Op: "Einsum", Opset: 12, Attrs: equation("ij->ii"), Inputs: []*op.Tensor{x}, Says: "twice"},
		{Op: "Einsum", Opset: 12, Attrs: equation("i1->i"), Inputs: []*op.Tensor{x}, Says: "where a letter is wanted"},
		{Op: "Einsum", Opset: 12, Attrs: equation("ijk...->i"), Inputs: []*op.Tensor{x}, Says: "rank 2"},
		{Op: "Einsum", Opset: 12, Attrs: equation("i.j->i"), Inputs: []*op.Tensor{x}, Says: "rank 2"},
	})
}

// FuzzEinsum: no equation makes the planner or the steps panic; what is refused has an error.
func FuzzEinsum(f *testing.F) {
	for _, s := range []string{"ij,jk->ik", "...ij,...jk", "ii->i", "i...->...", ",->", "ab,b,a->",
		"...,...->...", "->", "i..j", "aa,bb->ab"} {
		f.Add(s, uint8(2), uint8(2))
	}
	f.Fuzz(func(t *testing.T, equation string, rankA, rankB uint8) {
		if len(equation) > 40 || !utf8.ValidString(equation) {
			return
		}
		var in []*op.Tensor
		for i, rank := range []uint8{rankA % 5, rankB % 5}[:1+strings.Count(equation, ",")&1] {
			in = append(in, optest.RandomTensor(uint64(i), []int{2, 1, 2, 3}[:min(rank, 4)]...))
		}
		c := &op.Call{Node: &onnxpb.NodeProto{OpType: proto.String("Einsum"),
			Attribute: optest.Attrs{optest.StringAttr("equation", equation)}}, Name: "e", Opset: 12}
		for _, v := range in {
			c.In = append(c.In, &op.Input{Spec: v.Spec()})
		}
		operator, specs, err := optest.BuildAs(c, "Einsum")
		if err != nil {
			return
		}
		out := op.NewTensor(specs[0])
		if err := operator.Forward(&op.Context{}, in, []*op.Tensor{out}); err != nil {
			t.Fatalf("%q: %v", equation, err)
		}
		for i, v := range in {
			if err := operator.(op.Differentiable).Backward(&op.Context{}, i, 0, in, []*op.Tensor{out}, out,
				op.NewTensor(v.Spec())); err != nil {
				t.Fatalf("%q: gradient %d: %v", equation, i, err)
			}
		}
	})
}
