package graphmatch_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/graphmatch/internal/graphtest"
	"github.com/softmerge/softmerge/onnx"
)

func openFile(t testing.TB, path string) *onnx.Model {
	t.Helper()
	m, err := onnx.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// cases are models of every kind with the sizes of the sets of hidden units that may be reordered.
var cases = map[string]string{
	"testdata/resnet_bn_tuned.onnx":      "[4 4 4 6 6 6]",
	"testdata/resnet_tuned.onnx":         "[4 4 4 6 6 6]",
	"testdata/transformer_tuned.onnx":    "[8 8 8 16]",
	"testdata/transformer17_tuned.onnx":  "[8 8 8 16]",
	"testdata/tied_tuned.onnx":           "[8 8 8 16]",
	"testdata/mixed_tuned.onnx":          "[2 2]",
	"testdata/mixed_unfolded_tuned.onnx": "[2 2]",
	"testdata/recurrent_tuned.onnx":      "[4 4 4 4]",
	"testdata/siamese_tuned.onnx":        "[6 6]",
}

func TestReorderedModelsComputeTheSame(t *testing.T) {
	for file, want := range cases {
		t.Run(filepath.Base(file), func(t *testing.T) {
			m := openFile(t, file)
			for seed := range uint64(4) {
				moved, sizes, err := graphtest.Scramble(m, seed)
				if err != nil {
					t.Fatal(err)
				}
				if got := fmt.Sprint(sizes); got != want {
					t.Errorf("sets of sizes %s, want %s", got, want)
				}
				graphtest.SameOutputs(t, m, moved)
			}
		})
	}
}

// All fixtures too, whatever operators they use; at least one set must be found in each.
func TestReorderedFixturesComputeTheSame(t *testing.T) {
	for _, pattern := range []string{"../fixtures/*/ft0.onnx", "../fixtures/families/*/ft0.onnx"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatal("no fixtures", err)
		}
		for _, f := range files {
			if filepath.Base(filepath.Dir(f)) == "sklearn" {
				continue // ends in an operator of ai.onnx.ml that package network does not run
			}
			t.Run(filepath.Base(filepath.Dir(f)), func(t *testing.T) {
				m := openFile(t, f)
				moved, sizes, err := graphtest.Scramble(m, 3)
				if err != nil {
					t.Fatal(err)
				}
				t.Log(sizes)
				if len(sizes) == 0 {
					t.Error("no hidden units may be reordered")
				}
				graphtest.SameOutputs(t, m, moved)
			})
		}
	}
}

// Random image networks of pieces that keep, group, cut, join and fix the order of channels: whatever the
// tracer lets move may move, and it finds something to move in nearly all of them.
func TestReorderedRandomNetsComputeTheSame(t *testing.T) {
	found := 0
	const nets = 150
	for shape := range uint64(nets) {
		m := graphmatch.RandomImageNet(t, shape, 1)
		moved, sizes, err := graphtest.Scramble(m, shape)
		if err != nil {
			t.Fatalf("network %d: %v", shape, err)
		}
		if len(sizes) > 2 {
			found++
		}
		t.Run(fmt.Sprint(shape), func(t *testing.T) { graphtest.SameOutputs(t, m, moved) })
	}
	if found < nets*9/10 {
		t.Errorf("more than two sets in %d of %d networks", found, nets)
	}
}

func TestReorderedKerasNetComputesTheSame(t *testing.T) {
	m := graphmatch.KerasNet(t)
	moved, sizes, err := graphtest.Scramble(m, 1)
	if err != nil || len(sizes) != 1 || sizes[0] != 6 {
		t.Fatalf("sets of sizes %v, error %v; want one of 6", sizes, err)
	}
	graphtest.SameOutputs(t, m, moved)
	undone(t, m)
}

// A random reordering of a network is undone exactly: every tensor is bit-equal again.
func TestPermuteUndoesReordering(t *testing.T) {
	var files []string
	for _, pattern := range []string{"testdata/*_tuned.onnx", "../fixtures/*/ft0.onnx",
		"../fixtures/families/*/ft0.onnx"} {
		list, err := filepath.Glob(pattern)
		if err != nil || len(list) == 0 {
			t.Fatal("no models", err)
		}
		files = append(files, list...)
	}
	for _, f := range files {
		t.Run(filepath.Base(filepath.Dir(f))+"/"+filepath.Base(f), func(t *testing.T) {
			undone(t, openFile(t, f))
		})
	}
}

func TestPermuteUndoesRandomNets(t *testing.T) {
	for shape := range uint64(40) {
		t.Run(fmt.Sprint(shape), func(t *testing.T) { undone(t, graphmatch.RandomImageNet(t, shape, 1)) })
	}
}

