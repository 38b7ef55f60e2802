package main

import (
	"fmt"
	"slices"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/onnx"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/softmerge/softmerge/cmd/softmerge/internal/exit"
	"github.com/softmerge/softmerge/cmd/softmerge/internal/source"
	"github.com/softmerge/softmerge/cmd/softmerge/internal/terminal"
)

// choice is a flag that takes one of a few words.
type choice struct {
	value *string
	words []string
}

// String returns the word that is set.
func (c choice) String() string { return *c.value }

// Type names the flag's value in help texts.
func (c choice) Type() string { return "WORD" }

// Set takes a word, or refuses it.
func (c choice) Set(s string) error {
	if !slices.Contains(c.words, s) {
		return fmt.Errorf("want %s", terminal.OrList(c.words))
	}
	*c.value = s
	return nil
}

// addChoice adds a flag whose default is the first word, with completion.
func addChoice(c *cobra.Command, value *string, name, usage string, words ...string) {
	*value = words[0]
	c.Flags().Var(choice{value, words}, name, usage+": "+terminal.OrList(words))
	c.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
}

// selectFlags are the flags that choose layers.
type selectFlags struct {
	only, except []string
	intersection bool
}

func (f *selectFlags) add(fs *pflag.FlagSet) {
	fs.StringArrayVar(&f.only, "only", nil,
		"merge only layers that match `PATTERN`: a glob over tensor names, node names and scopes, or op:TYPE "+
			"(repeatable; see softmerge help patterns)")
	fs.StringArrayVar(&f.except, "except", nil, "leave layers that match `PATTERN` as the base has them (repeatable)")
	fs.BoolVar(&f.intersection, "intersection", false,
		"merge what matches of the selected layers, leave the rest as the base has it")
}

// dataFlags are the flags that say what to learn and judge on.
type dataFlags struct {
	outputFlags
	data            []string
	batch, threads  int
	group           string
	images          imageFlags
	tokenizer, text string
	maxLength       int
	memory, disk    int64 // for data, in bytes; -1 where nothing is said
}

func (f *dataFlags) add(c *cobra.Command) {
	fs := c.Flags()
	fs.StringArrayVar(&f.data, "data", nil,
		"`FILE` with inputs and labels: .npz, .npy, .csv, .tsv, IDX, .parquet, .jsonl, .tar, .safetensors, "+
			"a folder of such, of images or ONNX test data (repeatable; see softmerge help data)")
	f.outputFlags.add(c)
	fs.StringVar(&f.group, "group", "",
		"`KEY` of numbers or names by which results are reported in parts, such as domains; "+
			dataset.GroupByFile+" for the files that samples are from")
	fs.IntVar(&f.batch, "batch-size", 64, "`N` samples a step")
	fs.IntVar(&f.threads, "threads", 0,
		"`N` goroutines for kernels (default one a processor); the result does not depend on it")
	f.images.add(c)
	fs.StringVar(&f.tokenizer, "tokenizer", "",
		"`FILE` tokenizer.json that text goes through (default the one beside the data or the model)")
	fs.StringVar(&f.text, "text", "", "`KEY` of the text, or KEY1,KEY2 of two that belong together")
	f.memory, f.disk = -1, -1
	fs.Var(size{&f.memory}, "data-memory",
		"memory for data at most, such as 8G; what does not fit is used from disk (default half of what there is, "+
			"8G at most)")
	fs.Var(size{&f.disk}, "data-disk",
		"disk for that at most, in the folder for temporary files (TMPDIR); 0 for none (default 1T)")
	fs.IntVar(&f.maxLength, "max-length", 0, "`N` tokens at most of a text (default what tokenizer and graph allow)")
}

// Bounds that keep a mistyped number from taking all memory.
const (
	maxBatch   = 1 << 20
	maxThreads = 1024
)

// check refuses impossible values before any work.
func (f *dataFlags) check() error {
	f.data = named(f.data)
	again := twice(f.data)
	if err := f.images.check(); err != nil {
		return err
	}
	if err := f.settle(); err != nil {
		return err
	}
	return firstBroken([]rule{
		{again != "", "name every file once: the same samples would be learned from and judged on",
			fmt.Sprintf("--data %s is given twice", again)},
		{f.group != "" && len(f.data) == 0, "add --data FILE", "--group is given, but no data to divide"},
		{f.memory == 0, "", "--data-memory 0: want more than nothing"},
		{f.maxLength < 0, "", fmt.Sprintf("--max-length %d: want 1 or more, or 0 for no bound", f.maxLength)},
		{f.batch < 1 || f.batch > maxBatch, "", fmt.Sprintf("--batch-size %d: want 1 to %d", f.batch, maxBatch)},
		{!(f.huberDelta >= 0 && onnx.Finite(f.huberDelta)), "",
			fmt.Sprintf("--huber-delta %v: want a positive number", f.huberDelta)},
		{f.threads < 0 || f.threads > maxThreads, "",
			fmt.Sprintf("--threads %d: want 1 to %d, or 0 for one a processor", f.threads, maxThreads)},
	})
}

// rule is what makes flags wrong: whether they are, what to do, what is wrong.
type rule struct {
	broken     bool
	hint, what string
}

// firstBroken is the usage error of the first rule that flags break, nil if they break none.
func firstBroken(rules []rule) error {
	for _, r := range rules {
		if r.broken {
			return exit.Usagef(r.hint, "%s", r.what)
		}
	}
	return nil
}

// named leaves out empty names, which scripts give for what they have not.
func named(paths []string) []string {
	return slices.DeleteFunc(paths, func(p string) bool { return p == "" })
}

// twice returns a path that is listed twice, "" if none is.
func twice(paths []string) string {
	for i, p := range paths {
		if slices.ContainsFunc(paths[:i], func(other string) bool { return other == p || source.Same(other, p) }) {
			return p
		}
	}
	return ""
}
