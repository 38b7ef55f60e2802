package network

import "strings"

// opRefusal says why an operator is not supported and what the user can do.
type opRefusal struct{ reason, help string }

// Why whole kinds of operators are refused.
var (
	isRandom = opRefusal{"it draws random numbers: its output differs in every run",
		"export the model in evaluation mode"}
	isText = opRefusal{"it works on text, which has no gradient",
		"cut the text processing off the model and merge the network behind it"}
	isTraining = opRefusal{"it trains inside the graph",
		"merge the inference graph; softmerge does its own learning"}
	isQuantised = opRefusal{"it works on quantised weights, which cannot be mixed",
		"merge the float models first and quantise the result"}
	isClassic = opRefusal{"operators of ai.onnx.ml (trees, kernels, vectorisers) are no network that a gradient passes",
		"merge only neural networks, or select weights of a model without this part"}
	isImage = opRefusal{"it decodes or encodes files inside the graph",
		"cut pre- and postprocessing off the model and merge the network between them"}
	isSequence = opRefusal{"sequences and maps of unknown length cannot be computed here", ""}
)

// refusals are ONNX's own operators that are refused for a reason, and those of other domains under "domain.Name".
var refusals = map[string]opRefusal{
	"RandomNormal": isRandom, "RandomNormalLike": isRandom, "RandomUniform": isRandom, "RandomUniformLike": isRandom,
	"Bernoulli": isRandom, "Multinomial": isRandom,
	"StringNormalizer": isText, "TfIdfVectorizer": isText, "StringConcat": isText, "StringSplit": isText,
	"RegexFullMatch": isText, "LabelEncoder": isText, "com.microsoft.Tokenizer": isText,
	"ImageDecoder": isImage, "ZipMap": isSequence, "AttributeHasValue": isSequence,
}

// refusedDomains are operator domains that are refused as a whole, by their beginnings.
var refusedDomains = []struct {
	begins string
	opRefusal
}{
	{"ai.onnx.ml", isClassic},
	{"ai.onnx.preview.training", isTraining},
	{"ai.onnx.training", isTraining},
	{"ai.onnx.contrib", isImage},
	{"com.microsoft.ext", isImage},
	{"qonnx", isQuantised},
	{"onnx.brevitas", isQuantised},
}

// unknownOperator is the error for a node that is not in the table.
func unknownOperator(c *call) error {
	e := c.unsupported("there is no such operator here for opset %d", c.opset).(*NodeError)
	if r, ok := refused(c.op(), domainOf(c.node)); ok {
		e.Msg, e.Help = r.reason, r.help
	} else if domainOf(c.node) != "" {
		e.Msg = "operators of this domain are not known here"
		e.Help = "export the model with ONNX's own operators, or with functions that define these"
	}
	return e
}

// refused looks up why an operator is refused.
func refused(op, domain string) (opRefusal, bool) {
	if r, ok := refusals[op]; ok {
		return r, true
	}
	if quantised(op) {
		return isQuantised, true
	}
	for _, d := range refusedDomains {
		if strings.HasPrefix(domain, d.begins) {
			return d.opRefusal, true
		}
	}
	return opRefusal{}, false
}

// quantised says whether an operator of ONNX or ONNX Runtime, by its name, works on quantised numbers.
func quantised(op string) bool {
	name, microsoft := strings.CutPrefix(op, "com.microsoft.")
	if strings.Contains(name, ".") {
		return false
	}
	switch {
	case strings.HasPrefix(name, "QLinear"), strings.HasSuffix(name, "Integer"), strings.Contains(strings.ToLower(name), "quantize"), strings.HasSuffix(name, "NBits"):
		return true
	}
	return microsoft && (strings.Contains(name, "Quant") || quantisedNames[name])
}

// quantisedNames are operators of ONNX Runtime whose names do not say so otherwise.
var quantisedNames = map[string]bool{
	"QAttention": true, "QGemm": true, "QMoE": true, "QEmbedLayerNormalization": true, "QOrderedMatMul": true, "QOrderedAttention": true,
	"QOrderedGelu": true, "QOrderedLayerNormalization": true, "QOrderedLongformerAttention": true, "MatMulBnb4": true, "MatMulFpQ4": true,
	"MatMulIntegerToFloat": true, "GemmFloat8": true,
}
