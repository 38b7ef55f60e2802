package network

import "github.com/softmerge/softmerge/onnx/onnxpb"

// attr returns the named attribute, nil where the node has none of that name.
func (c *call) attr(name string) *onnxpb.AttributeProto {
	for _, a := range c.node.GetAttribute() {
		if a.GetName() == name {
			return a
		}
	}
	return nil
}

// int returns an integer attribute, or def.
func (c *call) int(name string, def int64) int64 {
	if a := c.attr(name); a != nil {
		return a.GetI()
	}
	return def
}

// float returns a float attribute, or def.
func (c *call) float(name string, def float32) float32 {
	if a := c.attr(name); a != nil {
		return a.GetF()
	}
	return def
}

// string returns a string attribute, or def.
func (c *call) string(name, def string) string {
	if a := c.attr(name); a != nil {
		return string(a.GetS())
	}
	return def
}

// intList returns an integer list attribute, or def.
func (c *call) intList(name string, def []int64) []int64 {
	if a := c.attr(name); a != nil {
		return a.Ints
	}
	return def
}
