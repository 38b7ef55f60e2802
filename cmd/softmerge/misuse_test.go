package main

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/cmd/softmerge/internal/exit"
)

var updateMisuse = flag.Bool("update-misuse", false, "write fixtures/misuse.md anew")

// ending is what may become of a misuse.
type ending string

// Nothing else may happen: above all not a model that is worse than what the user had, without a word.
const (
	isRefused ending = "refused" // an error says what was seen and what to do; nothing is written
	warned    ending = "warned"  // the result is right for what was asked, and a warning says what is odd
	handled   ending = "handled" // the result is as good as without the misuse
)

// misuse is something that users do.
type misuse struct {
	what string                    // in words
	args func(k *kitchen) []string // makes the files, and returns the command line
	end  ending
	code int
	says []string // what the messages have to hold
}

// chapter is misuses of one thing.
type chapter struct {
	title string
	slow  bool // not for -short
	cases []misuse
}

// chapters is the table: fixtures/misuse.md.
func chapters() []chapter {
	return slices.Concat(misusedData(), misusedFiles(), misusedModels(), misusedCommands())
}

// TestMisuse: every misuse ends as the table says, and a refusal leaves nothing behind.
func TestMisuse(t *testing.T) {
	for _, c := range chapters() {
		for _, m := range c.cases {
			t.Run(c.title+"/"+m.what, func(t *testing.T) {
				if c.slow && testing.Short() {
					t.Skip("takes seconds")
				}
				m.check(t)
			})
		}
	}
}

// check runs the command.
func (m misuse) check(t *testing.T) {
	k := &kitchen{T: t, dir: t.TempDir()}
	args := m.args(k)
	before := k.files()
	got := command(args...)
	said := strings.ReplaceAll(got.stdout+got.stderr, k.dir+string(filepath.Separator), "")
	var wrong []string
	for _, words := range m.says {
		if !strings.Contains(said, words) {
			wrong = append(wrong, fmt.Sprintf("it does not say %q", words))
		}
	}
	if got.code != m.code {
		wrong = append(wrong, fmt.Sprintf("exit code %d, want %d", got.code, m.code))
	}
	if trace := stackTrace(said); trace != "" {
		wrong = append(wrong, fmt.Sprintf("a user sees %q", trace))
	}
	switch m.end {
	case isRefused:
		if !strings.Contains(got.stderr, "softmerge: error: ") || m.code == exit.Done {
			wrong = append(wrong, "it is not refused")
		}
		if !slices.Equal(before, k.files()) {
			wrong = append(wrong, "files are not as they were")
		}
	case warned:
		if !strings.Contains(got.stderr, "softmerge: warning: ") {
			wrong = append(wrong, "it warns of nothing")
		}
	}
	if len(wrong) > 0 {
		t.Errorf("%s:\n%s", strings.Join(wrong, "; "), said)
	}
}

// TestMisuseIsRecorded: the table in fixtures/misuse.md is this one.
func TestMisuseIsRecorded(t *testing.T) {
	path := filepath.Join(fixtures(), "misuse.md")
	want := misuseTable()
	if *updateMisuse {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("%v: write it anew: go test ./cmd/softmerge -run Recorded -update-misuse", err)
	}
}

// misuseTable is the table for readers.
func misuseTable() string {
	var s strings.Builder
	n := 0
	for _, c := range chapters() {
		n += len(c.cases)
	}
	fmt.Fprintf(&s, "# Misuse\n\n%d things that users do, and what becomes of each: refused, with what was seen and what "+
		"to do, and nothing is\nwritten; warned, with a result; or handled, with a result as good as without. None is "+
		"silent. `TestMisuse` in\ncmd/softmerge makes every one and holds the program to it; this table is written by "+
		"it (`-update-misuse`).\n", n)
	for _, c := range chapters() {
		fmt.Fprintf(&s, "\n## %s\n\n| what is done | ending | exit code | what is said |\n|---|---|---|---|\n", c.title)
		for _, m := range c.cases {
			said := strings.ReplaceAll(strings.Join(m.says, " ... "), "|", "\\|")
			fmt.Fprintf(&s, "| %s | %s | %d | %s |\n", m.what, m.end, m.code, said)
		}
	}
	return s.String()
}

// files lists what is in the kitchen, with sizes.
func (k *kitchen) files() []string {
	var list []string
	err := filepath.WalkDir(k.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			list = append(list, fmt.Sprintf("%s: %d bytes of %v", path, info.Size(), info.ModTime()))
		}
		return err
	})
	if err != nil {
		k.Fatal(err)
	}
	return list
}
