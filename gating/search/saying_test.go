package search_test

import (
	"math"
	"reflect"
	"testing"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/gating/search"
	"github.com/softmerge/softmerge/onnx"
)

// The range of an input is that of its finite values; where there is none, it has none.
func TestDescribeData(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	d := &dataset.Data{Inputs: []dataset.Column{
		{Name: "x", Type: onnx.Float32, Shape: []int{2}, Floats: []float32{nan, -1, inf, 255}},
		{Name: "ids", Type: onnx.Int64, Ints: []int64{7, 3}},
		{Name: "bad", Type: onnx.Float16, Floats: []float32{nan, inf}},
	}}
	number := func(f float64) *float64 { return &f }
	want := &search.ReportData{Judged: 2, Inputs: []search.ReportInput{
		{Name: "x", Type: "float32", Shape: []int{2}, Min: number(-1), Max: number(255)},
		{Name: "ids", Type: "int64", Shape: []int{}, Min: number(3), Max: number(7)},
		{Name: "bad", Type: "float16", Shape: []int{}},
	}}
	if got := search.DescribeData(nil, d); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// A merge tells at its start what it is going to judge by, and reports it at the end.
func TestMergeTellsItsObjective(t *testing.T) {
	s := gatetest.Select(t, gatetest.Open(t, gatetest.FineTunes("mlp", 2)...))
	var first *search.Event
	o := search.Options{Method: gating.Uniform, Progress: func(e search.Event) {
		if first == nil {
			first = &e
		}
	}}
	r := gatetest.Must(search.Merge(t.Context(), s, gatetest.Data(t, "val.npz", gating.Fields(s.Alignment.Models[0])), o))(t)
	want := &search.ReportObjective{Output: "logits", Label: "label", Loss: "cross_entropy", Metric: "accuracy",
		Classes: 10}
	if first == nil || first.Stage != "start" || !reflect.DeepEqual(first.Objective, want) {
		t.Fatalf("the first event is %+v", first)
	}
	rep := gatetest.Must(r.Report())(t)
	if !reflect.DeepEqual(rep.Objective, want) || rep.Data.Samples != 600 || rep.Data.Judged != 600 || rep.Data.Folds != 2 {
		t.Errorf("the report has %+v and %+v", rep.Objective, rep.Data)
	}
}
