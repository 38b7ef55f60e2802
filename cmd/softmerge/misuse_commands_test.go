package main

import (
	"os"
	"path/filepath"
	"runtime"

	"github.com/softmerge/softmerge/cmd/softmerge/internal/exit"
)

// misusedCommands is what is wrong with command lines and with what is to be written.
func misusedCommands() []chapter {
	return []chapter{
		{"Choosing layers", false, wrongPatterns()},
		{"Output", false, wrongOutputs()},
		{"Recipes", false, wrongRecipes()},
		{"Methods by name", false, wrongMethods()},
		{"Several models in one file", false, wrongTasks()},
		{"Models that are mixed for every sample", false, wrongMixing()},
		{"Several outputs", false, wrongHeads()},
		{"Boxes", false, wrongBoxes()},
		{"eval and match", false, wrongEvals()},
	}
}

func wrongPatterns() []misuse {
	with := func(flags ...string) func(*kitchen) []string {
		return func(k *kitchen) []string { return k.merge(k.good(), k.mlps(), flags...) }
	}
	return []misuse{
		{"--only that matches nothing", with("--only", "layer9"), isRefused, exit.Usage, []string{`"layer9"`}},
		{"--only mistyped", with("--only", "5.wieght"), isRefused, exit.Usage, []string{"5.weight"}},
		{"--except everything", with("--except", "*"), isRefused, exit.Usage, []string{"no layer is selected"}},
		{"a glob that the shell expanded", with("--only", "1.weight", "3.weight"), isRefused, exit.Failure,
			[]string{"3.weight", "no such file"}},
		{"--base that is no model of the merge", with("--base", "other.onnx"), isRefused, exit.Usage,
			[]string{"is not among the models"}},
		{"a mistyped flag", with("--lables", "y"), isRefused, exit.Usage, []string{"did you mean --label?"}},
	}
}

func wrongHeads() []misuse {
	with := func(flags ...string) func(*kitchen) []string {
		return func(k *kitchen) []string {
			return k.merge(k.fixture("tasks/heads/val.npz"), k.family("tasks/heads", 3), flags...)
		}
	}
	digit, middle := "--label=digit=kind", "--label=middle=at"
	return []misuse{
		{"a label for an output that does not exist", with(digit, "--label=midle=at"), isRefused, exit.Data,
			[]string{`the model has no output "midle"`, "middle"}},
		{"two labels for one output", with(digit, "--label=digit=at"), isRefused, exit.Usage,
			[]string{`output "digit" has two labels`}},
		{"two labels and no word of their outputs", with("--label=kind", "--label=at"), isRefused, exit.Usage,
			[]string{"name the output of each"}},
		{"a label that the data has not", with(digit, "--label=middle=centre"), isRefused, exit.Data,
			[]string{`there is no label "centre"`}},
		{"the labels of two outputs taken for each other", with("--label=digit=at", "--label=middle=kind"), isRefused,
			exit.Data, []string{`output "digit"`, "the labels have 2"}},
		{"a metric of classes for numbers", with(digit, middle, "--metric=middle=accuracy"), isRefused, exit.Data,
			[]string{`output "middle": metric accuracy does not fit`}},
		{"a weight for an output without a label", with("--label=digit=kind", "--loss-weight=middle=2"), isRefused,
			exit.Usage, []string{`output "middle" has no label`}},
		{"a negative weight", with(digit, middle, "--loss-weight=middle=-1"), isRefused, exit.Usage,
			[]string{"want a positive number"}},
		{"a label for one of two outputs", with(digit, "--allow-parent"), warned, exit.Done,
			[]string{"layers of \"middle\" are judged by nothing"}},
	}
}

