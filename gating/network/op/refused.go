package op

import (
	"strings"

	"github.com/softmerge/softmerge/onnx"
)

// Refusal says why an operator is not supported and what the user can do.
type Refusal struct{ Reason, Help string }

// Why whole kinds of operators are refused.
var (
	RefusedRandom = Refusal{"it draws random numbers: its output differs in every run",
		"export the model in evaluation mode"}
	RefusedText = Refusal{"it works on text, which has no gradient",
		"cut the text processing off the model and merge the network behind it"}
	RefusedTraining = Refusal{"it trains inside the graph",
		"merge the inference graph; softmerge does its own learning"}
	RefusedQuantised = Refusal{"it works on quantised weights, which cannot be mixed",
		"merge the float models first and quantise the result"}
	RefusedClassic = Refusal{
		"operators of ai.onnx.ml (trees, kernels, vectorisers) are no network that a gradient passes",
		"merge only neural networks, or select weights of a model without this part"}
	isImage = Refusal{"it decodes or encodes files inside the graph",
		"cut pre- and postprocessing off the model and merge the network between them"}
	isSequence = Refusal{"sequences and maps of unknown length cannot be computed here", ""}
)

// refusals are ONNX's own operators that are refused for a reason, and those of other domains under "domain.Name".
var refusals = map[string]Refusal{
	"RandomNormal": RefusedRandom, "RandomNormalLike": RefusedRandom, "RandomUniform": RefusedRandom,
	"RandomUniformLike": RefusedRandom,
	"Bernoulli":         RefusedRandom, "Multinomial": RefusedRandom,
	"StringNormalizer": RefusedText, "TfIdfVectorizer": RefusedText, "StringConcat": RefusedText,
	"StringSplit":    RefusedText,
	"RegexFullMatch": RefusedText, "LabelEncoder": RefusedText, "com.microsoft.Tokenizer": RefusedText,
	"ImageDecoder": isImage, "AttributeHasValue": isSequence,
}

// refusedDomains are operator domains that are refused as a whole, by their beginnings.
var refusedDomains = []struct {
	begins string
	Refusal
}{
	{"ai.onnx.ml", RefusedClassic},
	{"ai.onnx.preview.training", RefusedTraining},
	{"ai.onnx.training", RefusedTraining},
	{"ai.onnx.contrib", isImage},
	{"com.microsoft.ext", isImage},
	{"qonnx", RefusedQuantised},
	{"onnx.brevitas", RefusedQuantised},
}

// Unknown is the error for a node that is not in the table.
func Unknown(c *Call) error {
	e := c.Unsupported("there is no such operator here for opset %d", c.Opset).(*NodeError)
	if r, ok := refused(c.Op(), onnx.Domain(c.Node.GetDomain())); ok {
		e.Msg, e.Help = r.Reason, r.Help
	} else if onnx.Domain(c.Node.GetDomain()) != "" {
		e.Msg = "operators of this domain are not known here"
		e.Help = "export the model with ONNX's own operators, or with functions that define these"
	}
	return e
}

// refused looks up why an operator is refused.
func refused(op, domain string) (Refusal, bool) {
	if r, ok := refusals[op]; ok {
		return r, true
	}
	if WorksOnQuantised(op) {
		return RefusedQuantised, true
	}
	for _, d := range refusedDomains {
		if strings.HasPrefix(domain, d.begins) {
			return d.Refusal, true
		}
	}
	return Refusal{}, false
}

// WorksOnQuantised says whether an operator of ONNX or ONNX Runtime, by its name, works on quantised numbers.
func WorksOnQuantised(op string) bool {
	name, microsoft := strings.CutPrefix(op, "com.microsoft.")
	if strings.Contains(name, ".") {
		return false
	}
	switch {
	case strings.HasPrefix(name, "QLinear"), strings.HasSuffix(name, "Integer"),
		strings.Contains(strings.ToLower(name), "quantize"), strings.HasSuffix(name, "NBits"):
		return true
	}
	return microsoft && (strings.Contains(name, "Quant") || quantisedNames[name])
}

// quantisedNames are operators of ONNX Runtime whose names do not say so otherwise.
var quantisedNames = map[string]bool{
	"QAttention": true, "QGemm": true, "QMoE": true, "QEmbedLayerNormalization": true, "QOrderedMatMul": true,
	"QOrderedAttention": true,
	"QOrderedGelu":      true, "QOrderedLayerNormalization": true, "QOrderedLongformerAttention": true,
	"MatMulBnb4":           true,
	"MatMulFpQ4":           true,
	"MatMulIntegerToFloat": true, "GemmFloat8": true,
}
