package graphmatch

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/fixtures"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// Every real file with weights aligns with itself rewritten in every way: each layer with the one that holds
// the same values.
func TestRewrittenRealFilesAlign(t *testing.T) {
	aligned, weighted := 0, 0
	for i, path := range fixtures.RealFiles(t) {
		if testing.Short() && i%8 > 0 {
			continue
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		base, err := onnx.Parse(data, "")
		if err != nil {
			continue
		}
		a, err := Align([]*onnx.Model{base, base}, 0)
		if err != nil || len(a.Layers) == 0 {
			continue
		}
		weighted++
		good := true
		for _, name := range slices.Sorted(maps.Keys(rewrites)) {
			m := &onnxpb.ModelProto{}
			if err := proto.Unmarshal(data, m); err != nil {
				t.Fatal(err)
			}
			if why := rewrittenApart(t, base, m, rewrites[name]); why != "" {
				good = false
				t.Errorf("%s, %s: %s", strings.TrimSuffix(filepath.Base(path), ".onnx"), name, why)
			}
		}
		if good {
			aligned++
		}
	}
	fmt.Printf("real files: %d of %d with layers align with themselves after all of %d rewrites\n", aligned, weighted,
		len(rewrites))
}

// rewrittenApart says how a model and its rewritten form fail to align, "" when all layers hold equal values.
func rewrittenApart(t testing.TB, base *onnx.Model, m *onnxpb.ModelProto, r rewrite) string {
	r(t, m, rand.New(rand.NewPCG(1, 7)))
	data, err := proto.Marshal(m)
	if err != nil {
		return err.Error()
	}
	second, err := onnx.Parse(data, "")
	if err != nil {
		return err.Error()
	}
	a, err := Align([]*onnx.Model{base, second}, 0)
	if err != nil {
		return err.Error()
	}
	for _, l := range a.Layers {
		if l.Status != Identical {
			return fmt.Sprintf("layer %s (%s) is %s: %s", l.Name, l.Op, l.Status, l.Reason)
		}
	}
	return ""
}