func wrongBoxes() []misuse {
	with := func(change func(*coco), flags ...string) func(*kitchen) []string {
		return func(k *kitchen) []string {
			return k.merge(k.annotated(change), k.family("tasks/detector", 3), flags...)
		}
	}
	boxes := func(change func(b []float64)) func(*kitchen) []string {
		return with(func(c *coco) {
			for i := range c.Annotations {
				change(c.Annotations[i].Box)
			}
		})
	}
	right := func(*coco) {}
	return []misuse{
		{"boxes of pictures ten times as large", boxes(func(b []float64) {
			for i := range b {
				b[i] = 10*b[i] + 100
			}
		}), isRefused, exit.Data, []string{"lie outside of the picture, which is 48 wide and 48 high"}},
		{"a box outside of its picture", with(func(c *coco) { c.Annotations[3].Box[0] += 70 }, "--allow-parent"), warned,
			exit.Done, []string{"boxes lie outside of the picture", "are left out"}},
		{"boxes as x1, y1, x2, y2", boxes(func(b []float64) { b[2], b[3] = b[0]+b[2], b[1]+b[3] }), warned, exit.Done,
			[]string{"reach far beyond the picture", "boxes as corner and size"}},
		{"a negative width", boxes(func(b []float64) { b[2] = -b[2] }), isRefused, exit.Data,
			[]string{"a box is x, y, width, height"}},
		{"categories in another order", with(func(c *coco) {
			for i := range c.Annotations {
				c.Annotations[i].Category = c.Annotations[i].Category%5 + 1
			}
		}), isRefused, exit.Data, []string{"5 classes have changed places"}},
		{"more categories than the detector has", with(func(c *coco) {
			for id := range 4 {
				c.Categories = append(c.Categories, cocoCategory{10 + id, "more"})
			}
			c.Annotations[0].Category = 13
		}), isRefused, exit.Data, []string{"no outputs are boxes and scores of as many classes"}},
		{"no objects", with(func(c *coco) { c.Annotations = nil }), isRefused, exit.Data, []string{"no objects"}},
		{"a metric of classes for a detector", with(right, "--metric", "accuracy"), isRefused, exit.Data,
			[]string{"metric accuracy does not fit loss detection", "map, map50 or loss"}},
		{"boxes for a classifier", func(k *kitchen) []string {
			return k.merge(k.arrays("boxes.npz", input(k.digits(9)), array{"label", "<f4", []int{9, 1, 5}, ones(45)}),
				k.mlps())
		}, isRefused, exit.Data, []string{"no outputs are boxes and scores"}},
		{"labels without a class", func(k *kitchen) []string {
			pictures := array{"images", "<f4", []int{9, 3, 48, 48}, ones(9 * 3 * 48 * 48)}
			return k.merge(k.arrays("boxes.npz", pictures, array{"label", "<f4", []int{9, 1, 4}, ones(36)}),
				k.family("tasks/detector", 3), "--loss", "detection")
		}, isRefused, exit.Data, []string{"rows of class, x1, y1, x2, y2"}},
		{"--loss detection of class labels", func(k *kitchen) []string {
			return k.merge(k.good(), k.mlps(), "--loss", "detection")
		}, isRefused, exit.Data, []string{"rows of class, x1, y1, x2, y2"}},
	}
}

