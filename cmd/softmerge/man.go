package main

import (
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/softmerge/softmerge/cmd/softmerge/internal/terminal"
)

// newMan is for packagers, and hidden from the list of commands.
func newMan(v *terminal.Voice) *cobra.Command {
	return &cobra.Command{
		Use:   "man DIR",
		Short: "Write the manual pages",
		Long: "man writes a manual page for each command to DIR, which is made if it is not there. " +
			"SOURCE_DATE_EPOCH sets their date.",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return err
			}
			root := c.Root()
			root.DisableAutoGenTag = true // the same bytes on every day
			header := &doc.GenManHeader{Section: "1", Source: "softmerge " + versionString(), Manual: "softmerge"}
			if err := doc.GenManTree(root, header, args[0]); err != nil {
				return err
			}
			v.Say("wrote the manual pages to %s", args[0])
			return nil
		},
	}
}
