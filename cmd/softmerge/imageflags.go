package main

import (
	"context"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/softmerge/softmerge/cmd/softmerge/internal/exit"
	"github.com/softmerge/softmerge/cmd/softmerge/internal/source"
	"github.com/softmerge/softmerge/cmd/softmerge/internal/terminal"
	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/dataset/imaging"
	"github.com/softmerge/softmerge/gating/search"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/advice"
)

// imageFlags are the flags that say what becomes of images before a network sees them.
type imageFlags struct {
	preprocess, scale, resize, crop, interpolation, layout, classes string
	mean, std                                                       []float64
	bgr                                                             bool

	flags *pflag.FlagSet
	given []string              // names of those that are set and are for images alone
	how   *search.Preprocessing // what was found; nil before, and for data without images
	names []string              // of the classes, read from --classes
}

func (f *imageFlags) add(c *cobra.Command) {
	fs := c.Flags()
	f.flags = fs
	fs.StringVar(&f.preprocess, "preprocess", "auto",
		"how images are preprocessed: `FILE` preprocessor_config.json of Hugging Face or config.json of timm, or "+
			terminal.OrList(append([]string{"auto"}, imaging.Names...)))
	fs.Float64SliceVar(&f.mean, "mean", nil, "`NUMBERS` taken off scaled pixels: one, or one a channel with commas")
	fs.Float64SliceVar(&f.std, "std", nil, "`NUMBERS` that pixels are divided by then")
	fs.StringVar(&f.scale, "scale", "", "`FACTOR` of pixels of 0 to 255 (1/255), or the range they get (0..1, -1..1)")
	fs.StringVar(&f.resize, "resize", "",
		"`SIZE` of images: the shorter edge (256), height x width (256x320), squash, letterbox or none")
	fs.StringVar(&f.crop, "crop", "", "`SIZE` of the middle that is cut out: an edge (224) or height x width")
	addChoice(c, &f.interpolation, "interpolation", "how images are resized", "bilinear", "bicubic", "nearest", "box",
		"hamming", "lanczos", "aliased")
	addChoice(c, &f.layout, "layout", "where the network has its channels", "auto", "nchw", "nhwc")
	fs.BoolVar(&f.bgr, "bgr", false, "give channels as blue, green, red; --mean and --std are in that order too")
	fs.StringVar(&f.classes, "classes", "",
		"`FILE` with the names of the model's classes in order, for folders and for labels that are text: one a line, "+
			"a JSON list, or a config.json")
}

// imageFlagNames are the flags that have no meaning for other data.
var imageFlagNames = []string{"preprocess", "mean", "std", "scale", "resize", "crop", "interpolation", "layout", "bgr"}

// check refuses impossible values before any work.
func (f *imageFlags) check() error {
	f.given = nil
	for _, name := range imageFlagNames {
		if f.flags != nil && f.flags.Changed(name) {
			f.given = append(f.given, "--"+name)
		}
	}
	_, err := f.parse()
	return err
}

// parse is what the flags say of images.
func (f *imageFlags) parse() (p imaging.Preprocess, err error) {
	if p, err = f.named(); err != nil {
		return p, err
	}
	if f.resize != "" && p.Crop.Share > 0 {
		p.Crop.Share = 0
	}
	errs := []error{
		parsed("--scale", f.scale, func(text string) (err error) {
			p.Scale, p.Offset, err = imaging.ParseScale(text)
			return err
		}),
		parsed("--resize", f.resize, func(text string) (err error) {
			p.Resize, err = imaging.ParseResize(text)
			return err
		}),
		parsed("--crop", f.crop, func(text string) (err error) {
			p.Crop, err = imaging.ParseCrop(text)
			return err
		}),
		f.override(&p),
	}
	if at := slices.IndexFunc(errs, func(err error) bool { return err != nil }); at >= 0 {
		return p, errs[at]
	}
	if _, err := p.Validate(); err != nil {
		return p, exit.Usagef(advice.Hint(err), "%v", err)
	}
	return p, nil
}

// parsed sets what a flag says, if it is given.
func parsed(flag, text string, set func(string) error) error {
	if text == "" {
		return nil
	}
	if err := set(text); err != nil {
		return exit.Usagef(advice.Hint(err), "%s: %v", flag, err)
	}
	return nil
}

