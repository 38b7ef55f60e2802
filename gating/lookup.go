package gating

import (
	"slices"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// keepsNumbers are operators whose output has the very numbers of their first input, in whatever shape and integer
// type.
var keepsNumbers = []string{"Identity", "Cast", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Expand"}

// keepsRows are operators whose output has as many rows as their first input.
var keepsRows = []string{"Identity", "Cast", "DequantizeLinear"}

// boundLookups tells for every integer input that goes straight to the indices of a Gather how many rows the least of
// those tables has: no data of such an input may have a larger number. Tables are weights of the model, so that a
// vocabulary is known before anything is computed.
func boundLookups(g *onnxpb.GraphProto, fields []dataset.Field) {
	from := map[string]string{} // what the numbers of a value are, by name
	rows := map[string][]int64{}
	for _, t := range g.GetInitializer() {
		rows[t.GetName()] = t.GetDims()
	}
	for _, n := range g.GetNode() {
		in, out := n.GetInput(), n.GetOutput()
		if n.GetDomain() != "" || len(in) == 0 || len(out) == 0 {
			continue
		}
		if dims, ok := rows[in[0]]; ok && slices.Contains(keepsRows, n.GetOpType()) {
			rows[out[0]] = dims
		}
		if slices.Contains(keepsNumbers, n.GetOpType()) {
			from[out[0]] = origin(from, in[0])
		}
		if n.GetOpType() != "Gather" || len(in) < 2 {
			continue
		}
		below := tableLength(rows[in[0]], axisOf(n))
		at := slices.IndexFunc(fields, func(f dataset.Field) bool { return f.Name == origin(from, in[1]) })
		if at >= 0 && below > 0 && (fields[at].Below == 0 || below < fields[at].Below) {
			fields[at].Below = below
		}
	}
}

// origin is the value that another has its numbers from; most are their own.
func origin(from map[string]string, name string) string {
	if of, ok := from[name]; ok {
		return of
	}
	return name
}

// tableLength is the length of an axis of a weight, 0 where it is not known.
func tableLength(dims []int64, axis int64) int64 {
	if axis < 0 {
		axis += int64(len(dims))
	}
	if axis < 0 || axis >= int64(len(dims)) {
		return 0
	}
	return dims[axis]
}

// axisOf is the attribute axis of a node, 0 where it has none.
func axisOf(n *onnxpb.NodeProto) int64 {
	for _, a := range n.GetAttribute() {
		if a.GetName() == "axis" {
			return a.GetI()
		}
	}
	return 0
}
