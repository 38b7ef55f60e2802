package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets scripts run the program as "softmerge".
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"softmerge": main})
}

// TestScripts replays what users do and complain about: testdata/script.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(env *testscript.Env) error {
			root, err := filepath.Abs(fixtures())
			env.Setenv("FIXTURES", root)
			return err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":   exits,
			"folder":  folder,
			"changed": changed,
			"json":    validJSON,
			"npz":     makeNPZ,
		},
	})
}

// fixtures is the folder of real models and data.
func fixtures() string { return filepath.Join("..", "..", "fixtures") }

// exits runs a program that has to end with a code: exits CODE PROGRAM ARGS...
// Whatever the code, a user sees no stack trace.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGS...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := err.(*exec.ExitError)
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
	if trace := stackTrace(ts.ReadFile("stderr")); trace != "" {
		ts.Fatalf("stderr has %q", trace)
	}
}

// stackTrace finds a sign of a panic in what a user sees.
func stackTrace(s string) string {
	for _, sign := range []string{"goroutine ", "runtime error", "panic:", "internal error"} {
		if strings.Contains(s, sign) {
			return sign
		}
	}
	return ""
}

// folder checks that a folder holds just the files named, hidden ones included: folder DIR FILES...
func folder(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: folder DIR FILES...")
	}
	entries, err := os.ReadDir(ts.MkAbs(args[0]))
	ts.Check(err)
	var names []string
	for _, e := range entries {
		if e.Name() != ".tmp" { // the script's own
			names = append(names, e.Name())
		}
	}
	want := slices.Clone(args[1:])
	slices.Sort(want)
	if !slices.Equal(names, want) {
		ts.Fatalf("%s holds %v, want %v", args[0], names, want)
	}
}

// changed checks that just the initializers named differ between two models, in
// any bit, type or shape: changed A B NAMES...
func changed(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: changed A B NAMES...")
	}
	got, err := changedTensors(ts.MkAbs(args[0]), ts.MkAbs(args[1]))
	ts.Check(err)
	want := slices.Clone(args[2:])
	slices.Sort(want)
	if !slices.Equal(got, want) {
		ts.Fatalf("changed: %v, want %v", got, want)
	}
}

// validJSON checks that standard output is one object with just the fields of the contract: json KIND
func validJSON(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: json KIND")
	}
	ts.Check(checkContract(args[0], []byte(ts.ReadFile("stdout"))))
}
