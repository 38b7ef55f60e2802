package graphmatch

import (
	"github.com/softmerge/softmerge/graphmatch/internal/flow"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// ErrAlign is the kind of every error that says models do not align.
var ErrAlign = flow.ErrAlign

// Status says what became of a layer in the alignment.
type Status string

const (
	// Matched layers exist in every model with equal shapes and types.
	Matched Status = "matched"
	// Identical layers are matched, and all their tensors are bit-equal in all models.
	Identical Status = "identical"
	// Mismatch marks a layer found in every model whose tensors do not fit each other.
	Mismatch Status = "mismatch"
	// Missing marks a layer that at least one model lacks.
	Missing Status = "missing"
)

// Alignment pairs the layers of several models.
type Alignment struct {
	Models []*onnx.Model
	Base   int                       // index of the model that gives order, orientation and names
	Layers []Layer                   // in the base's canonical order, then those that the base lacks
	views  []*flow.Network           // one per model
	ends   []ends                    // per model: which of its inputs and outputs stand for the base's
	labels []string                  // the models' names in messages
	table  []row                     // all layers before tied ones are joined
	folds  map[*flow.Unit]*flow.Fold // of units whose normalisation is folded in
	ranks  []func(*flow.Value) int   // per model: the number of a value's axes, made when it is asked for
	// readers lists the sites that read each tensor of the base.
	readers map[*onnxpb.TensorProto]map[onnx.Site]bool
}

// Layer is one layer of the network with its tensors in every model.
type Layer struct {
	Name string // unique among the layers, such as "layer1.0.conv1"
	// Op is the ONNX operator type of the node that reads the weight; the composed operator of a normalisation that an
	// exporter decomposed.
	Op     string
	Scope  string // Name without its last component: the module that contains the layer
	Params []Param
	Status Status
	Reason string // why Status is Mismatch or Missing; of a matched layer, what was done to make it match
	// Aside marks a layer that no model needs another's numbers for: preprocessing that some have in the graph and
	// others leave to the program around it. It is Missing, and never selected.
	Aside  bool
	Resets []Reset  // the base's tensors that take fixed numbers when the layer is merged
	tags   []string // names that patterns match besides Name
	ops    []string // operator types that op: patterns match
	row    row
}

// Param is one parameter of a layer. Its values are those that [Alignment.Floats] reads: where a
// BatchNormalization is folded into the layer they are not the tensors' own.
type Param struct {
	Role        string // weight, bias, scale, mean, var, table, slope, W, R, B, P, value, ...
	Uses        []Use  // one per model
	Shape       []int  // the base's shape; that of the first model that has it if the base lacks it
	Type        onnx.DataType
	ChannelAxis int // axis of Shape that counts output channels, -1 when there is none
}

// Use is one model's tensor for a parameter.
type Use struct {
	Tensor *onnxpb.TensorProto // nil when the model lacks the parameter
	Name   string              // initializer's name, or that of the Constant node's output; "" when missing
	Sites  []onnx.Site         // every input slot of the model that reads the tensor as this parameter
	// Reader is the operator that uses the tensor. It differs from the sites' nodes where a Transpose, a
	// Reshape, a conversion or a function call lies between.
	Reader *onnxpb.NodeProto
	// Transposed says that this tensor's two last axes are swapped against the base's tensor (Gemm with
	// transB against MatMul, for example); [Alignment.Floats] undoes it.
	Transposed bool
	from       *flow.Constant
	fold       *flow.Fold // normalisation that the values are read with
	factor     float64    // that the values are read with: how the node scales them (alpha of Gemm) against the base's
}

// Reads tells whether the model has the parameter.
func (u Use) Reads() bool { return u.Tensor != nil }

// Mergeable tells whether the layer's tensors can be mixed: it is there in all models and fits.
func (l *Layer) Mergeable() bool { return l.Status == Matched || l.Status == Identical }
