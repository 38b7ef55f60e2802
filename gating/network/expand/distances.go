package expand

import "github.com/softmerge/softmerge/onnx/onnxpb"

// expandDistances lowers com.microsoft CDist: the distances of all rows of A to all rows of B, squared or not.
func expandDistances(c *Call) error {
	s := newBuilder(c)
	metric := c.Text("metric", "sqeuclidean")
	if metric != "sqeuclidean" && metric != "euclidean" {
		return c.Unsupported("metric is %q, want sqeuclidean or euclidean", metric)
	}
	s.shape(s.given(0), 2)
	s.shape(s.given(1), 2)
	apart := s.op("Sub", nil, s.op("Unsqueeze", nil, s.given(0), intValue(1, 1)),
		s.op("Unsqueeze", nil, s.given(1), intValue(0, 1)))
	fold := "ReduceSumSquare"
	if metric == "euclidean" {
		fold = "ReduceL2"
	}
	return s.bind(s.op(fold, []*onnxpb.AttributeProto{intAttribute("keepdims", 0)}, apart, intValue(2, 1)))
}
