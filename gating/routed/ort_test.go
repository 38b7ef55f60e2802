package routed_test

import (
	"bufio"
	"encoding/json"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/onnx"
)

// runtime is ONNX Runtime in a process of its own.
type runtime struct {
	in  io.WriteCloser
	out *bufio.Reader
}

// startRuntime starts it where ORT_NODE_MODULES names a folder that has it; elsewhere it returns nil.
func startRuntime(t *testing.T) *runtime {
	t.Helper()
	if os.Getenv("ORT_NODE_MODULES") == "" {
		return nil
	}
	cmd := exec.Command("node", filepath.Join("..", "..", ".ci", "ortserve.mjs"))
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
		cmd.Wait()
	})
	return &runtime{in, bufio.NewReader(out)}
}

// array is a tensor as the process reads and writes it.
type array struct {
	Type string    `json:"type"`
	Dims []int     `json:"dims"`
	Data []float64 `json:"data"`
}

// arrayOf is a tensor for the process.
func arrayOf(t *network.Tensor) array {
	a := array{Type: t.Type.String(), Dims: append([]int{}, t.Shape...), Data: []float64{}}
	for _, v := range t.F {
		a.Data = append(a.Data, float64(v))
	}
	for _, v := range t.I {
		a.Data = append(a.Data, float64(v))
	}
	return a
}

// request is a run of a model file.
type request struct {
	Model    string           `json:"model"`
	Feeds    map[string]array `json:"feeds"`
	Optimise bool             `json:"optimise"`
	Save     string           `json:"save,omitempty"` // file for the graph that was optimised
}

// requested is a run of a file on inputs.
func requested(path string, inputs map[string]*network.Tensor, optimise bool) request {
	q := request{Model: path, Feeds: map[string]array{}, Optimise: optimise}
	for name, in := range inputs {
		q.Feeds[name] = arrayOf(in)
	}
	return q
}

// run gives the outputs of a model file, or what is said against it.
func (r *runtime) run(t *testing.T, q request) (map[string]array, string) {
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
		Outputs map[string]array
		Error   string
	}
	if err := json.Unmarshal(line, &answer); err != nil {
		t.Fatal(err)
	}
	return answer.Outputs, answer.Error
}

// check compares what ONNX Runtime computes with what we do, its graph optimised and as it is.
func (r *runtime) check(t *testing.T, path string, inputs map[string]*network.Tensor, want []float32) {
	t.Helper()
	if r == nil {
		return
	}
	for _, optimise := range []bool{false, true} {
		outs, problem := r.run(t, requested(path, inputs, optimise))
		if problem != "" {
			t.Fatalf("optimised %v: %s", optimise, problem)
		}
		off := math.Inf(1)
		for _, out := range outs { // of a classifier one is the class itself
			off = min(off, apart(want, out.Data))
		}
		if !(off <= 1e-5*largest(want)) {
			t.Errorf("optimised %v: ONNX Runtime is %g off", optimise, off)
		}
	}
}

// written is the path of a model's file.
func written(t *testing.T, m *onnx.Model) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "model.onnx")
	if err := onnx.WriteFile(path, m, onnx.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	return path
}
