// Package terminal is the voice of the program: messages, tables, objects and progress.
//
//   - Messages are lower case, without a full stop, and say which file, node or tensor, what was found and
//     what was wanted. A hint says what to do. They go to standard error.
//   - Standard output carries results only: tables, or with --json one object, also when the command fails.
//   - --quiet silences everything but results and errors.
//   - Whatever comes from a file is printed through [Printable].
package terminal

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/term"

	"github.com/softmerge/softmerge/onnx/advice"
)

// Voice is where a command speaks, and how.
type Voice struct {
	Out, Err            io.Writer // results; messages
	JSON, Quiet, Strict bool      // the flags of these names
	Columns             int       // width of the terminal that results go to; 0 asks it
	warned              advice.Warnings
	noted               []string
}

// Say prints a message, unless the program is to be quiet.
func (v *Voice) Say(format string, args ...any) {
	if !v.Quiet {
		fmt.Fprintln(v.Err, Printable(fmt.Sprintf("softmerge: "+format, args...)))
	}
}

// Warn prints warnings that were not printed yet, and keeps them for [Voice.Warned]. Where the user is strict they are
// not printed but returned as an error.
func (v *Voice) Warn(list advice.Warnings) error {
	if v.Strict {
		return list.Err()
	}
	before := len(v.warned)
	v.warned.Add(list...)
	for _, w := range v.warned[before:] {
		v.Say("warning: %v", w)
	}
	return nil
}

// Warned returns the text of every warning so far, for objects: an empty list if there is none.
func (v *Voice) Warned() []string { return v.warned.Texts() }

// Note prints what the program took without being told, once, and keeps it for [Voice.Noted].
func (v *Voice) Note(notes ...string) {
	for _, note := range notes {
		if !slices.Contains(v.noted, note) {
			v.noted = append(v.noted, note)
			v.Say("%s", note)
		}
	}
}

// Noted returns every note so far, for objects: an empty list if there is none.
func (v *Voice) Noted() []string { return append([]string{}, v.noted...) }

// Fail prints an error and its hint.
func (v *Voice) Fail(err error) {
	message := strings.ReplaceAll(Printable(err.Error()), "\n", "\nsoftmerge: error: ")
	fmt.Fprintf(v.Err, "softmerge: error: %s\n", message)
	if hint := advice.Hint(err); hint != "" {
		fmt.Fprintf(v.Err, "softmerge: hint: %s\n", Printable(hint))
	}
}

// Line prints a line of a result, broken between words where a terminal is narrower.
func (v *Voice) Line(format string, args ...any) error {
	text := Printable(fmt.Sprintf(format, args...))
	_, err := fmt.Fprintln(v.Out, strings.Join(wrapped(text, v.Width()), "\n"))
	return err
}

// Object prints a result as JSON.
func (v *Voice) Object(o any) error {
	e := json.NewEncoder(v.Out)
	e.SetEscapeHTML(false)
	return e.Encode(o)
}

// Width is the width of the terminal that results go to, 0 if it is none.
func (v *Voice) Width() int {
	if v.Columns > 0 {
		return v.Columns
	}
	return width(v.Out)
}

// width is the width of the terminal that w is, 0 if it is none. As elsewhere, the variable COLUMNS is asked first; it
// says nothing of what goes to files and pipes.
func width(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok {
		return 0
	}
	columns, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	if set, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && set > 0 {
		return set
	}
	return columns
}
