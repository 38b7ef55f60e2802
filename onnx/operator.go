package onnx

import "github.com/softmerge/softmerge/onnx/onnxpb"

// ownDomain is the domain of ONNX's own operators as files may spell it; most leave it empty.
const ownDomain = "ai.onnx"

// Domain returns the one spelling of an operator domain that programs compare: "" for ONNX's own operators,
// which files call "" or "ai.onnx".
func Domain(domain string) string {
	if domain == ownDomain {
		return ""
	}
	return domain
}

// DomainLabel names an operator domain for people: "ai.onnx" for ONNX's own.
func DomainLabel(domain string) string {
	if domain == "" {
		return ownDomain
	}
	return domain
}

// OpLabel names a node's operator: "Conv", and with its domain where that is not ONNX's own,
// "com.microsoft.FusedConv".
func OpLabel(n *onnxpb.NodeProto) string {
	if d := Domain(n.GetDomain()); d != "" {
		return d + "." + n.GetOpType()
	}
	return n.GetOpType()
}

// OpsetVersion returns the version of an operator domain that a list imports, 0 if it imports none.
func OpsetVersion(imports []*onnxpb.OperatorSetIdProto, domain string) int64 {
	for _, o := range imports {
		if Domain(o.GetDomain()) == Domain(domain) {
			return o.GetVersion()
		}
	}
	return 0
}
