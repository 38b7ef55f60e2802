package qdq

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/advice"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// ErrForm is the kind of errors about quantised networks that are not in QDQ form.
var ErrForm = errors.New("quantised in a form that cannot be made float")

// Summary says what became of a network.
type Summary struct {
	Tensors int // weights and biases that were integers
	Weights int // numbers in them
	Clips   int // pairs around activations that became a Clip
}

// Dequantise returns the model in float form and what was done, the model itself and nil if nothing in it is quantised.
// It has the file's path and sum, see [onnx.Model.Rewrite]. A network that is quantised in another form, or in one
// that is not understood, is an error of kind [ErrForm]; what reading a tensor returned is wrapped.
func Dequantise(m *onnx.Model) (*onnx.Model, *Summary, error) {
	if err := otherForm(m); err != nil {
		return nil, nil, err
	}
	r, err := read(m)
	if err != nil || len(r.nodes) == 0 {
		return m, nil, err
	}
	for _, step := range []func() error{r.weights, r.activations, r.checkDone} {
		if err := step(); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", nameOf(m), err)
		}
	}
	out, err := m.Rewrite(r.apply)
	if err != nil {
		return nil, nil, err
	}
	if err := onnx.Validate(out); err != nil {
		return nil, nil, refusef("%s, made float, breaks rules of ONNX: %v", nameOf(m), err)
	}
	return out, &r.summary, nil
}

// integerOps are operators that compute with integers, by what their names begin with.
var integerOps = []string{"QLinear", "MatMulInteger", "ConvInteger", "DynamicQuantize", "com.microsoft.QLinear",
	"com.microsoft.QGemm", "com.microsoft.QAttention", "com.microsoft.QEmbed", "com.microsoft.QMoE",
	"com.microsoft.QOrdered", "com.microsoft.DynamicQuantize", "com.microsoft.MatMulInteger",
	"com.microsoft.MatMulNBits", "com.microsoft.MatMulBnb4", "com.microsoft.MatMulFpQ4",
	"com.microsoft.GatherBlockQuantized"}

// otherForm refuses a network with operators that compute with integers, and says how to get another.
func otherForm(m *onnx.Model) error {
	return m.Walk(func(_ onnx.Place, n *onnxpb.NodeProto) error {
		label := onnx.OpLabel(n)
		if !slices.ContainsFunc(integerOps, func(begin string) bool { return strings.HasPrefix(label, begin) }) {
			return nil
		}
		hint := "quantise in QDQ form (onnxruntime.quantization: quant_format=QuantFormat.QDQ), " +
			"or merge the float models and quantise the result"
		if strings.Contains(label, "Dynamic") || strings.Contains(label, "Integer") {
			hint = "merge the float models, and run quantize_dynamic on the result"
		}
		if strings.Contains(label, "NBits") || strings.Contains(label, "Block") || strings.Contains(label, "Bnb4") ||
			strings.Contains(label, "FpQ4") {
			hint = "merge the float models, and quantise the result"
		}
		return advice.Errorf(ErrForm, hint, "%s is quantised in operators that compute with integers, such as %s %q",
			nameOf(m), label, onnx.NodeLabel(n))
	})
}

// nameOf names a model in messages.
func nameOf(m *onnx.Model) string {
	if m.Path() == "" {
		return "the model"
	}
	return filepath.Base(m.Path())
}

func refusef(format string, args ...any) error {
	return advice.Errorf(ErrForm, "merge the models that were quantised, and quantise the result", format, args...)
}
