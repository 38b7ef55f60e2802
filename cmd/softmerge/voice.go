package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/onnx/advice"

	"golang.org/x/term"
)

// The voice of the program:
//
//   - Messages are lower case, without a full stop, and say which file, node or
//     tensor, what was found and what was wanted. A hint says what to do.
//   - Standard output carries results only. With --json it carries one object,
//     also when the command fails.
//   - --quiet silences everything but results and errors.
type voice struct {
	out, err    io.Writer
	json, quiet bool
}

// say prints a message.
func (v *voice) say(format string, args ...any) {
	if !v.quiet {
		fmt.Fprintln(v.err, printable(fmt.Sprintf("softmerge: "+format, args...)))
	}
}

// fail prints an error and its hint.
func (v *voice) fail(err error) {
	hint := advice.Hint(err)
	fmt.Fprintf(v.err, "softmerge: error: %s\n", strings.ReplaceAll(printable(err.Error()), "\n", "\nsoftmerge: error: "))
	if hint != "" {
		fmt.Fprintf(v.err, "softmerge: hint: %s\n", printable(hint))
	}
	if v.json {
		var j *judged
		var candidates []gating.ReportCandidate
		if errors.As(err, &j) {
			candidates = j.candidates
		}
		v.object(struct {
			Error      string                   `json:"error"`
			Hint       string                   `json:"hint"`
			Code       int                      `json:"code"`
			Candidates []gating.ReportCandidate `json:"candidates,omitempty"` // if the merge got as far as judging them
		}{err.Error(), hint, exitCode(err), candidates})
	}
}

// printable keeps names from untrusted files from driving the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return '?'
		}
		return r
	}, s)
}

// object prints a result as JSON.
func (v *voice) object(o any) error {
	e := json.NewEncoder(v.out)
	e.SetEscapeHTML(false)
	return e.Encode(o)
}

// terminal says whether messages go to a terminal.
func (v *voice) terminal() bool {
	f, ok := v.err.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
