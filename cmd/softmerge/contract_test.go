package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"github.com/softmerge/softmerge/onnx"
)

// The JSON contract, written down once more so that a field that is renamed,
// dropped or added is noticed. Fields with omitempty may be absent.

type contractMerge struct {
	Output      string
	SHA256      string
	Parents     []contractParent
	Method      string
	Metric      string
	LossName    string `json:"loss_name"`
	Candidates  []contractCandidate
	Chosen      string
	Layers      []contractMerged
	Weights     contractWeights
	Dequantised []struct {
		Parent, Tensors, Weights, Clips int
		Metric                          *float64
		QuantisedMetric                 *float64 `json:"quantised_metric"`
	} `json:",omitempty"`
	Static *struct {
		Method      string
		Params      map[string]float64
		Weights     []float64 `json:",omitempty"`
		Start       *string   `json:",omitempty"`
		StartSHA256 *string   `json:"start_sha256,omitempty"`
		MeanStart   *bool     `json:"mean_start,omitempty"`
		Unstarted   []string  `json:",omitempty"`
	} `json:",omitempty"`
	Routed *struct {
		Method         string
		Tasks          []string
		Input          *string `json:",omitempty"`
		Required       *bool   `json:",omitempty"`
		Task           *int    `json:",omitempty"`
		Factors        []float64
		Elected, Exact int
		Start          *string `json:",omitempty"`
		StartSHA256    *string `json:"start_sha256,omitempty"`
		MeanStart      *bool   `json:"mean_start,omitempty"`
		Router         *struct {
			Layer                     string
			Flat                      bool
			Width                     int
			Shared, Mixed             []string
			Samples                   []int     `json:",omitempty"`
			Temperature, Right, Guess *float64  `json:",omitempty"`
			Shares                    []float64 `json:",omitempty"`
			Spread                    *float64  `json:",omitempty"`
			CrossEntropy              *float64  `json:"cross_entropy,omitempty"`
		} `json:",omitempty"`
	} `json:",omitempty"`
	Steps          int
	Seconds        float64
	SecondsPerStep float64 `json:"seconds_per_step"`
	PeakBytes      int64   `json:"peak_bytes"`
	Seed           uint64
	HeldOut        int `json:"held_out"`
	Folds          int
	Refitted       bool
	Objective      *contractObjective
	Data           *contractData
	Warnings       []string
	Notes          []string
	Identical      *bool `json:",omitempty"`
	Reordered      *struct {
		By           string
		Units, Moved []int
		CosineBefore []float64 `json:"cosine_before"`
		CosineAfter  []float64 `json:"cosine_after"`
	} `json:",omitempty"`
}

type contractWeights struct {
	Total, Merged, Identical, Kept int
	MergedShare                    float64 `json:"merged_share"`
	KeptWhy                        []struct {
		Why     string
		Weights int
		Share   float64
	} `json:"kept_why"`
}

type contractObjective struct {
	Output, Label, Loss, Metric string
	Classes                     int      `json:",omitempty"`
	Ignored                     []int64  `json:",omitempty"`
	Ensemble                    []string `json:",omitempty"`
	Own                         *bool    `json:",omitempty"`
}

type contractData struct {
	Samples, Judged int
	Folds           int `json:",omitempty"`
	Inputs          []struct {
		Name, DType string
		Shape       []int
		Min, Max    *float64
	}
}

type contractParent struct{ Path, SHA256 string }

type contractCandidate struct {
	Name         string
	Parent       string         `json:",omitempty"`
	Trial        *contractTrial `json:",omitempty"`
	Loss, Metric *float64
	Error        *float64 `json:"standard_error"`
	Rounds       int      `json:"rounds,omitempty"`
	P            *float64 `json:",omitempty"`
	MoreSamples  int      `json:"more_samples,omitempty"`
	Chosen       bool
	Reason       string `json:",omitempty"`
}

type contractTrial struct {
	Method       string
	Granularity  string `json:",omitempty"`
	Place        string `json:",omitempty"`
	Combine      string `json:",omitempty"`
	Repaired     bool   `json:",omitempty"`
	Source       bool   `json:",omitempty"`
	Rounded      bool   `json:",omitempty"`
	Recalibrated bool   `json:",omitempty"`
}

type contractMerged struct {
	Name, Op string
	Tensors  []string
	Status   string
	Reason   string `json:",omitempty"`
	Excluded []struct {
		Parent int
		Why    string
	} `json:",omitempty"`
	Coefficients [][]float64 `json:",omitempty"`
}

type contractEval struct {
	Models []struct {
		Path         string
		Loss, Metric *float64
		Samples      int
		Seconds      float64
		Reason       string `json:",omitempty"`
	}
	Metric    string
	LossName  string `json:"loss_name"`
	Objective *contractObjective
	Data      *contractData
	Warnings  []string
	Notes     []string
}

type contractTensor struct {
	Role       string
	Names      []string
	Shape      []int
	DType      string
	Sites      []int
	Transposed []bool `json:",omitempty"`
}

type contractMatch struct {
	Layers             []contractMatched
	Matched, Unmatched int
	Weights            []contractCoverage
	Warnings           []string
}

type contractCoverage struct {
	Path             string
	Tensors, Weights int
	UnmatchedTensors int      `json:"unmatched_tensors"`
	UnmatchedWeights int      `json:"unmatched_weights"`
	UnmatchedShare   float64  `json:"unmatched_share"`
	Largest          []string `json:"largest_unmatched,omitempty"`
}

type contractMatched struct {
	Name, Op string
	Tensors  []contractTensor
	Status   string
	Reason   string `json:",omitempty"`
}

