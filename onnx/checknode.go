package onnx

import (
	"slices"

	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// nodeRules checks one node of p and its subgraphs. It sets unsorted if the node
// reads what a later one makes.
func (c *checker) nodeRules(p *Place, n *onnxpb.NodeProto, s *scope, unsorted *bool) {
	if n.GetOpType() == "" {
		c.bad("", "has no operator type")
	}
	c.text(n.GetName())
	c.text(n.GetOpType())
	c.domain(p, n)
	for _, in := range n.GetInput() {
		if in == "" {
			continue
		}
		switch defined, later := s.find(in); {
		case defined:
		case later:
			*unsorted = true
			c.minor(in, "input is made by a later node: the nodes are not sorted")
		default:
			c.bad(in, "input is not an input, an initializer or an output of any node")
		}
	}
	seen := map[string]bool{}
	for _, a := range n.GetAttribute() {
		if seen[a.GetName()] {
			c.bad("", "has the attribute %q twice", a.GetName())
		}
		seen[a.GetName()] = true
		c.attributeRules(p, a)
	}
	for _, sub := range p.subgraphs(n) {
		c.graph(sub, s)
	}
}

// domain checks that the node's operator domain is imported.
func (c *checker) domain(p *Place, n *onnxpb.NodeProto) {
	imports := c.m.proto.GetOpsetImport()
	if p.Function != nil {
		imports = p.Function.GetOpsetImport()
	}
	domain := Domain(n.GetDomain())
	same := func(o *onnxpb.OperatorSetIdProto) bool { return Domain(o.GetDomain()) == domain }
	if len(imports) == 0 && p.Function == nil || slices.ContainsFunc(imports, same) {
		return // an empty list of the model is reported once
	}
	if domain == "" {
		c.bad("", "the default operator set is not imported")
		return
	}
	c.minor("", "the operator set %q is not imported", n.GetDomain())
}

// attributeRules checks that type and value of an attribute fit.
func (c *checker) attributeRules(p *Place, a *onnxpb.AttributeProto) {
	name := a.GetName()
	if name == "" {
		c.bad("", "has an attribute without a name")
	}
	present := presentTypes(a)
	if len(present) > 1 {
		c.bad("", "attribute %q has values of several types: %v", name, present)
		return
	}
	if ref := a.GetRefAttrName(); ref != "" {
		c.reference(p, a, len(present) > 0)
		return
	}
	want := a.GetType()
	switch {
	case want == onnxpb.AttributeProto_UNDEFINED && len(present) == 0:
		c.bad("", "attribute %q has neither a known type nor a value", name)
	case want == onnxpb.AttributeProto_UNDEFINED && c.m.proto.GetIrVersion() >= 2:
		c.minor("", "attribute %q has no type", name)
	case want == onnxpb.AttributeProto_UNDEFINED:
	case len(present) == 1 && present[0] != want:
		c.bad("", "attribute %q has the type %v and a value of type %v", name, want, present[0])
	case len(present) == 0 && needsValue(want):
		c.bad("", "attribute %q has no value", name)
	}
	c.attributeTensors(a)
}

// needsValue says whether a missing value cannot be a default left out.
func needsValue(t onnxpb.AttributeProto_AttributeType) bool {
	switch t {
	case onnxpb.AttributeProto_TENSOR, onnxpb.AttributeProto_GRAPH, onnxpb.AttributeProto_SPARSE_TENSOR,
		onnxpb.AttributeProto_TYPE_PROTO:
		return true
	}
	return false
}

// reference checks an attribute that stands for one of the function around.
func (c *checker) reference(p *Place, a *onnxpb.AttributeProto, hasValue bool) {
	ref := a.GetRefAttrName()
	if p.Function == nil {
		c.bad("", "attribute %q refers to %q outside a function", a.GetName(), ref)
		return
	}
	if hasValue {
		c.bad("", "attribute %q has a value and refers to %q too", a.GetName(), ref)
	}
	hasDefault := func(d *onnxpb.AttributeProto) bool { return d.GetName() == ref }
	if !slices.Contains(p.Function.GetAttribute(), ref) &&
		!slices.ContainsFunc(p.Function.GetAttributeProto(), hasDefault) {
		c.bad("", "attribute %q refers to %q, which the function does not have", a.GetName(), ref)
	}
}

// attributeTensors checks the tensors and types an attribute holds.
func (c *checker) attributeTensors(a *onnxpb.AttributeProto) {
	defer func(old string) { c.attribute = old }(c.attribute)
	c.attribute = a.GetName()
	if a.T != nil {
		c.tensor(a.T)
	}
	for _, t := range a.GetTensors() {
		c.tensor(t)
	}
	if a.SparseTensor != nil {
		c.sparse(a.SparseTensor)
	}
	for _, t := range a.GetSparseTensors() {
		c.sparse(t)
	}
	c.valueType("", a.GetTp())
	for _, t := range a.GetTypeProtos() {
		c.valueType("", t)
	}
}