// undone reorders a model twice at random and fails unless matching the two makes them bit-equal.
func undone(t *testing.T, m *onnx.Model) {
	t.Helper()
	first, _, err := graphtest.Scramble(m, 5)
	if err != nil {
		t.Fatal(err)
	}
	second, _, err := graphtest.Scramble(m, 6)
	if err != nil {
		t.Fatal(err)
	}
	a, err := graphmatch.Align([]*onnx.Model{first, second}, 0)
	if err != nil {
		t.Fatal(err)
	}
	p, err := graphmatch.Permute(t.Context(), a, graphmatch.PermuteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range p.Alignment.Layers {
		if l.Status != graphmatch.Identical {
			t.Errorf("layer %s is %s; cosine %.4f before, %.4f after; %s", l.Name, l.Status, p.Before[1], p.After[1],
				l.Reason)
		}
	}
}

func TestPermuteBringsSeedsCloser(t *testing.T) {
	for _, family := range []string{"mlp", "cnn", "cnn_bn", "resnet"} {
		a, err := graphmatch.Align([]*onnx.Model{openFile(t, "../fixtures/"+family+"/seed0.onnx"),
			openFile(t, "../fixtures/"+family+"/seed1.onnx")}, 0)
		if err != nil {
			t.Fatal(err)
		}
		p, err := graphmatch.Permute(t.Context(), a, graphmatch.PermuteOptions{Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		if p.After[1] < p.Before[1]+0.05 {
			t.Errorf("%s: cosine %.3f before, %.3f after", family, p.Before[1], p.After[1])
		}
		t.Logf("%s: cosine %.3f before, %.3f after", family, p.Before[1], p.After[1])
		graphtest.SameOutputs(t, a.Models[1], p.Alignment.Models[1])
		q, err := graphmatch.Permute(t.Context(), a, graphmatch.PermuteOptions{Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		for i := range p.Units[1] {
			if !slices.Equal(p.Units[1][i].Order, q.Units[1][i].Order) {
				t.Errorf("%s: the same seed gave another order", family)
			}
		}
	}
}

// Evidence from outside, such as correlated activations, replaces the weights.
func TestPermuteBySimilarity(t *testing.T) {
	a, err := graphmatch.Align([]*onnx.Model{openFile(t, "../fixtures/families/vit/ft0.onnx"),
		openFile(t, "../fixtures/families/vit/ft1.onnx")}, 0)
	if err != nil {
		t.Fatal(err)
	}
	reverse := func(_ context.Context, j int, s *graphmatch.HiddenUnits) ([]float64, error) {
		if len(s.Values) == 0 || s.Values[0].Base == "" || s.Values[0].Axis < 1 {
			t.Errorf("units of %v cannot be observed: %+v", s.Layers, s.Values)
		}
		scores := make([]float64, s.Size*s.Size)
		for i := range s.Size {
			scores[i*s.Size+s.Size-1-i] = 1
		}
		return scores, nil
	}
	p, err := graphmatch.Permute(t.Context(), a, graphmatch.PermuteOptions{Similarity: reverse})
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range p.Units[1] {
		for i, from := range u.Order {
			if from != u.Size-1-i {
				t.Fatalf("units of %v: order %v, want reversed", u.Layers, u.Order)
			}
		}
	}
	graphtest.SameOutputs(t, a.Models[1], p.Alignment.Models[1])
	short := func(context.Context, int, *graphmatch.HiddenUnits) ([]float64, error) { return make([]float64, 3), nil }
	if _, err := graphmatch.Permute(t.Context(), a, graphmatch.PermuteOptions{Similarity: short}); err == nil {
		t.Error("a matrix of a wrong size gave no error")
	}
	none := func(context.Context, int, *graphmatch.HiddenUnits) ([]float64, error) { return nil, nil }
	if p, err := graphmatch.Permute(t.Context(), a, graphmatch.PermuteOptions{Similarity: none}); err != nil ||
		p.After[1] < p.Before[1] {
		t.Errorf("without matrices: cosine %v before, %v after, error %v", p.Before, p.After, err)
	}
}

// An export with its normalisations folded and a reordered one without are brought together.
func TestPermuteAcrossFolds(t *testing.T) {
	folded, whole := openFile(t, "testdata/resnet_tuned.onnx"), openFile(t, "testdata/resnet_bn_tuned.onnx")
	for _, pair := range [][2]*onnx.Model{{folded, whole}, {whole, folded}} {
		moved, _, err := graphtest.Scramble(pair[1], 3)
		if err != nil {
			t.Fatal(err)
		}
		a, err := graphmatch.Align([]*onnx.Model{pair[0], moved}, 0)
		if err != nil {
			t.Fatal(err)
		}
		p, err := graphmatch.Permute(t.Context(), a, graphmatch.PermuteOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if p.After[1] < 0.999999 {
			t.Errorf("cosine %v before, %v after, want 1", p.Before[1], p.After[1])
		}
		graphtest.SameOutputs(t, pair[0], p.Alignment.Models[1])
	}
}
