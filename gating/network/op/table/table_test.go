package table_test

import (
	"fmt"
	"testing"

	"github.com/softmerge/softmerge/gating/network/op/table"
	"github.com/softmerge/softmerge/onnx/onnxpb"
	"google.golang.org/protobuf/proto"
)

// TestFindTakesTheNewestForm: of the forms of an operator, the newest that an opset has.
func TestFindTakesTheNewestForm(t *testing.T) {
	for name, forms := range table.Forms {
		n := &onnxpb.NodeProto{OpType: proto.String(name)}
		for i, e := range forms {
			if i > 0 && e.Since >= forms[i-1].Since {
				t.Errorf("%s: form %d since opset %d stands behind one since %d", name, i, e.Since, forms[i-1].Since)
			}
			if got := table.Find(n, e.Since); got == nil || got.Since != e.Since {
				t.Errorf("%s at opset %d: got %v", name, e.Since, got)
			}
		}
		oldest := forms[len(forms)-1]
		if table.Find(n, oldest.Since-1) != nil || table.FindOrOldest(n, oldest.Since-1).Since != oldest.Since {
			t.Errorf("%s before opset %d: want nothing, or the oldest form", name, oldest.Since)
		}
	}
}

// Example looks an operator up.
func Example() {
	n := &onnxpb.NodeProto{OpType: proto.String("Gelu"), Domain: proto.String("com.microsoft")}
	fmt.Println(table.Find(n, 1).Name, table.Find(n, 1).Grad)
	n.Domain = proto.String("ai.onnx")
	fmt.Println(table.Find(n, 19) == nil, table.Find(n, 20).Name)
	// Output:
	// com.microsoft.Gelu full
	// true Gelu
}
