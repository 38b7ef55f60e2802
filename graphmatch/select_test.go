package graphmatch

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// chosen are the names of selected layers.
func chosen(s *Selection) []string {
	names := []string{}
	for _, i := range s.Layers {
		names = append(names, s.Alignment.Layers[i].Name)
	}
	return names
}

func TestSelect(t *testing.T) {
	a := align(t, open(t, "resnet_bn_tuned", "resnet_bn_fresh")...)
	var all, convs, norms []string
	for _, l := range a.Layers {
		all = append(all, l.Name)
		switch l.Op {
		case "Conv":
			convs = append(convs, l.Name)
		case "BatchNormalization":
			norms = append(norms, l.Name)
		}
	}
	conv := slices.DeleteFunc(slices.Clone(convs), func(s string) bool { return strings.Contains(s, "shortcut") })
	below := func(scope string) (found []string) {
		for _, n := range all {
			if strings.HasPrefix(n, scope+".") {
				found = append(found, n)
			}
		}
		return found
	}
	for _, test := range []struct {
		only, except []string
		want         []string
	}{
		{nil, nil, all},
		{[]string{"conv*"}, nil, conv},
		{[]string{"/conv*"}, nil, []string{"conv1"}},
		{[]string{"conv1.weight"}, nil, []string{"conv1", "layer1.0.conv1", "layer1.1.conv1", "layer2.0.conv1",
			"layer2.1.conv1"}},
		{[]string{"/conv1.weight"}, nil, []string{"conv1"}},
		{[]string{"layer1"}, nil, below("layer1")},
		{[]string{"layer1.0"}, nil, below("layer1.0")},
		{[]string{"layer1/0"}, nil, below("layer1.0")},
		{[]string{"/layer1/layer1.0/conv1/Conv"}, nil, []string{"layer1.0.conv1"}},
		{[]string{"layer?.1.conv2"}, nil, []string{"layer1.1.conv2", "layer2.1.conv2"}},
		{[]string{"layer1.**.conv2"}, nil, []string{"layer1.0.conv2", "layer1.1.conv2"}},
		{[]string{"{fc,shortcut}"}, nil, []string{"layer2.0.shortcut.0", "layer2.0.shortcut.1", "fc"}},
		{[]string{"op:Conv"}, nil, convs},
		{[]string{"op:*Normalization"}, nil, norms},
		{[]string{"op:Conv", "fc"}, []string{"layer*"}, []string{"conv1", "fc"}},
		{nil, []string{"op:*", "fc"}, []string{}},
		{nil, []string{"layer*", "op:BatchNormalization"}, []string{"conv1", "fc"}},
		{[]string{"*.running_mean"}, nil, norms},
		{[]string{"between:/bn1/BatchNormalization_output_0,/layer1/layer1.0/bn2/BatchNormalization_output_0"}, nil,
			[]string{"layer1.0.conv1", "layer1.0.bn1", "layer1.0.conv2", "layer1.0.bn2"}},
		{[]string{"between:x,y"}, []string{"layer*"}, []string{"conv1", "bn1", "fc"}},
	} {
		s, err := a.Select(test.only, test.except)
		if err != nil {
			t.Errorf("only %q except %q: %v", test.only, test.except, err)
			continue
		}
		if got := chosen(s); !slices.Equal(got, test.want) {
			t.Errorf("only %q except %q: got %q, want %q", test.only, test.except, got, test.want)
		}
	}
}

func TestSelectNodeNames(t *testing.T) {
	a := align(t, open(t, "resnet_fresh", "resnet_tuned")...)
	for pattern, want := range map[string]string{
		"/layer1/layer1.0/conv1/Conv": "[layer1.0.conv1]",
		"onnx::Conv_100":              "[conv1]",
		"onnx::Conv_1[01]*": "[conv1 layer1.0.conv1 layer1.0.conv2 layer1.1.conv1 layer1.1.conv2 layer2.0.conv1 " +
			"layer2.0.conv2 layer2.0.shortcut.0 layer2.1.conv1 layer2.1.conv2]",
		"fc.weight": "[fc]",
	} {
		s, err := a.Select([]string{pattern}, nil)
		if err != nil {
			t.Error(err)
		} else if got := fmt.Sprint(chosen(s)); got != want {
			t.Errorf("%s: got %s, want %s", pattern, got, want)
		}
	}
}