// named is the preprocessing that --preprocess names, or the file has.
func (f *imageFlags) named() (imaging.Preprocess, error) {
	if f.preprocess == "auto" || f.preprocess == "" {
		return imaging.Preprocess{}, nil
	}
	if p, ok := imaging.Named(f.preprocess); ok {
		return p, nil
	}
	file, err := source.Bytes(f.preprocess, mostConfig, imaging.ErrImage)
	if err != nil {
		return imaging.Preprocess{}, exit.Usagef("name a file, or "+
			terminal.OrList(append([]string{"auto"}, imaging.Names...)), "--preprocess %v", err)
	}
	p, err := imaging.Parse(file)
	if err != nil {
		return p, advice.Errorf(dataset.ErrData, advice.Hint(err), "%s: %w", f.preprocess, err)
	}
	return p, nil
}

// mostConfig bounds files that say how images are preprocessed, and how classes are called.
const mostConfig = 1 << 24

// override sets what the other flags say.
func (f *imageFlags) override(p *imaging.Preprocess) error {
	if len(f.mean) > 0 {
		p.Mean = f.mean
	}
	if len(f.std) > 0 {
		p.Std = f.std
	}
	if slices.Contains(f.given, "--interpolation") {
		p.Interpolation = imaging.Interpolation(f.interpolation)
	}
	if slices.Contains(f.given, "--layout") {
		p.Layout = imaging.Layout(f.layout)
	}
	p.BGR = p.BGR || f.bgr
	if p.Scale == 0 && slices.ContainsFunc(f.mean, func(v float64) bool { return v > 1 }) {
		return exit.Usagef("add --scale 1 if it is of pixels of 0 to 255", "--mean %v is taken off pixels of 0 to 1",
			f.mean)
	}
	return nil
}

// fit finds how images are preprocessed, if the data has any, and says so; the first model gives the graph.
func (f *dataFlags) fit(ctx context.Context, v *terminal.Voice, models []*onnx.Model, more ...string) error {
	var err error
	if f.images.names, err = f.images.classNames(); err != nil {
		return err
	}
	o := dataset.Options{Inputs: gating.Fields(models[0]), Label: f.label, More: f.more, Group: f.group,
		MaxBytes: f.memory, MaxDisk: f.mostDisk()}
	with := slices.DeleteFunc(slices.Concat(f.data, more), func(p string) bool { return !dataset.HoldsImages(p, o) })
	if len(with) == 0 {
		if len(f.images.given) > 0 && len(f.data) > 0 {
			return exit.Usagef("leave it out; arrays are fed as they are",
				"%s is for images, but the data holds none", f.images.given[0])
		}
		return nil
	}
	given, err := f.images.parse()
	if err != nil {
		return err
	}
	o.Classes = f.images.names
	open := func(p imaging.Preprocess, most int) (*dataset.Data, error) {
		o.Preprocess, o.Sample = p, most
		return dataset.OpenAll(with, o)
	}
	f.images.how, err = search.FitPreprocess(ctx, models, open, search.PreprocessOptions{Given: given,
		Objective: f.objective(), BatchSize: f.batch, Threads: f.threads})
	if err != nil {
		return err
	}
	v.Note(f.images.how.Notes...)
	return v.Warn(f.images.how.Warnings)
}

// classNames reads --classes.
func (f *imageFlags) classNames() ([]string, error) {
	if f.classes == "" {
		return nil, nil
	}
	file, err := source.Bytes(f.classes, mostConfig, dataset.ErrData)
	if err != nil {
		return nil, exit.Usagef("name a file", "--classes %v", err)
	}
	names, err := dataset.ParseClasses(file)
	if err != nil {
		return nil, advice.Errorf(dataset.ErrData, advice.Hint(err), "%s: %w", f.classes, err)
	}
	return names, nil
}

// mostDisk is what --data-disk says, as the options of package dataset do.
func (f *dataFlags) mostDisk() int64 {
	switch f.disk {
	case -1:
		return 0
	case 0:
		return -1
	}
	return f.disk
}

// openData reads data files for a model's inputs and joins them.
func (f *dataFlags) openData(m *onnx.Model, paths []string) (*dataset.Data, error) {
	o := dataset.Options{Inputs: gating.Fields(m), Label: f.label, More: f.more, Group: f.group,
		Classes: f.images.names, Tokenizer: f.tokenizer, ModelFolder: filepath.Dir(m.Path()),
		Text:      dataset.ParseText(f.text),
		MaxLength: f.maxLength, MaxBytes: f.memory, MaxDisk: f.mostDisk()}
	if f.images.how != nil {
		o.Preprocess = f.images.how.Preprocess
	}
	d, err := dataset.OpenAll(paths, o)
	if err == nil && f.images.how == nil && len(f.images.names) > 0 && d.ClassNames() == nil {
		err = exit.Usagef("leave it out",
			"--classes is for folders of images and for labels that are text, but the data has none")
	}
	if err != nil || f.images.how == nil {
		return d, err
	}
	return f.images.how.Settle(d), nil
}
