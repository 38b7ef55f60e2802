package search

import (
	"path/filepath"
	"slices"

	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/advice"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// checkMode returns an error of kind network.ErrUnsupported where a parent was exported for training: it normalises by
// the batch at hand, so that what it says of a sample depends on the others, and the statistics that a merge would
// mix are never read.
func (m *search) checkMode() error {
	for _, model := range m.selection.Alignment.Models {
		if n := trainingNode(model); n != nil {
			return advice.Errorf(network.ErrUnsupported,
				"export it for inference: model.eval() in PyTorch, and no training=TrainingMode.TRAINING",
				"%s was exported in training mode: BatchNormalization %q normalises by the statistics of each batch",
				filepath.Base(model.Path()), onnx.NodeLabel(n))
		}
	}
	return nil
}

// trainingNode returns a BatchNormalization that normalises by the batch, by its attribute training_mode (opset 14) or,
// before, by naming the outputs of training; nil where there is none.
func trainingNode(m *onnx.Model) (found *onnxpb.NodeProto) {
	opset := onnx.OpsetVersion(m.Proto().GetOpsetImport(), "")
	for _, n := range m.Proto().GetGraph().GetNode() {
		if onnx.OpLabel(n) != "BatchNormalization" {
			continue
		}
		if opset >= 14 && onnx.NodeAttributes(n).Int("training_mode", 0) != 0 || opset < 14 && namesMore(n) {
			return n
		}
	}
	return nil
}

// namesMore says whether a node names an output behind its first.
func namesMore(n *onnxpb.NodeProto) bool {
	return len(n.GetOutput()) > 1 && slices.ContainsFunc(n.GetOutput()[1:],
		func(name string) bool { return name != "" })
}