func TestSelectMisses(t *testing.T) {
	a := align(t, open(t, "resnet_bn_tuned", "resnet_bn_fresh")...)
	for _, test := range []struct{ pattern, hint string }{
		{"con1", "conv1"},
		{"layr1.*", "layer1"},
		{"op:Convolution", "op:Conv"},
		{"shortcuts", "shortcut"},
		{"[", "softmerge inspect"},
		{"", "softmerge inspect"},
		{"/", "softmerge inspect"},
		{"op:", "softmerge inspect"},
		{"between:x", "softmerge inspect"},
		{"between:x,/bn1/BatchNormalisation_output_0", "/bn1/BatchNormalization_output_0"},
		{"zzzzzzzzzzzzzzzzzzzzzzzzzzz", "softmerge inspect"},
	} {
		for _, lists := range [][2][]string{{{test.pattern}, nil}, {nil, {test.pattern}}} {
			_, err := a.Select(lists[0], lists[1])
			if !errors.Is(err, ErrPattern) {
				t.Errorf("%q: got %v, want an error of kind ErrPattern", test.pattern, err)
				continue
			}
			var h interface{ Hint() string }
			if !errors.As(err, &h) || !strings.Contains(h.Hint(), test.hint) {
				t.Errorf("%q: %v has no hint with %q", test.pattern, err, test.hint)
			}
		}
	}
}

func TestTiedLayersAreFoundByAllNames(t *testing.T) {
	a := align(t, open(t, "tied_tuned", "tied_fresh")...)
	for _, pattern := range []string{"tokens", "head", "op:Gather", "op:MatMul"} {
		s, err := a.Select([]string{pattern}, nil)
		if err != nil {
			t.Error(err)
		} else if !slices.Contains(chosen(s), "tokens") {
			t.Errorf("%s: got %q, want the tied table among them", pattern, chosen(s))
		}
	}
}

func TestStrictAndIntersection(t *testing.T) {
	a := align(t, open(t, "resnet_bn_fresh", "resnet_head_tuned")...)
	all, err := a.Select(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = all.Strict()
	if !errors.Is(err, ErrAlign) || !strings.Contains(err.Error(), "fc") || !strings.Contains(err.Error(), "[7 6]") {
		t.Errorf("got %v, want an error of kind ErrAlign that names fc and its shape", err)
	}
	part := all.Intersection()
	if err := part.Strict(); err != nil || len(part.Layers) != len(all.Layers)-1 {
		t.Errorf("intersection has %d of %d layers, error %v", len(part.Layers), len(all.Layers), err)
	}
}

func TestTable(t *testing.T) {
	table := align(t, open(t, "tied_tuned", "transformer_tuned")...).Table()
	if table.Matched != 10 || table.Unmatched != 1 || len(table.Layers) != 11 {
		t.Fatalf("got %d matched, %d unmatched of %d", table.Matched, table.Unmatched, len(table.Layers))
	}
	w := table.Layers[2].Tensors[0]
	const want = "{weight [encoder.self_attn.in_proj_weight onnx::MatMul_170] [24 8] float32 [1 1] [false true]}"
	if got := fmt.Sprint(w); got != want {
		t.Errorf("got %s", got)
	}
}

// Floats in the base's orientation are the same whichever way the other model stores them.
func TestFloatsAreOriented(t *testing.T) {
	models := open(t, "tied_tuned", "transformer_tuned")
	a := align(t, models...)
	p := &a.Layers[2].Params[0]
	want, err := models[0].Tensor(p.Uses[0].Tensor).Floats(nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := a.Floats(p, 1, []float32{42})
	if err != nil {
		t.Fatal(err)
	}
	if !p.Uses[1].Transposed || got[0] != 42 || !slices.Equal(got[1:], want) {
		t.Error("the transposed tensor differs from the base's, though both were exported from one network")
	}
	double, err := a.Doubles(p, 1, nil)
	if err != nil || len(double) != len(want) || float32(double[1]) != want[1] {
		t.Errorf("in double precision: %d values, error %v", len(double), err)
	}
	missing := Param{Uses: make([]Use, 2)}
	if _, err := a.Doubles(&missing, 1, nil); !errors.Is(err, ErrAlign) {
		t.Errorf("a parameter that the model lacks: got %v, want kind ErrAlign", err)
	}
}
