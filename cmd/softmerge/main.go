// Command softmerge merges neural networks straight from ONNX files.
//
// Standard output is for results: tables, or with --json one object. Messages
// and progress go to standard error. The exit code says how it ended; see internal/exit.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/softmerge/softmerge/cmd/softmerge/internal/exit"
	"github.com/softmerge/softmerge/cmd/softmerge/internal/report"
	"github.com/softmerge/softmerge/cmd/softmerge/internal/terminal"
)

func main() {
	exit.AbortWhenFatal()
	ctx, stop := signal.NotifyContext(context.Background(), endSignals()...)
	context.AfterFunc(ctx, stop) // the next one ends the program at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// endSignals are the signals that end the program in order: SIGHUP, too, unless it is ignored, as under nohup.
func endSignals() []os.Signal {
	list := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		list = append(list, syscall.SIGHUP)
	}
	return list
}

// run is the whole program: it returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	v := &terminal.Voice{Out: stdout, Err: stderr}
	root := newRoot(v)
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := exit.Guard(func() error { return root.ExecuteContext(ctx) })
	if err == nil {
		return exit.Done
	}
	if ctx.Err() != nil {
		err = exit.ErrInterrupted
	}
	v.JSON = v.JSON || slices.Contains(args, "--json") // flags after the one that failed were not read
	return report.Failure(v, err)
}
