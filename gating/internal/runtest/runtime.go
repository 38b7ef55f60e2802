package runtest

import (
	"bufio"
	"encoding/json"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/onnx"
)

// Runtime is ONNX Runtime in a process of its own.
type Runtime struct {
	in  io.WriteCloser
	out *bufio.Reader
}

// StartRuntime starts it where ORT_NODE_MODULES names a folder that has it; elsewhere it returns nil.
func StartRuntime(t testing.TB) *Runtime {
	t.Helper()
	if os.Getenv("ORT_NODE_MODULES") == "" {
		return nil
	}
	cmd := exec.Command("node", gatetest.Path(t, "..", ".ci", "ortserve.mjs"))
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	return &Runtime{in, bufio.NewReader(out)}
}

// Array is a tensor as the process reads and writes it.
type Array struct {
	Type string    `json:"type"`
	Dims []int     `json:"dims"`
	Data []float64 `json:"data"`
}

// arrayOf is a tensor for the process.
func arrayOf(t *network.Tensor) Array {
	a := Array{Type: t.Type.String(), Dims: append([]int{}, t.Shape...), Data: []float64{}}
	for _, v := range t.F {
		a.Data = append(a.Data, float64(v))
	}
	for _, v := range t.I {
		a.Data = append(a.Data, float64(v))
	}
	return a
}

// Request is a run of a model file.
type Request struct {
	Model    string           `json:"model"`
	Feeds    map[string]Array `json:"feeds"`
	Optimise bool             `json:"optimise"`
	Save     string           `json:"save,omitempty"` // file for the graph that was optimised
}

// Requested is a run of a file on inputs.
func Requested(path string, inputs map[string]*network.Tensor, optimise bool) Request {
	q := Request{Model: path, Feeds: map[string]Array{}, Optimise: optimise}
	for name, in := range inputs {
		q.Feeds[name] = arrayOf(in)
	}
	return q
}

// Run gives the outputs of a model file, or what is said against it.
func (r *Runtime) Run(t testing.TB, q Request) (map[string]Array, string) {
	t.Helper()
	line, err := json.Marshal(q)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = r.in.Write(append(line, '\n')); err != nil {
		t.Fatal(err)
	}
	if line, err = r.out.ReadBytes('\n'); err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Outputs map[string]Array
		Error   string
	}
	if err := json.Unmarshal(line, &answer); err != nil {
		t.Fatal(err)
	}
	return answer.Outputs, answer.Error
}

// Check compares what ONNX Runtime computes with what we do, its graph optimised and as it is.
func (r *Runtime) Check(t testing.TB, path string, inputs map[string]*network.Tensor, want []float32) {
	t.Helper()
	if r == nil {
		return
	}
	for _, optimise := range []bool{false, true} {
		outs, problem := r.Run(t, Requested(path, inputs, optimise))
		if problem != "" {
			t.Fatalf("optimised %v: %s", optimise, problem)
		}
		off := math.Inf(1)
		for _, out := range outs { // of a classifier one is the class itself
			off = min(off, Apart(want, out.Data))
		}
		if !(off <= 1e-5*Largest(want)) {
			t.Errorf("optimised %v: ONNX Runtime is %g off", optimise, off)
		}
	}
}

// File is the path of a model's file.
func File(t testing.TB, m *onnx.Model) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "model.onnx")
	if err := onnx.WriteFile(path, m, onnx.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	return path
}
