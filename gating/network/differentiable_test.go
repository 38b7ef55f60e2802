package network

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/gating/network/op/table"
)

// notDifferentiated lists operators that ONNX marks differentiable and that have
// no gradient here, each with the reason.
var notDifferentiated = map[string]string{
	"Hardmax": "piecewise constant: its gradient is zero almost everywhere",
}

// marks are what ONNX's documentation says of one operator.
type marks struct {
	op      string
	inputs  []string
	outputs []string
}

// standardMarks reads the marks of all operators.
func standardMarks(t *testing.T) (list []marks) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "differentiable.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(strings.TrimSpace(string(data)), "\n")[1:] {
		in, out, _ := strings.Cut(line, "|")
		f := strings.Fields(in)
		list = append(list, marks{f[0], f[2:], strings.Fields(out)})
	}
	return list
}

// TestGradientsFollowTheStandard holds the operator table against the marks of
// ONNX's documentation: an operator with a differentiable input has a gradient,
// one without any has none, or a gradient of zero.
func TestGradientsFollowTheStandard(t *testing.T) {
	checked := 0
	for _, m := range standardMarks(t) {
		entries := table.Forms[m.op]
		if len(entries) == 0 {
			continue
		}
		checked++
		marked := slices.Contains(m.inputs, "yes")
		full := entries[0].Grad == op.Full
		switch {
		case marked && !full && notDifferentiated[m.op] == "":
			t.Errorf("%s: ONNX marks an input differentiable (%v), the table says %s", m.op, m.inputs, entries[0].Grad)
		case marked && full && notDifferentiated[m.op] != "":
			t.Errorf("%s has a gradient: take it off the list", m.op)
		}
	}
	if checked < 100 {
		t.Errorf("only %d operators of the standard are in the table", checked)
	}
}

// TestEveryMarkedInput checks that the random nodes of TestEveryGradient reach every input and output that ONNX marks
// differentiable.
func TestEveryMarkedInput(t *testing.T) {
	for _, m := range standardMarks(t) {
		if gradientDraws[m.op] == nil {
			continue
		}
		inputs, outputs := drawnSlots(m.op)
		for i, mark := range m.inputs {
			if mark == "yes" && !inputs[i] {
				t.Errorf("%s: input %d is marked differentiable and no random node checks its gradient", m.op, i)
			}
		}
		for k, mark := range m.outputs {
			if mark == "yes" && k >= outputs {
				t.Errorf("%s: output %d is marked differentiable and no random node has it", m.op, k)
			}
		}
	}
}

// drawnSlots returns the inputs that a form's random nodes ask the gradient for, and the most outputs they have.
func drawnSlots(form string) (inputs map[int]bool, outputs int) {
	inputs, outputs = map[int]bool{}, 1
	for seed := range uint64(drawsEach) {
		c := gradientDraws[form](newDraw(seed<<8 + uint64(len(form))))
		for _, i := range c.Wrt {
			inputs[i] = true
		}
		outputs = max(outputs, c.Outputs)
	}
	return inputs, outputs
}
