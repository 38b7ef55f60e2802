package op

import (
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// Attr returns the named attribute, nil where the node has none of that name.
func (c *Call) Attr(name string) *onnxpb.AttributeProto {
	return onnx.NodeAttributes(c.Node).Proto(name)
}

// Int returns an integer attribute, or def.
func (c *Call) Int(name string, def int64) int64 {
	if a := c.Attr(name); a != nil {
		return a.GetI()
	}
	return def
}

// Float returns a float attribute, or def.
func (c *Call) Float(name string, def float32) float32 {
	if a := c.Attr(name); a != nil {
		return a.GetF()
	}
	return def
}

// Text returns a string attribute, or def.
func (c *Call) Text(name, def string) string {
	if a := c.Attr(name); a != nil {
		return string(a.GetS())
	}
	return def
}

// IntList returns an integer list attribute, or def.
func (c *Call) IntList(name string, def []int64) []int64 {
	if a := c.Attr(name); a != nil {
		return a.Ints
	}
	return def
}
