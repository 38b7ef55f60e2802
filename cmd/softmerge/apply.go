package main

import (
	"context"
	"os"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
	"github.com/spf13/cobra"
)

func newApply(v *voice) *cobra.Command {
	var out string
	var force bool
	c := &cobra.Command{
		Use:   "apply RECIPE.json A.onnx B.onnx ... -o OUT.onnx",
		Short: "Bake saved gates again: no data, the same bytes",
		Args:  cobra.MinimumNArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			if out == "" {
				return usagef("add -o OUT.onnx", "no output file is named")
			}
			return apply(c.Context(), v, args[0], args[1:], out, force)
		},
	}
	c.Flags().StringVarP(&out, "output", "o", "", "`FILE` to write")
	c.Flags().BoolVar(&force, "force", false, "overwrite an existing file")
	return c
}

// apply bakes a recipe and writes the model.
func apply(_ context.Context, v *voice, recipe string, paths []string, out string, force bool) error {
	data, err := os.ReadFile(recipe)
	if err != nil {
		return err
	}
	r, err := gating.ParseRecipe(data)
	if err != nil {
		return err
	}
	list, closeAll, err := models(v, paths)
	if err != nil {
		return err
	}
	defer closeAll()
	ordered, err := r.Order(list)
	if err != nil {
		return err
	}
	a, err := graphmatch.Align(ordered, r.Base)
	if err != nil {
		return err
	}
	m, err := r.Bake(a)
	if err != nil {
		return err
	}
	if m, err = r.Describe(m, versionString()); err != nil {
		return err
	}
	var sum string
	verify := func(path string) error {
		back, err := openChecked(v, path)
		if err != nil {
			return err
		}
		defer back.Close()
		sum, err = back.SHA256()
		return err
	}
	if err := onnx.WriteFile(out, m, onnx.WriteOptions{Overwrite: force, Inputs: append(paths, recipe), Verify: verify}); err != nil {
		return err
	}
	if v.json {
		return v.object(struct {
			Output string `json:"output"`
			SHA256 string `json:"sha256"`
		}{out, sum})
	}
	v.say("wrote %s: %s", out, r.Chosen)
	return nil
}