type contractDryRun struct {
	DryRun bool `json:"dry_run"`
	Layers []struct {
		contractMatched
		Selected bool
	}
	Warnings []string
	Notes    []string
}

type contractInspect struct {
	Path, SHA256    string
	IRVersion       int64 `json:"ir_version"`
	Producer        string
	Opsets          map[string]int64
	Inputs, Outputs []struct {
		Name, DType string
		Shape       []any
	}
	Layers []struct {
		Name, Op, Scope string
		Tensors         []contractTensor
	}
	Operators []struct {
		Op                string
		Opset             int64
		Count             int
		Support, Gradient string
		Nodes             []string `json:",omitempty"`
	}
	Parameters int
	Warnings   []string
	Routed     *struct {
		Method   string
		Tasks    []string
		Input    string
		Task     *int
		Required bool
		Router   *string `json:",omitempty"`
	} `json:",omitempty"`
}

type contractChange struct {
	What string
	A, B *string
}

type contractDiff struct {
	A, B     string
	Same     bool
	Warnings []string
	Model    []contractChange
	Nodes    []struct {
		Change, Name, Op, Place string
		Details                 []contractChange `json:",omitempty"`
	}
	NodesRenamed int `json:"nodes_renamed"`
	Tensors      []struct {
		Status           string
		Layer            string `json:",omitempty"`
		Role             string `json:",omitempty"`
		Names            []string
		Shapes           [][]int
		DTypes           []string
		Relative, Cosine *float64
		MaxAbs           *float64 `json:"max_abs"`
	} `json:"tensors"`
}

type contractError struct {
	Error, Hint string
	Code        int
	Candidates  []contractCandidate `json:",omitempty"`
}

type contractApply struct {
	Output, SHA256 string
	Warnings       []string
}

// contracts is an empty object of every kind of output.
var contracts = map[string]any{
	"merge": contractMerge{}, "apply": contractApply{}, "eval": contractEval{}, "match": contractMatch{},
	"dry-run": contractDryRun{},
	"inspect": contractInspect{}, "diff": contractDiff{}, "error": contractError{},
}

// checkContract says how an output breaks its contract.
func checkContract(kind string, data []byte) error {
	contract, ok := contracts[kind]
	if !ok {
		return fmt.Errorf("no output of kind %q", kind)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	var got any
	if err := d.Decode(&got); err != nil {
		return fmt.Errorf("standard output is no JSON: %w", err)
	}
	if err := d.Decode(new(any)); !errors.Is(err, io.EOF) {
		return fmt.Errorf("standard output goes on after the object")
	}
	return conforms(kind, got, reflect.TypeOf(contract))
}

// conforms compares a decoded value with the type that describes it: all fields
// there, none besides, every value of its kind.
func conforms(at string, got any, want reflect.Type) error {
	switch want.Kind() {
	case reflect.Pointer:
		if got == nil {
			return nil
		}
		return conforms(at, got, want.Elem())
	case reflect.Struct:
		return conformsObject(at, got, want)
	case reflect.Slice:
		list, ok := got.([]any)
		if !ok && !(got == nil && want.Elem().Kind() == reflect.Int) {
			return fmt.Errorf("%s is %v, want a list", at, got)
		}
		for i, e := range list {
			if err := conforms(fmt.Sprintf("%s[%d]", at, i), e, want.Elem()); err != nil {
				return err
			}
		}
		return nil
	case reflect.Map, reflect.Interface:
		return nil
	}
	kinds := map[reflect.Kind]string{reflect.String: "string", reflect.Bool: "bool"}
	have := fmt.Sprintf("%T", got)
	if want := kinds[want.Kind()]; have != want && (want != "" || have != "float64") {
		return fmt.Errorf("%s is %v, of kind %s", at, got, have)
	}
	return nil
}

func conformsObject(at string, got any, want reflect.Type) error {
	object, ok := got.(map[string]any)
	if !ok {
		return fmt.Errorf("%s is %v, want an object", at, got)
	}
	known := map[string]bool{}
	for _, f := range reflect.VisibleFields(want) {
		if f.Anonymous {
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" {
			name = strings.ToLower(f.Name)
		}
		known[name] = true
		value, there := object[name]
		switch {
		case !there && options != "omitempty":
			return fmt.Errorf("%s has no field %q", at, name)
		case !there:
			continue
		}
		if err := conforms(at+"."+name, value, f.Type); err != nil {
			return err
		}
	}
	for name := range object {
		if !known[name] {
			return fmt.Errorf("%s has a field %q that the contract does not know", at, name)
		}
	}
	return nil
}

// changedTensors lists the initializers that two files do not have alike, by name.
func changedTensors(pathA, pathB string) ([]string, error) {
	a, err := rawTensors(pathA)
	if err != nil {
		return nil, err
	}
	b, err := rawTensors(pathB)
	if err != nil {
		return nil, err
	}
	names := []string{}
	for name := range b {
		if a[name] != b[name] {
			names = append(names, name)
		}
		delete(a, name)
	}
	for name := range a {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, nil
}

// rawTensors describes every initializer of a file by type, shape and bytes.
func rawTensors(path string) (map[string]string, error) {
	m, err := onnx.Open(path)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	tensors := map[string]string{}
	for _, t := range m.Proto().GetGraph().GetInitializer() {
		x := m.Tensor(t)
		raw, err := x.Raw()
		if err != nil {
			return nil, err
		}
		tensors[t.GetName()] = fmt.Sprintf("%v%v %x", x.DataType(), x.Shape(), raw)
	}
	return tensors, nil
}
