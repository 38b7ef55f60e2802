package network

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// notDifferentiated lists operators that ONNX marks differentiable and that have
// no gradient here, each with the reason.
var notDifferentiated = map[string]string{
	"Hardmax": "piecewise constant: its gradient is zero almost everywhere",
}

// TestGradientsFollowTheStandard holds the operator table against the marks of
// ONNX's documentation: an operator with a differentiable input has a gradient,
// one without any has none, or a gradient of zero.
func TestGradientsFollowTheStandard(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("testdata", "differentiable.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, line := range strings.Split(strings.TrimSpace(string(data)), "\n")[1:] {
		f := strings.Split(line, "\t")
		entries := table[[2]string{"", f[0]}]
		if len(entries) == 0 {
			continue
		}
		checked++
		marked := strings.Contains(strings.Join(f[2:], " "), "yes")
		full := entries[0].grad == gradFull
		switch {
		case marked && !full && notDifferentiated[f[0]] == "":
			t.Errorf("%s: ONNX marks an input differentiable (%v), the table says %s", f[0], f[2:], entries[0].grad)
		case marked && full && notDifferentiated[f[0]] != "":
			t.Errorf("%s has a gradient: take it off the list", f[0])
		}
	}
	if checked < 100 {
		t.Errorf("only %d operators of the standard are in the table", checked)
	}
}
