package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/softmerge/softmerge/cmd/softmerge/internal/source"
	"github.com/softmerge/softmerge/cmd/softmerge/internal/terminal"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
)

// completeLayers lets shells complete the patterns of --only and --except by what the models named so far have.
func completeLayers(c *cobra.Command) {
	for _, flag := range []string{"only", "except"} {
		c.RegisterFlagCompletionFunc(flag, layerNames)
	}
}

// layerNames lists names, scopes and operator types of the first model that can be read; shells are told nothing about
// those that cannot.
func layerNames(_ *cobra.Command, paths []string, begun string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, path := range paths {
		m, err := source.Model(path)
		if err != nil {
			continue
		}
		a, err := graphmatch.AlignStructure([]*onnx.Model{m}, 0)
		if err == nil {
			for i := range a.Layers {
				l := &a.Layers[i]
				for _, name := range []string{l.Name, l.Scope, "op:" + l.Op} {
					names = append(names, terminal.Printable(name))
				}
			}
		}
		m.Close()
		if len(names) > 0 {
			break
		}
	}
	slices.Sort(names)
	names = slices.DeleteFunc(slices.Compact(names), func(s string) bool {
		return s == "" || !strings.HasPrefix(s, begun)
	})
	return names, cobra.ShellCompDirectiveNoFileComp
}
