package optest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/gating/network/op/table"
	"github.com/softmerge/softmerge/onnx/onnxpb"
	"google.golang.org/protobuf/proto"
)

// Refusal is a node that a builder must refuse, and what its error must say.
type Refusal struct {
	Op     string
	Opset  int64
	Attrs  Attrs
	Inputs []*op.Tensor
	Says   string
}

// CheckRefusals builds every node and compares the errors.
func CheckRefusals(t *testing.T, list []Refusal) {
	t.Helper()
	for _, r := range list {
		err := buildError(t, r)
		if err == nil {
			t.Errorf("%s %v: no error, want one about %q", r.Op, r.Attrs, r.Says)
			continue
		}
		if !strings.Contains(err.Error(), r.Says) || !errors.Is(err, op.ErrShape) &&
			!errors.Is(err, op.ErrUnsupported) {
			t.Errorf("%s: error %q, want it to say %q", r.Op, err, r.Says)
		}
	}
}

func buildError(t *testing.T, r Refusal) error {
	t.Helper()
	n := &onnxpb.NodeProto{OpType: proto.String(r.Op), Attribute: r.Attrs,
		Name: proto.String("node"), Output: []string{"y"}}
	c := &op.Call{Node: n, Name: "node", Opset: r.Opset, Outs: 1}
	for i, v := range r.Inputs {
		n.Input = append(n.Input, fmt.Sprint("x", i))
		if v == nil {
			c.In = append(c.In, nil)
			continue
		}
		in := &op.Input{Spec: v.Spec()}
		if !v.Spec().IsFloat() {
			in.Const = v
		}
		c.In = append(c.In, in)
	}
	_, _, err := table.Find(n, r.Opset).Build(c)
	return err
}