func wrongOutputs() []misuse {
	return []misuse{
		{"no -o", func(k *kitchen) []string {
			return append([]string{"merge", "--data", k.good()}, k.mlps()...)
		}, isRefused, exit.Usage, []string{"no output file is named"}},
		{"-o names one of the models", func(k *kitchen) []string {
			copied := k.model(k.mlps()[0], "m0.onnx", newerOpset)
			return []string{"merge", copied, k.mlps()[1], "--data", k.good(), "-o", copied, "--force"}
		}, isRefused, exit.Usage, []string{"m0.onnx"}},
		{"-o names the data", func(k *kitchen) []string {
			data := k.good()
			return []string{"merge", k.mlps()[0], k.mlps()[1], "--data", data, "-o", data, "--force"}
		}, isRefused, exit.Usage, []string{"data.npz"}},
		{"-o names a file that is there", func(k *kitchen) []string {
			k.file("merged.onnx", "the user's own")
			return k.merge(k.good(), k.mlps())
		}, isRefused, exit.Usage, []string{"--force"}},
		{"-o names a folder", func(k *kitchen) []string {
			k.ok(os.Mkdir(k.out(), 0o755))
			return k.merge(k.good(), k.mlps())
		}, isRefused, exit.Usage, []string{"not a regular file"}},
		{"-o in a folder that is not there", func(k *kitchen) []string {
			return append([]string{"merge", "--data", k.good(), "-o", filepath.Join(k.dir, "out", "m.onnx")},
				k.mlps()...)
		}, isRefused, exit.Usage, []string{"folder"}},
		{"-o where nothing can be written", func(k *kitchen) []string {
			if runtime.GOOS != "linux" {
				k.Skip("needs /proc")
			}
			return append([]string{"merge", "--data", k.good(), "-o", "/proc/m.onnx"}, k.mlps()...)
		}, isRefused, exit.Failure, []string{"/proc"}},
		{"-o -", func(k *kitchen) []string {
			return append([]string{"merge", "--data", k.good(), "-o", "-"}, k.mlps()...)
		}, isRefused, exit.Usage, []string{"--output -: files are not written to standard output"}},
		{"-o /dev/full", func(k *kitchen) []string {
			if runtime.GOOS != "linux" {
				k.Skip("needs /dev/full")
			}
			return append([]string{"merge", "--data", k.good(), "-o", "/dev/full"}, k.mlps()...)
		}, isRefused, exit.Usage, []string{"/dev/full"}},
		{"--report and -o name one file", func(k *kitchen) []string {
			return k.merge(k.good(), k.mlps(), "--report", k.out())
		}, isRefused, exit.Usage, []string{"--report"}},
		{"no --data", func(k *kitchen) []string {
			return append([]string{"merge", "-o", k.out()}, k.mlps()...)
		}, isRefused, exit.Usage, []string{"learns on data and none is given", "--method uniform"}},
	}
}

func wrongRecipes() []misuse {
	return []misuse{
		{"apply to other models than were merged", func(k *kitchen) []string {
			recipe := k.recipe()
			return append([]string{"apply", recipe, "-o", k.path("applied.onnx")}, k.family("mlp", 2)...)
		}, isRefused, exit.Align, []string{"recipe"}},
		{"apply to models in another order, of other names", func(k *kitchen) []string {
			recipe, m := k.recipe(), k.mlps()
			data, err := os.ReadFile(m[0])
			k.ok(err)
			return []string{"apply", recipe, m[2], m[1], k.file("first.onnx", string(data)),
				"-o", k.path("applied.onnx")}
		}, handled, exit.Done, []string{"wrote"}},
		{"a recipe cut off", func(k *kitchen) []string {
			recipe := k.recipe()
			k.ok(os.Truncate(recipe, 200))
			return append([]string{"apply", recipe, "-o", k.path("applied.onnx")}, k.mlps()...)
		}, isRefused, exit.Invalid, []string{"gates.json"}},
		{"a model in place of the recipe", func(k *kitchen) []string {
			return append([]string{"apply", "-o", k.path("applied.onnx")}, k.mlps()...)
		}, isRefused, exit.Invalid, []string{"no recipe", "give the file that softmerge merge --recipe wrote"}},
	}
}

