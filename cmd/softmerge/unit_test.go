package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/advice"
)

func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{
		{errors.New("anything"), 1},
		{usagef("", "wrong flag"), 2},
		{graphmatch.ErrPattern, 2},
		{gating.ErrNoGain, 3},
		{graphmatch.ErrAlign, 4},
		{network.ErrUnsupported, 5},
		{onnx.ErrInvalid, 6},
		{network.ErrShape, 6},
		{gating.ErrRecipe, 6},
		{dataset.ErrData, 7},
		{errInterrupted, 130},
		{context.Canceled, 130},
	} {
		for _, err := range []error{c.err, fmt.Errorf("in a file: %w", c.err), advice.With(c.err, "do"), errors.Join(errors.New("other"), c.err)} {
			if got := exitCode(err); got != c.want {
				t.Errorf("%v: exit code %d, want %d", err, got, c.want)
			}
		}
	}
}

// TestExitCodesAreExplained: every code has a line in the help topic.
func TestExitCodesAreExplained(t *testing.T) {
	for _, code := range []int{exitDone, exitFailure, exitUsage, exitNoGain, exitAlign, exitUnsupported, exitInvalid, exitData, exitInterrupted} {
		if !strings.Contains("\n"+helpExitCodes, fmt.Sprintf("\n  %-3d  ", code)) {
			t.Errorf("help does not explain exit code %d", code)
		}
	}
}

func TestGuard(t *testing.T) {
	err := guard(func() error { panic("index out of range") })
	if err == nil || exitCode(err) != exitFailure || strings.Contains(err.Error(), "goroutine") {
		t.Errorf("a panic becomes %v", err)
	}
}

func TestTable(t *testing.T) {
	var out bytes.Buffer
	v := &voice{out: &out}
	rows := [][]string{{"name", "size", "why"}, {"é", "5", ""}, {"conv\x1b[2J", "100", ""}}
	if err := v.table(rows, "size"); err != nil {
		t.Fatal(err)
	}
	want := "name      size\né            5\nconv?[2J   100\n"
	if out.String() != want {
		t.Errorf("got\n%s want\n%s", out.String(), want)
	}
}

func TestWrapped(t *testing.T) {
	text := "one two three four five six seven"
	if got := wrapped(text, 0); len(got) != 1 {
		t.Errorf("no width: %q", got)
	}
	got := wrapped(text, minWrapped)
	if strings.Join(got, " ") != text || len(got) != 2 {
		t.Errorf("got %q", got)
	}
	for _, line := range got {
		if len(line) > minWrapped {
			t.Errorf("%q is longer than %d", line, minWrapped)
		}
	}
}

func TestBytesText(t *testing.T) {
	for n, want := range map[int64]string{0: "0 bytes", 999: "999 bytes", 1000: "1.0 kB", 999_949: "999.9 kB", 999_950: "1.0 MB", 2_000_000_000: "2.0 GB"} {
		if got := bytesText(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
}

func TestShort(t *testing.T) {
	names := strings.Fields("a b c d e f g h i j k")
	if got := short(names[:9]); got != "a, b, c, d, e, f, g, h, i" {
		t.Errorf("nine names: %s", got)
	}
	if got := short(names); got != "a, b, c, d, e, f, g, h and 3 more" {
		t.Errorf("eleven names: %s", got)
	}
}

func TestOrList(t *testing.T) {
	for want, words := range map[string][]string{"": nil, "a": {"a"}, "a or b": {"a", "b"}, "a, b or c": {"a", "b", "c"}} {
		if got := orList(words); got != want {
			t.Errorf("%v is %q, want %q", words, got, want)
		}
	}
}

// TestEveryFlagIsExplained: help is where users look first.
func TestEveryFlagIsExplained(t *testing.T) {
	root := newRoot(&voice{})
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

// TestErrorsAreShort: a file that breaks a thousand rules gets a few lines.
func TestErrorsAreShort(t *testing.T) {
	var many []error
	for i := range 1000 {
		many = append(many, fmt.Errorf("violation %d: %w", i, onnx.ErrInvalid))
	}
	err := firstFew(errors.Join(many...))
	if lines := strings.Count(err.Error(), "\n") + 1; lines != maxListed+1 || !errors.Is(err, onnx.ErrInvalid) {
		t.Errorf("%d lines: %v", lines, err)
	}
	if !strings.HasSuffix(err.Error(), "and 995 more") {
		t.Errorf("ends with %q", err.Error()[len(err.Error())-20:])
	}
}
