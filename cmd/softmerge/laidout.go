package main

import (
	"path/filepath"
	"slices"

	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/advice"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// laidOutDomains are those of operators that ONNX Runtime puts in the place of others for one kind of processor.
var laidOutDomains = []string{"com.microsoft.nchwc", "com.ms.internal.nhwc"}

// refuseLaidOut refuses a model that ONNX Runtime wrote for the processor it ran on: how weights are reordered and
// padded there is in no file, so that two of them may differ in it although they look alike.
func refuseLaidOut(list []*onnx.Model) error {
	for _, m := range list {
		err := m.Walk(func(_ onnx.Place, n *onnxpb.NodeProto) error {
			if !slices.Contains(laidOutDomains, n.GetDomain()) {
				return nil
			}
			return advice.Errorf(network.ErrUnsupported, "merge the file that it was made from; or let ONNX Runtime "+
				"write it with graph_optimization_level ORT_ENABLE_EXTENDED or less",
				"%s is a copy that ONNX Runtime optimised for one kind of processor, with its weights laid out for "+
					"that: %q is a %s", filepath.Base(m.Path()), onnx.NodeLabel(n), onnx.OpLabel(n))
		})
		if err != nil {
			return err
		}
	}
	return nil
}