func wrongMethods() []misuse {
	by := func(method string, flags ...string) func(*kitchen) []string {
		return func(k *kitchen) []string {
			args := append([]string{"merge", "-o", k.out(), "--method", method}, k.mlps()...)
			return append(args, flags...)
		}
	}
	from := func(start string, flags ...string) func(*kitchen) []string {
		return func(k *kitchen) []string { return by("ties", append(flags, "--start", k.fixture(start))...)(k) }
	}
	return []misuse{
		{"a method mistyped", by("tees"), isRefused, exit.Usage, []string{"did you mean ties?"}},
		{"a parameter mistyped", by("ties", "--param", "densty=0.2"), isRefused, exit.Usage,
			[]string{`ties has no parameter "densty"`, "did you mean density?"}},
		{"a parameter in per cent", by("ties", "--param", "density=20"), isRefused, exit.Usage,
			[]string{"want a number above 0 and at most 1"}},
		{"a parameter without a number", by("ties", "--param", "density"), isRefused, exit.Usage,
			[]string{"want NAME=NUMBER"}},
		{"a parameter of another method", by("ties", "--param", "wudi.steps=9"), isRefused, exit.Usage,
			[]string{`parameter "wudi.steps"`}},
		{"weights for other than all models", by("linear", "--param", "weights=2,1"), isRefused, exit.Usage,
			[]string{"2 numbers for 3 models"}},
		{"weights that are all 0", by("linear", "--param", "weights=0,0,0"), isRefused, exit.Usage,
			[]string{"not all 0"}},
		{"a start for a method that takes none", by("slerp", "--start", "start.onnx"), isRefused, exit.Usage,
			[]string{"slerp does not look at it"}},
		{"task arithmetic without a start", by("task_arithmetic"), handled, exit.Done,
			[]string{"no --start is given", "the average is all that comes of task_arithmetic"}},
		{"ties without a start", by("ties"), handled, exit.Done, []string{"the mean of the models stands for it"}},
		{"a start of another training", from("mlp/seed1.onnx"), isRefused, exit.Align,
			[]string{"it does not look like the start of these models"}},
		{"a start of another training with --anyway", from("mlp/seed1.onnx", "--anyway"), warned, exit.Done,
			[]string{"it does not look like the start of these models"}},
		{"a start that is no model", from("val.npz"), isRefused, exit.Invalid, []string{"val.npz"}},
		{"-o names the start", func(k *kitchen) []string {
			start := k.model(k.fixture("mlp/start.onnx"), "start.onnx", newerOpset)
			return append([]string{"merge", "--method", "ties", "--start", start, "-o", start, "--force"}, k.mlps()...)
		}, isRefused, exit.Usage, []string{"start.onnx is an input"}},
		{"--try without data", by("ties", "--try", "wudi"), isRefused, exit.Usage, []string{"--try judges on data"}},
		{"apply without the start", func(k *kitchen) []string {
			recipe := k.path("ties.json")
			if got := command(from("mlp/start.onnx", "--recipe", recipe)(k)...); got.code != exit.Done {
				k.Fatal(got.stderr)
			}
			return append([]string{"apply", recipe, "-o", k.path("applied.onnx")}, k.mlps()...)
		}, isRefused, exit.Align, []string{"which is the start of the recipe", "give the start"}},
	}
}

// recipe merges with a recipe and returns its path.
func (k *kitchen) recipe() string {
	path := k.path("gates.json")
	if got := command(k.merge(k.good(), k.mlps(), "--recipe", path)...); got.code != exit.Done {
		k.Fatal(got.stderr)
	}
	return path
}

func wrongEvals() []misuse {
	return []misuse{
		{"eval without data", func(k *kitchen) []string { return []string{"eval", k.mlps()[0]} }, isRefused, exit.Usage,
			[]string{"no data is given"}},
		{"eval of models with other input sizes", func(k *kitchen) []string {
			return []string{"eval", k.mlps()[0], k.model(k.mlps()[1], "small.onnx", smallInput), "--data", k.good()}
		}, isRefused, exit.Align, []string{"small.onnx takes"}},
		{"eval of models whose inputs have other names", func(k *kitchen) []string {
			return []string{"eval", k.mlps()[0], k.model(k.mlps()[1], "renamed.onnx", otherNames), "--data", k.good()}
		}, handled, exit.Done, []string{"renamed.onnx"}},
		{"eval of a model with another number of classes", func(k *kitchen) []string {
			return []string{"eval", k.mlps()[0], k.model(k.mlps()[1], "nine.onnx", nineClasses), "--data", k.good()}
		}, isRefused, exit.Data, []string{"nine.onnx"}},
		{"match of models that do not align", func(k *kitchen) []string {
			return []string{"match", k.mlps()[0], k.fixture("resnet/ft0.onnx")}
		}, isRefused, exit.Align, []string{"no selected layer matches"}},
		{"match of a model and ONNX Runtime's optimised copy of it", func(k *kitchen) []string {
			return []string{"match", k.mlps()[0], k.model(k.mlps()[0], "optimised.onnx", laidOut)}
		}, warned, exit.Done, []string{"optimised.onnx is a copy that ONNX Runtime optimised"}},
		{"diff of a file that is no model", func(k *kitchen) []string {
			return []string{"diff", k.mlps()[0], k.good()}
		}, isRefused, exit.Invalid, []string{"data.npz"}},
		{"a mistyped command", func(*kitchen) []string { return []string{"mrge"} }, isRefused, exit.Usage,
			[]string{"did you mean merge?"}},
	}
}
