package main

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/cmd/softmerge/internal/exit"
	"github.com/softmerge/softmerge/cmd/softmerge/internal/terminal"
)

// TestExitCodesAreExplained: every code has a line in the help topic.
func TestExitCodesAreExplained(t *testing.T) {
	for _, code := range []int{exit.Done, exit.Failure, exit.Usage, exit.NoGain, exit.Align, exit.Unsupported,
		exit.Invalid,
		exit.Data, exit.Interrupted} {
		if !strings.Contains("\n"+helpExitCodes, fmt.Sprintf("\n  %-3d  ", code)) {
			t.Errorf("help does not explain exit code %d", code)
		}
	}
}

// TestEveryFlagIsExplained: help is where users look first.
func TestEveryFlagIsExplained(t *testing.T) {
	root := newRoot(&terminal.Voice{})
	for _, c := range root.Commands() {
		if c.Short == "" || c.Long == "" && c.Name() != "completion" {
			t.Errorf("%s has no help", c.Name())
		}
		for _, line := range strings.Split(c.Flags().FlagUsages(), "\n") {
			if fields := strings.Fields(line); len(fields) == 1 {
				t.Errorf("%s: %s is not explained", c.Name(), fields[0])
			}
		}
	}
}

// TestRules: each flag that makes no sense is refused by its name, before any file is looked at.
func TestRules(t *testing.T) {
	right := func() *mergeFlags {
		return &mergeFlags{out: "out.onnx", methodFlags: methodFlags{method: "soft"}, permute: "auto",
			holdout: 0.2, epochs: 1, maxSteps: 1, rounds: 1, rate: 1, l0: 0, dryRun: true,
			dataFlags: dataFlags{data: []string{"data.npz"}, batch: 1, memory: -1, disk: -1}}
	}
	if err := right().check(); err != nil {
		t.Fatalf("right flags: %v", err)
	}
	for want, set := range map[string]func(*mergeFlags){
		"no output file":        func(f *mergeFlags) { f.out, f.dryRun = "", false },
		"--method soft learns":  func(f *mergeFlags) { f.data = nil },
		"--permute activations": func(f *mergeFlags) { f.data, f.method, f.permute = nil, "uniform", "activations" },
		"--holdout-data": func(f *mergeFlags) {
			f.data, f.method, f.holdoutData = nil, "uniform",
				[]string{"a"}
		},
		"--holdout 1":             func(f *mergeFlags) { f.holdout = 1 },
		"--holdout NaN":           func(f *mergeFlags) { f.holdout = math.NaN() },
		"--epochs 0":              func(f *mergeFlags) { f.epochs = 0 },
		"--rounds 0":              func(f *mergeFlags) { f.rounds = 0 },
		"--max-steps -1":          func(f *mergeFlags) { f.maxSteps = -1 },
		"--lr 0":                  func(f *mergeFlags) { f.rate = 0 },
		"--lr +Inf":               func(f *mergeFlags) { f.rate = math.Inf(1) },
		"--lr NaN":                func(f *mergeFlags) { f.rate = math.NaN() },
		"--l0 -1":                 func(f *mergeFlags) { f.l0 = -1 },
		"--l0 +Inf":               func(f *mergeFlags) { f.l0 = math.Inf(1) },
		"--batch-size 0":          func(f *mergeFlags) { f.batch = 0 },
		"--threads -1":            func(f *mergeFlags) { f.threads = -1 },
		"--threads 2000":          func(f *mergeFlags) { f.threads = 2000 },
		"--data a is given twic":  func(f *mergeFlags) { f.data = []string{"a", "a"} },
		"2 labels are given":      func(f *mergeFlags) { f.labels = []string{"a=x", "y"} },
		`"a" has two labels`:      func(f *mergeFlags) { f.labels = []string{"a=x", "a=y"} },
		"a name is missing":       func(f *mergeFlags) { f.labels = []string{"a="} },
		"--model-output too":      func(f *mergeFlags) { f.labels, f.output = []string{"a=x"}, "a" },
		"--loss entropy":          func(f *mergeFlags) { f.labels, f.loss.all = []string{"a=x", "b=y"}, "entropy" },
		"--loss b=mse":            func(f *mergeFlags) { f.labels, f.loss.of = []string{"a=x"}, []assigned{{"b", "mse"}} },
		"--loss-weight a=0":       func(f *mergeFlags) { f.labels, f.weights = []string{"a=x"}, []string{"a=0"} },
		"of an output is missing": func(f *mergeFlags) { f.labels, f.weights = []string{"a=x"}, []string{"2"} },
	} {
		f := right()
		set(f)
		if err := f.check(); !errors.Is(err, exit.ErrUsage) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
