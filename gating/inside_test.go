package gating

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/gating/network"
)

// TestValues: values inside a graph come for every sample once, in order, the last batch short or not, of samples of one
// shape and of several; SampleShapes says what one sample of each input looks like.
func TestValues(t *testing.T) {
	for _, c := range []struct {
		model, data, input string
		shape              []int
	}{{"mlp/ft0.onnx", "val.npz", "input", []int{1, 8, 8}}, {"families/gru/ft0.onnx", "families/gru/lengths_val.npz", "input", nil}} {
		m := gatetest.Open(t, c.model)[0]
		d := gatetest.Data(t, c.data, Fields(m))
		o := gatetest.Must(FitObjective(m, d, ObjectiveOptions{}))(t)
		output := o.Heads[0].Output
		results := map[int][][]float32{}
		for _, batch := range []int{1, 7, 1000} {
			e := gatetest.Must(NewEvaluator(d, o, EvaluatorOptions{BatchSize: batch, Threads: 1}))(t)
			rows := 0
			err := e.Values(t.Context(), m, []string{output}, func(at []int, values []*network.Tensor) error {
				for i, row := range at {
					if row != rows {
						t.Fatalf("%s: sample %d comes as number %d", c.model, row, rows)
					}
					rows++
					n := values[0].Len() / len(at)
					results[batch] = append(results[batch], slices.Clone(values[0].F[i*n:(i+1)*n]))
				}
				return nil
			})
			if err != nil || rows != d.Len() {
				t.Fatalf("%s, batch %d: %d of %d samples, %v", c.model, batch, rows, d.Len(), err)
			}
			shapes := gatetest.Must(e.SampleShapes(m))(t)
			if own := d.Parts()[0].Inputs[0]; len(shapes) != 1 || !slices.Equal(shapes[c.input], own.Shape) ||
				c.shape != nil && !slices.Equal(own.Shape, c.shape) {
				t.Errorf("%s: a sample has the shapes %v", c.model, shapes)
			}
			e.Close()
		}
		for b, want := range results[1] {
			for _, batch := range []int{7, 1000} {
				for i, v := range results[batch][b] {
					if diff := v - want[i]; diff > 1e-4 || diff < -1e-4 {
						t.Fatalf("%s: sample %d is %v in a batch of %d, %v alone", c.model, b, v, batch, want[i])
					}
				}
			}
		}
	}
}

// TestValuesThatCannotBe: a value that is none, an error of who takes them, and an end from outside.
func TestValuesThatCannotBe(t *testing.T) {
	m := gatetest.Open(t, "mlp/ft0.onnx")[0]
	d := gatetest.Data(t, "val.npz", Fields(m)).Head(10)
	o := gatetest.Must(FitObjective(m, d, ObjectiveOptions{}))(t)
	e := gatetest.Must(NewEvaluator(d, o, EvaluatorOptions{Threads: 1}))(t)
	defer e.Close()
	nothing := func([]int, []*network.Tensor) error { return nil }
	if err := e.Values(t.Context(), m, []string{"nowhere"}, nothing); err == nil {
		t.Error("a value that is none is computed")
	}
	why := errors.New("no")
	if err := e.Values(t.Context(), m, []string{"logits"}, func([]int, []*network.Tensor) error { return why }); !errors.Is(err, why) {
		t.Errorf("got %v, want the taker's", err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if err := e.Values(ended, m, []string{"logits"}, nothing); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want an end", err)
	}
}
