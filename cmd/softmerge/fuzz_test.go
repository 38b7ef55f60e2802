package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/cmd/softmerge/internal/exit"
	"github.com/softmerge/softmerge/cmd/softmerge/internal/terminal"
)

// FuzzModelFile feeds any bytes as a model to the commands that read models. Whatever they are, the exit code
// is one of the contract, no stack trace is seen, and a refusal leaves nothing behind.
func FuzzModelFile(f *testing.F) {
	valid, err := filepath.Abs(filepath.Join(fixtures(), "hostile", "valid.onnx"))
	if err != nil {
		f.Fatal(err)
	}
	for name, code := range hostileFiles(f) {
		if code != exit.Invalid {
			continue
		}
		data, err := os.ReadFile(filepath.Join(fixtures(), "hostile", filepath.FromSlash(name)))
		if err != nil {
			f.Fatal(err)
		}
		if len(data) < 1<<12 {
			f.Add(data)
		}
	}
	data, err := os.ReadFile(valid)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		path, out := filepath.Join(dir, "m.onnx"), filepath.Join(dir, "out.onnx")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		survives(t, "inspect", path)
		survives(t, "match", valid, path)
		survives(t, "diff", path, valid)
		if code := survives(t, "merge", path, valid, "-o", out, "--method", "uniform"); code != exit.Done {
			if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
				t.Errorf("exit code %d, leaves %v behind, %v", code, left, err)
			}
		}
	})
}

// survives runs a command whose outcome is open and returns its exit code.
func survives(t *testing.T, args ...string) int {
	t.Helper()
	got := command(args...)
	switch got.code {
	case exit.Done, exit.Usage, exit.Align, exit.Unsupported, exit.Invalid:
	default:
		t.Errorf("%v: exit code %d: %s", args, got.code, got.stderr)
	}
	if trace := stackTrace(got.stderr); trace != "" {
		t.Errorf("%v: a user sees %q in %s", args, trace, got.stderr)
	}
	if (got.code == exit.Done) == strings.Contains(got.stderr, "softmerge: error: ") {
		t.Errorf("%v: exit code %d says %q", args, got.code, got.stderr)
	}
	return got.code
}

// FuzzRecipe feeds any bytes as a recipe to apply.
func FuzzRecipe(f *testing.F) {
	valid := filepath.Join(fixtures(), "hostile", "valid.onnx")
	sum := command("inspect", "--json", valid)
	_, rest, _ := strings.Cut(sum.stdout, `"sha256":"`)
	hash, _, _ := strings.Cut(rest, `"`)
	head := `{"softmerge_recipe":1,"method":"soft","chosen":"soft:layer","granularity":"layer","seed":1,` +
		`"base":0,"parents":["` + hash + `"],"layers":`
	for _, layers := range []string{
		`[]}`, `null}`, `[{"layer":"W","roles":["weight","bias"],"coefficients":[[1]]}]}`,
		`[{"layer":"W","roles":["weight","bias"],"coefficients":[[1,1]]}]}`,
		`[{"layer":"W","roles":[],"coefficients":[[]]}]}`,
		`[],"statistics":[{"node":"x","mean":[1],"variance":[1]}]}`,
	} {
		f.Add([]byte(head + layers))
	}
	f.Add([]byte(`{"softmerge_recipe":1,"parents":[],"base":-1}`))
	f.Add([]byte("[[[["))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		recipe := filepath.Join(dir, "r.json")
		if err := os.WriteFile(recipe, data, 0o600); err != nil {
			t.Fatal(err)
		}
		code := survives(t, "apply", recipe, valid, "-o", filepath.Join(dir, "out.onnx"))
		if left, err := os.ReadDir(dir); err != nil || code != exit.Done && len(left) != 1 {
			t.Errorf("exit code %d, leaves %v behind, %v", code, left, err)
		}
	})
}

// FuzzConfig feeds any bytes as a file of flags: it is understood, or refused as a usage error.
func FuzzConfig(f *testing.F) {
	for _, text := range []string{"models: [a.onnx, b.onnx]\nmethod: ties\nparam: {density: 0.2}", "a: &x [*x]", "- 1",
		"models:\n  - {model: a, weight: 1e999}", "only: {a: b}", "seed: ~", "---\n---\n", "\x00", "? [a]\n: b"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(t.TempDir(), "merge.yaml")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := applyConfig(newMerge(&terminal.Voice{}), path, nil); err != nil && exit.Code(err) != exit.Usage {
			t.Errorf("%q: exit code %d: %v", text, exit.Code(err), err)
		}
	})
}

// FuzzParams feeds any text to --param: it is understood, or refused as a usage error.
func FuzzParams(f *testing.F) {
	for _, text := range []string{"density=0.2", "ties.lambda=1e308", "weights=1,2", "weights=,", "=", "a=NaN", "density= 1 "} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		flags := methodFlags{method: "ties", params: []string{text}}
		if err := flags.check(); err != nil && exit.Code(err) != exit.Usage {
			t.Errorf("%q: exit code %d: %v", text, exit.Code(err), err)
		}
	})
}
