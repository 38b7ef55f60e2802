package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/softmerge/softmerge/cmd/softmerge/internal/exit"
	"github.com/softmerge/softmerge/cmd/softmerge/internal/source"
	"github.com/softmerge/softmerge/cmd/softmerge/internal/target"
	"github.com/softmerge/softmerge/cmd/softmerge/internal/terminal"
	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/routed"
	"github.com/softmerge/softmerge/gating/routed/experts"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/advice"
)

func newApply(v *terminal.Voice) *cobra.Command {
	var out, start string
	var force bool
	c := &cobra.Command{
		Use:   "apply RECIPE.json A.onnx B.onnx ... -o OUT.onnx",
		Short: "Bake saved gates again: no data, the same bytes",
		Long: `apply mixes the models by the gates that "softmerge merge --recipe" saved. The models are told apart
by their content, so their names and order do not matter; the same models give the same bytes.`,
		Example: "  softmerge apply gates.json m0.onnx m1.onnx m2.onnx -o merged.onnx",
		Args:    cobra.MinimumNArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			if out == "" {
				return exit.Usagef("add -o OUT.onnx", "no output file is named")
			}
			args = append(args, named([]string{start})...)
			if err := target.Check([]target.File{{Flag: "--output", Path: out}}, args, force); err != nil {
				return err
			}
			return apply(c.Context(), v, args[0], args[1:], out, force)
		},
	}
	c.Flags().StringVarP(&out, "output", "o", "", "`FILE` to write")
	c.Flags().StringVar(&start, "start", "",
		"`FILE` of the start, where the recipe was made with one; it may stand among the models as well")
	c.Flags().BoolVar(&force, "force", false, "overwrite an existing file")
	return c
}

// apply bakes a recipe and writes the model.
func apply(ctx context.Context, v *terminal.Voice, recipe string, paths []string, out string, force bool) error {
	r, err := readRecipe(recipe)
	if err != nil {
		return err
	}
	list, closeAll, err := source.Models(paths)
	if err != nil {
		return err
	}
	defer closeAll()
	if r.Dequantised {
		d, err := dequantise(v, list, 0, selectFlags{})
		if err != nil {
			return err
		}
		list = d.Models
	}
	m, err := bake(r, list)
	if err != nil {
		return err
	}
	o := onnx.WriteOptions{Overwrite: force, Inputs: append(paths, recipe)}
	var written target.Written
	err = target.Model(out, m, o, onnx.Validate, func(w target.Written) error {
		written = w
		return ctx.Err()
	})
	if err != nil {
		return err
	}
	if v.JSON {
		return v.Object(struct {
			Output   string   `json:"output"`
			SHA256   string   `json:"sha256"`
			Warnings []string `json:"warnings"`
		}{out, written.SHA256, v.Warned()})
	}
	v.Say("wrote %s (%s): %s", out, terminal.Bytes(written.Size), r.Chosen)
	return nil
}

// maxRecipe is the largest recipe that is read: gates for a billion channels need less.
const maxRecipe = 1 << 30

// readRecipe reads a recipe file.
func readRecipe(path string) (*gating.Recipe, error) {
	data, err := source.Bytes(path, maxRecipe, gating.ErrRecipe)
	if err != nil {
		return nil, advice.With(err, "the first argument is the file that softmerge merge --recipe wrote")
	}
	r, err := gating.ParseRecipe(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

// bake aligns the models as the recipe has them, bakes, and describes the result.
func bake(r *gating.Recipe, list []*onnx.Model) (*onnx.Model, error) {
	ordered, err := r.Order(list)
	if err != nil {
		return nil, err
	}
	if r, err = r.StartAmong(list); err != nil {
		return nil, err
	}
	a, err := graphmatch.Align(ordered, r.Base)
	if err != nil {
		return nil, err
	}
	if r.Routed != nil && r.Routed.Gates != nil {
		return experts.Bake(r, a, versionString())
	}
	if r.Routed != nil {
		return routed.Bake(r, a, versionString())
	}
	m, err := r.Bake(a)
	if err != nil {
		return nil, err
	}
	return r.Describe(m, versionString())
}
