// Command snapshot builds what .goreleaser.yaml says, without GoReleaser itself, which takes five minutes of CPU time to
// compile (.ci/long runs it). The configuration is read by GoReleaser's own reader, which refuses what it does not know.
//
//	go run . PROJECT OUT
//
// It runs the hooks, builds each target with the flags, checks that every file of the archives is there, and that the
// binary for this machine knows its version.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"text/template"

	"github.com/goreleaser/goreleaser/v2/pkg/config"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: snapshot PROJECT OUT")
		os.Exit(2)
	}
	if err := snapshot(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "snapshot:", err)
		os.Exit(1)
	}
}

func snapshot(project, out string) error {
	if err := os.Chdir(project); err != nil {
		return err
	}
	c, err := config.Load(".goreleaser.yaml")
	if err != nil {
		return err
	}
	fields, err := gitFields()
	if err != nil {
		return err
	}
	if fields["Version"], err = render(c.Snapshot.VersionTemplate, fields); err != nil {
		return err
	}
	for _, hook := range c.Before.Hooks {
		if _, err := command(nil, strings.Fields(hook)...); err != nil {
			return err
		}
	}
	if err := checkFiles(c.Archives); err != nil {
		return err
	}
	for _, b := range c.Builds {
		if err := buildAll(b, fields, out); err != nil {
			return err
		}
	}
	return nil
}

// gitFields are the fields of templates that the commit gives.
func gitFields() (map[string]string, error) {
	line, err := command(nil, "git", "log", "-1", "--format=%h %ct")
	if err != nil {
		return nil, err
	}
	short, stamp, _ := strings.Cut(strings.TrimSpace(line), " ")
	return map[string]string{"ShortCommit": short, "CommitTimestamp": stamp}, nil
}

func render(text string, fields map[string]string) (string, error) {
	t, err := template.New("").Option("missingkey=error").Parse(text)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	err = t.Execute(&b, fields)
	return b.String(), err
}

// checkFiles fails where a pattern of an archive matches nothing, which GoReleaser would let pass.
func checkFiles(archives []config.Archive) error {
	for _, a := range archives {
		for _, f := range a.Files {
			found, err := filepath.Glob(f.Source)
			if err != nil || len(found) == 0 {
				return fmt.Errorf("%s matches no file: %v", f.Source, err)
			}
			fmt.Printf("%s: %d files\n", f.Source, len(found))
		}
	}
	return nil
}

// buildAll builds all targets, and runs the one for this machine.
func buildAll(b config.Build, fields map[string]string, out string) error {
	flags := append([]string{"go", "build"}, b.Flags...)
	for _, text := range b.Ldflags {
		rendered, err := render(text, fields)
		if err != nil {
			return err
		}
		flags = append(flags, "-ldflags="+rendered)
	}
	for _, goos := range b.Goos {
		for _, goarch := range b.Goarch {
			path := filepath.Join(out, goos+"_"+goarch, b.Binary)
			env := append([]string{"GOOS=" + goos, "GOARCH=" + goarch}, b.Env...)
			if _, err := command(env, append(flags, "-o", path, b.Main)...); err != nil {
				return err
			}
			info, err := os.Stat(path)
			if err != nil {
				return err
			}
			fmt.Printf("%s/%s: %.1f MB\n", goos, goarch, float64(info.Size())/1e6)
		}
	}
	version, err := command(nil, filepath.Join(out, runtime.GOOS+"_"+runtime.GOARCH, b.Binary), "--version")
	if err != nil || !strings.Contains(version, fields["Version"]) {
		return fmt.Errorf("%s --version prints %q, want %s: %v", b.Binary, version, fields["Version"], err)
	}
	fmt.Print(version)
	return nil
}

// command runs a command and returns what it prints.
func command(env []string, args ...string) (string, error) {
	c := exec.Command(args[0], args[1:]...)
	c.Env = append(os.Environ(), env...)
	c.Stderr = os.Stderr
	text, err := c.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w", strings.Join(args, " "), err)
	}
	return string(text), nil
}
