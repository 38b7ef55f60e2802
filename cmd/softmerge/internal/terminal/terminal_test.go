package terminal

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/softmerge/softmerge/onnx/advice"
)

func TestSay(t *testing.T) {
	var out, errs bytes.Buffer
	v := &Voice{Out: &out, Err: &errs}
	v.Say("merging %s", "conv\x1b[2J")
	(&Voice{Out: &out, Err: &errs, Quiet: true}).Say("never seen")
	if got, want := errs.String(), "softmerge: merging conv?[2J\n"; got != want || out.Len() > 0 {
		t.Errorf("got %q, want %q; output %q", got, want, out.String())
	}
}

// A warning is printed once and kept for objects; for the strict it is an error, of its own kind.
func TestWarn(t *testing.T) {
	kind := errors.New("kind")
	var w advice.Warnings
	w.Addf(kind, "scale it", "all inputs are zero")
	var errs bytes.Buffer
	v := &Voice{Err: &errs}
	for range 2 {
		if err := v.Warn(w); err != nil {
			t.Error(err)
		}
	}
	if got := errs.String(); got != "softmerge: warning: all inputs are zero\n" || len(v.Warned()) != 1 {
		t.Errorf("says %q, keeps %q", got, v.Warned())
	}
	v = &Voice{Err: &errs, Strict: true}
	if err := v.Warn(w); !errors.Is(err, kind) || advice.Hint(err) != "scale it" {
		t.Errorf("strict: %v", err)
	}
	if err := v.Warn(nil); err != nil || v.Warned() == nil {
		t.Errorf("nothing to warn of: %v, %#v", err, v.Warned())
	}
}

// Errors are told even if the program is to be quiet, each line for itself.
func TestFail(t *testing.T) {
	var errs bytes.Buffer
	v := &Voice{Err: &errs, Quiet: true}
	v.Fail(advice.With(errors.Join(errors.New("first"), errors.New("second\a")), "do this"))
	v.Fail(errors.New("plain"))
	want := "softmerge: error: first\nsoftmerge: error: second?\nsoftmerge: hint: do this\nsoftmerge: error: plain\n"
	if got := errs.String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestObject(t *testing.T) {
	var out bytes.Buffer
	if err := (&Voice{Out: &out}).Object(map[string]string{"name": "a<b>"}); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), "{\"name\":\"a<b>\"}\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTable(t *testing.T) {
	var out bytes.Buffer
	v := &Voice{Out: &out}
	rows := [][]string{{"name", "size", "why"}, {"é", "5", ""}, {"conv\x1b[2J", "100", ""}}
	if err := v.Table(rows, "size"); err != nil {
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

// clock makes progress that goes by a clock of the test's.
func clock(width int) (p *Progress, errs *bytes.Buffer, wait func(time.Duration)) {
	errs = &bytes.Buffer{}
	now := time.Unix(0, 0)
	p = NewProgress(&Voice{Err: errs})
	p.now, p.width = func() time.Time { return now }, width
	return p, errs, func(d time.Duration) { now = now.Add(d) }
}

// Where messages go to a file, a line comes every five seconds and at the end of a round.
func TestProgressInLines(t *testing.T) {
	p, errs, wait := clock(0)
	for step := 1; step <= 10; step++ {
		p.Step(step, 10, "gates by layer", "loss 0.5000")
		wait(2 * time.Second)
	}
	p.Close()
	want := `softmerge: gates by layer: step 4 of 10, loss 0.5000, 9s left
softmerge: gates by layer: step 7 of 10, loss 0.5000, 5s left
softmerge: gates by layer: 10 steps, loss 0.5000
`
	if got := errs.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// On a terminal one line is drawn over again, not more often than an eye can follow, and removed at the end.
func TestProgressAsBar(t *testing.T) {
	p, errs, wait := clock(200)
	for step := 1; step <= 30; step++ {
		p.Step(step, 30, "gates by layer", "loss 0.5000")
		wait(10 * time.Millisecond)
	}
	p.Step(1, 2, "gates by channel", "loss 0.4000") // another round
	p.Close()
	p.Close()
	lines := strings.Split(errs.String(), "\r\x1b[K")
	want := []string{
		"",
		"gates by layer, loss 0.5000 [=                             ] 1/30, 0s left",
		"gates by layer, loss 0.5000 [===========                   ] 11/30, 0s left",
		"gates by layer, loss 0.5000 [=====================         ] 21/30, 0s left",
		"",
		"gates by channel, loss 0.4000 [===============               ] 1/2, 0s left",
		"",
	}
	if strings.Join(lines, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
}

func TestProgressFitsTheTerminal(t *testing.T) {
	p, errs, _ := clock(20)
	p.Step(1, 2, "gates by ééééééééééééééééééé\x1b[2J", "loss 0.5")
	line := strings.TrimPrefix(errs.String(), "\r\x1b[K")
	if n := utf8.RuneCountInString(line); n != 19 || strings.ContainsRune(line, '\x1b') || !utf8.ValidString(line) {
		t.Errorf("%d characters: %q", n, line)
	}
}

func TestQuietProgress(t *testing.T) {
	var errs bytes.Buffer
	p := NewProgress(&Voice{Err: &errs, Quiet: true})
	p.Step(1, 1, "gates", "loss")
	p.Close()
	if errs.Len() > 0 {
		t.Errorf("says %q", errs.String())
	}
}
