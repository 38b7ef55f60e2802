package main

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"github.com/sbinet/npyio/npz"

	"github.com/softmerge/softmerge/cmd/softmerge/internal/exit"
)

const notTheirs = "the data does not seem to belong to these models"

// shuffled are labels of other samples.
func shuffled(k *kitchen) func(int, int64) int64 {
	d := k.digits(300)
	order := rand.New(rand.NewPCG(1, 1)).Perm(len(d.y))
	return func(i int, _ int64) int64 { return d.y[order[i]] }
}

// many is a merge of MLPs by ten labels a sample, made of the class of another.
func (k *kitchen) many(of func(class, y int64) float32) []string {
	d, other, list := k.digits(300), shuffled(k), []float32(nil)
	for i := range d.y {
		for class := range int64(10) {
			list = append(list, of(class, other(i, 0)))
		}
	}
	return k.merge(k.arrays("many.npz", input(d), array{"label", "<f4", []int{300, 10}, list}), k.mlps(), "--method", "auto")
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// held is a merge that samples judge which something was done to.
func (k *kitchen) held(change func(digits)) []string {
	rest := k.digits(600)
	rest = digits{rest.x[64*300:], rest.y[300:]}
	change(rest)
	return k.merge(k.good(), k.family("cnn_bn", 3), "--holdout-data", k.npz("held.npz", rest))
}

// tokens writes sequences of tokens, by their places in all.
func (k *kitchen) tokens(id func(i int) int64) string {
	ids, ones, labels := make([]int64, 64*60), make([]int64, 64*60), make([]int64, 60)
	for i := range ids {
		ids[i], ones[i], labels[i/64] = id(i), 1, int64(i/64%10)
	}
	return k.arrays("ids.npz", array{"input_ids", "<i8", []int{60, 64}, ids},
		array{"attention_mask", "<i8", []int{60, 64}, ones}, array{"label", "<i8", []int{60}, labels})
}

// places is a merge of networks that say where the middle of a digit's ink is, by places that are scaled and moved.
func (k *kitchen) places(factor, offset float32) []string {
	r, err := npz.Open(k.fixture("tasks/heads/val.npz"))
	k.ok(err)
	defer r.Close()
	var pixels []uint8
	var at []float32
	k.ok(r.Read("image.npy", &pixels))
	k.ok(r.Read("at.npy", &at))
	for i := range at {
		at[i] = at[i]*factor + offset
	}
	n := len(at) / 2
	data := k.arrays("places.npz", array{"image", "|u1", []int{n, 1, 8, 8}, pixels}, array{"at", "<f4", []int{n, 2}, at})
	return k.merge(data, k.family("tasks/heads", 3), "--label", "middle=at", "--method", "auto", "--unseen", "merge")
}

// misusedData is what is wrong with the numbers that users give.
func misusedData() []chapter {
	return []chapter{
		{"Inputs scaled otherwise than in training", false, scaledInputs()},
		{"Labels", false, wrongLabels()},
		{"No labels", false, unlabelledData()},
		{"Samples", false, wrongSamples()},
		{"Groups", false, wrongGroups()},
		{"Loss, metric, output", false, wrongObjectives()},
	}
}

func scaledInputs() []misuse {
	scaled := func(family string, change func(float32) float32) func(*kitchen) []string {
		return func(k *kitchen) []string { return k.merge(k.pixels("pixels.npz", change), k.family(family, 3)) }
	}
	return []misuse{
		{"pixels of 0 to 255 for a network of 0 to 1, with BatchNormalization",
			scaled("cnn_bn", func(v float32) float32 { return 255 * v }), isRefused, exit.Data,
			[]string{notTheirs, "the first normalisation", "scale the data as in training"}},
		{"the same for a network without normalisations",
			scaled("mlp", func(v float32) float32 { return 255 * v }), isRefused, exit.Data, []string{notTheirs}},
		{"pixels of 0 to 16, with BatchNormalization",
			scaled("cnn_bn", func(v float32) float32 { return 16 * v }), isRefused, exit.Data,
			[]string{notTheirs, "the first normalisation"}},
		{"pixels of 0 to 1/255: divided twice",
			scaled("cnn_bn", func(v float32) float32 { return v / 255 }), isRefused, exit.Data, []string{notTheirs}},
		{"pixels of -1 to 1", scaled("cnn_bn", func(v float32) float32 { return 2*v - 1 }), isRefused, exit.Data,
			[]string{notTheirs}},
		{"ImageNet's mean and deviation for a network of 0 to 1",
			scaled("cnn_bn", func(v float32) float32 { return (v - 0.449) / 0.226 }), isRefused, exit.Data,
			[]string{notTheirs}},
		{"white on black for a network of black on white", scaled("mlp", func(v float32) float32 { return 1 - v }),
			isRefused, exit.Data, []string{notTheirs}},
		{"nothing but zeros", scaled("mlp", func(float32) float32 { return 0 }), isRefused, exit.Data,
			[]string{notTheirs, `input "input" is the same number`}},
		{"a NaN among the inputs", func(k *kitchen) []string {
			d := k.digits(100)
			d.x[64*40+3] = float32(math.NaN())
			return k.merge(k.npz("nan.npz", d), k.mlps())
		}, isRefused, exit.Data, []string{"NaN"}},
		{"one input of two is constant", func(k *kitchen) []string {
			return k.merge(k.pixels("p.npz", func(float32) float32 { return 1 }), k.mlps(), "--anyway",
				"--allow-parent")
		}, warned, exit.Done, []string{`input "input" is the same number`}},
		{"--anyway with --strict", func(k *kitchen) []string {
			return k.merge(k.pixels("p.npz", func(v float32) float32 { return 255 * v }), k.mlps(), "--anyway",
				"--strict")
		}, isRefused, exit.Usage, []string{"--anyway goes on where --strict stops"}},
	}
}

func wrongLabels() []misuse {
	relabelled := func(change func(int, int64) int64) func(*kitchen) []string {
		return func(k *kitchen) []string { return k.merge(k.labels("labels.npz", change), k.mlps()) }
	}
	return []misuse{
		{"labels shuffled against the samples", func(k *kitchen) []string {
			d := k.digits(300)
			rand.New(rand.NewPCG(1, 2)).Shuffle(len(d.y), func(i, j int) { d.y[i], d.y[j] = d.y[j], d.y[i] })
			return k.merge(k.npz("shuffled.npz", d), k.mlps())
		}, isRefused, exit.Data, []string{notTheirs}},
		{"labels shuffled against the samples, and another metric than accuracy", func(k *kitchen) []string {
			return k.merge(k.labels("shuffled.npz", shuffled(k)), k.mlps(), "--metric", "f1")
		}, isRefused, exit.Data, []string{notTheirs, "always answering the most frequent class: the best has accuracy"}},
		{"probabilities of classes, shuffled against the samples", func(k *kitchen) []string {
			return k.many(func(class, y int64) float32 { return []float32{0.01, 0.91}[b2i(class == y)] })
		}, isRefused, exit.Data, []string{notTheirs, "always answering the most frequent class: the best has accuracy"}},
		{"several labels a sample, shuffled against the samples", func(k *kitchen) []string {
			return k.many(func(class, y int64) float32 { return float32(b2i(class == y || class == (y+1)%10)) })
		}, isRefused, exit.Data, []string{notTheirs, "answering how frequent each is: the best has auc 0."}},
		{"classes counted from 1", relabelled(func(_ int, y int64) int64 { return y + 1 }), isRefused, exit.Data,
			[]string{"10", "class"}},
		{"one class only", relabelled(func(int, int64) int64 { return 3 }), isRefused, exit.Data,
			[]string{"all labels are of one class"}},
		{"two classes in each other's place", relabelled(func(_ int, y int64) int64 {
			return []int64{1, 0, 2, 3, 4, 5, 6, 7, 8, 9}[y]
		}), isRefused, exit.Data, []string{"classes have changed places"}},
		{"classes in another order (alphabetical)", relabelled(func(_ int, y int64) int64 {
			return []int64{9, 4, 8, 6, 3, 2, 7, 5, 0, 1}[y]
		}), isRefused, exit.Data, []string{notTheirs}},
		{"samples sorted by class", func(k *kitchen) []string {
			d, sorted := k.digits(300), digits{}
			for y := range int64(10) {
				for i, label := range d.y {
					if label == y {
						sorted.x, sorted.y = append(sorted.x, d.x[64*i:64*i+64]...), append(sorted.y, y)
					}
				}
			}
			return k.merge(k.npz("sorted.npz", sorted), k.mlps())
		}, handled, exit.Done, []string{"<- chosen"}},
		{"class numbers as floats", func(k *kitchen) []string {
			d := k.digits(300)
			return k.merge(k.arrays("floats.npz", input(d), array{"label", "<f4", []int{300}, float32s(d.y)}), k.mlps())
		}, handled, exit.Done, []string{"of 10 classes"}},
		{"class numbers as text, in quotes", func(k *kitchen) []string {
			var lines strings.Builder
			d := k.digits(300)
			for i, y := range d.y {
				pixels, err := json.Marshal(d.x[64*i : 64*i+64])
				k.ok(err)
				fmt.Fprintf(&lines, "{\"input\": %s, \"label\": \"%d\"}\n", pixels, y)
			}
			return k.merge(k.file("quoted.jsonl", lines.String()), k.mlps())
		}, handled, exit.Done, []string{"of 10 classes, label \"label\", loss cross_entropy", "<- chosen"}},
		{"one-hot rows", func(k *kitchen) []string {
			d := k.digits(300)
			hot := make([]float32, 3000)
			for i, y := range d.y {
				hot[10*i+int(y)] = 1
			}
			return k.merge(k.arrays("onehot.npz", input(d), array{"label", "<f4", []int{300, 10}, hot}), k.mlps())
		}, handled, exit.Done, []string{"of 10 classes"}},
		{"labels of shape [N, 1]", func(k *kitchen) []string {
			d := k.digits(300)
			return k.merge(k.arrays("column.npz", input(d), array{"label", "<i8", []int{300, 1}, d.y}), k.mlps())
		}, handled, exit.Done, []string{"of 10 classes"}},
		{"prices for a classifier", func(k *kitchen) []string {
			d := k.digits(300)
			prices := float32s(d.y)
			for i := range prices {
				prices[i] = 9.99 + prices[i]*1.5
			}
			return k.merge(k.arrays("prices.npz", input(d), array{"label", "<f4", []int{300}, prices}), k.mlps())
		}, isRefused, exit.Data, []string{"fit no output"}},
		{"two arrays that may be labels", func(k *kitchen) []string {
			d := k.digits(300)
			other := label(d)
			other.name = "weight"
			other.values = make([]int64, 300)
			return k.merge(k.arrays("spare.npz", input(d), label(d), other), k.mlps())
		}, handled, exit.Done, []string{`label "label"`}},
		{"fewer labels than samples", func(k *kitchen) []string {
			d := k.digits(300)
			return k.merge(k.arrays("few.npz", input(d), array{"label", "<i8", []int{299}, d.y[:299]}), k.mlps())
		}, isRefused, exit.Data, []string{"299"}},
		{"negative labels", relabelled(func(i int, y int64) int64 {
			if i == 7 {
				return -1
			}
			return y
		}), isRefused, exit.Data, []string{"-1"}},
		{"a wrong --label", func(k *kitchen) []string {
			return k.merge(k.npz("data.npz", k.digits(100)), k.mlps(), "--label", "labell")
		}, isRefused, exit.Data, []string{`"labell"`}},
	}
}

func float32s(list []int64) []float32 {
	out := make([]float32, len(list))
	for i, v := range list {
		out[i] = float32(v)
	}
	return out
}

func wrongGroups() []misuse {
	by := func(key string, groups ...array) func(*kitchen) []string {
		return func(k *kitchen) []string {
			d := k.digits(300)
			return k.merge(k.arrays("groups.npz", append(groups, input(d), label(d))...), k.mlps(), "--group", key)
		}
	}
	numbers := make([]int64, 300)
	for i := range numbers {
		numbers[i] = int64(i % 3)
	}
	return []misuse{
		{"groups beside the samples", by("domain", array{"domain", "<i8", []int{300}, numbers}), handled, exit.Done,
			[]string{"<- chosen", "group", "difference"}},
		{"groups that are the labels", by("label"), handled, exit.Done, []string{"<- chosen", "difference"}},
		{"a group that the data has not", by("domians", array{"domain", "<i8", []int{300}, numbers}), isRefused,
			exit.Data, []string{`no group "domians"`, `did you mean "domain"`}},
		{"groups that are an input", by("input"), isRefused, exit.Data, []string{"an input of the model"}},
		{"groups that are measurements", by("age", array{"age", "<f4", []int{300}, k300()}), isRefused, exit.Data,
			[]string{"whole numbers or text"}},
		{"fewer groups than samples", by("domain", array{"domain", "<i8", []int{200}, numbers[:200]}), isRefused,
			exit.Data, []string{"200 groups for 300 samples"}},
		{"groups without data", func(k *kitchen) []string { return k.uniform(k.mlps(), "--group", "domain") },
			isRefused, exit.Usage, []string{"no data to divide"}},
	}
}

// k300 are 300 numbers that are not whole.
func k300() []float32 {
	list := make([]float32, 300)
	for i := range list {
		list[i] = float32(i) + .5
	}
	return list
}

func wrongSamples() []misuse {
	few := func(n int) func(*kitchen) []string {
		return func(k *kitchen) []string { return k.merge(k.npz("few.npz", k.digits(n)), k.mlps()) }
	}
	return []misuse{
		{"one sample", few(1), isRefused, exit.Data, []string{"all labels are of one class"}},
		{"two samples", few(2), isRefused, exit.NoGain, []string{"<- kept", "no merged model beats the best parent"}},
		{"five samples", few(5), isRefused, exit.NoGain, []string{"<- kept", "no merged model beats the best parent"}},
		{"every sample twice", func(k *kitchen) []string {
			d := k.digits(200)
			return k.merge(k.npz("twice.npz", digits{append(d.x, d.x...), append(d.y, d.y...)}), k.mlps())
		}, handled, exit.Done, []string{"<- chosen"}},
		{"--holdout-data is --data", func(k *kitchen) []string {
			data := k.npz("data.npz", k.digits(300))
			return k.merge(data, k.mlps(), "--holdout-data", data)
		}, isRefused, exit.Data, []string{"all 300 held-out samples are in the data to learn on"}},
		{"--holdout-data is a copy of --data", func(k *kitchen) []string {
			return k.merge(k.npz("data.npz", k.digits(300)), k.mlps(),
				"--holdout-data", k.npz("copy.npz", k.digits(300)))
		}, isRefused, exit.Data, []string{"all 300 held-out samples are in the data to learn on"}},
		{"--holdout-data scaled otherwise than --data", func(k *kitchen) []string {
			return k.held(func(d digits) {
				for i := range d.x {
					d.x[i] *= 255
				}
			})
		}, isRefused, exit.Data, []string{notTheirs, "held-out data: ", "the first normalisation", "is x/255"}},
		{"--holdout-data with its labels shuffled against the samples", func(k *kitchen) []string {
			return k.held(func(d digits) {
				rand.New(rand.NewPCG(1, 2)).Shuffle(len(d.y), func(i, j int) { d.y[i], d.y[j] = d.y[j], d.y[i] })
			})
		}, isRefused, exit.Data, []string{notTheirs, "held-out data: no model is better than always answering"}},
		{"--holdout-data has a few samples of --data", func(k *kitchen) []string {
			d, rest := k.digits(300), k.digits(400)
			return k.merge(k.npz("data.npz", d), k.mlps(),
				"--holdout-data", k.npz("val.npz", digits{rest.x[64*290:], rest.y[290:]}))
		}, isRefused, exit.Data, []string{"10 of 110 held-out samples are in the data to learn on"}},
		{"--data names a file twice", func(k *kitchen) []string {
			data := k.npz("data.npz", k.digits(100))
			return k.merge(data, k.mlps(), "--data", data)
		}, isRefused, exit.Usage, []string{"is given twice"}},
		{"--holdout-data without labels", func(k *kitchen) []string {
			rest := k.digits(200)
			rest.x, rest.y = rest.x[64*100:], rest.y[100:]
			return k.merge(k.npz("data.npz", k.digits(100)), k.mlps(),
				"--holdout-data", k.arrays("nolabels.npz", input(rest)))
		}, isRefused, exit.Data, []string{"no labels"}},
		{"no samples at all", func(k *kitchen) []string {
			return k.merge(k.arrays("none.npz", array{"input", "<f4", []int{0, 1, 8, 8}, []float32{}},
				array{"label", "<i8", []int{0}, []int64{}}), k.mlps())
		}, isRefused, exit.Data, []string{"the array is empty"}},
		{"samples of another size", func(k *kitchen) []string {
			d := k.digits(100)
			return k.merge(k.arrays("size.npz", array{"input", "<f4", []int{100, 1, 4, 16}, d.x}, label(d)), k.mlps())
		}, isRefused, exit.Data, []string{"[100 1 4 16]", "[N 1 8 8]"}},
		{"channels last for a network of channels first", func(k *kitchen) []string {
			d := k.digits(100)
			rgb := make([]float32, 3*len(d.x))
			models := []string{k.model(k.fixture("cnn/ft0.onnx"), "rgb0.onnx", coloured),
				k.model(k.fixture("cnn/ft1.onnx"), "rgb1.onnx", coloured)}
			return k.merge(k.arrays("nhwc.npz", array{"input", "<f4", []int{100, 8, 8, 3}, rgb}, label(d)), models)
		}, isRefused, exit.Data, []string{"[100 8 8 3]", "[N 3 8 8]"}},
		{"float64 for float32", func(k *kitchen) []string {
			d := k.digits(300)
			wide := make([]float64, len(d.x))
			for i, v := range d.x {
				wide[i] = float64(v)
			}
			return k.merge(k.arrays("f8.npz", array{"input", "<f8", []int{300, 1, 8, 8}, wide}, label(d)), k.mlps())
		}, handled, exit.Done, []string{"<- chosen"}},
		{"labels that are the tokens themselves, as trainers of language models take them", func(k *kitchen) []string {
			ids, ones := make([]int64, 16*40), make([]int64, 16*40)
			for i := range ids {
				ids[i], ones[i] = int64(i*i%320), 1
			}
			of := func(name string, values []int64) array { return array{name, "<i8", []int{40, 16}, values} }
			return k.merge(k.arrays("ids.npz", of("input_ids", ids), of("attention_mask", ones), of("labels", ids)),
				k.family("tasks/gpt2", 2))
		}, isRefused, exit.Data, []string{"the labels are input \"input_ids\" itself", "labels[:, :-1] = ids[:, 1:]"}},
		{"token ids of -1 for padding", func(k *kitchen) []string {
			return append([]string{"eval", "--data", k.tokens(func(i int) int64 { return int64(max(-1, 16-i%64)) })},
				k.family("families/bert", 2)...)
		}, warned, exit.Done, []string{"input \"input_ids\", row 0, column 17: id -1 counts from the end of the model's table"}},
		{"token ids beyond the vocabulary", func(k *kitchen) []string {
			return k.merge(k.tokens(func(i int) int64 { return int64(i) }), k.family("families/bert", 2))
		}, isRefused, exit.Data, []string{"ids.npz: input \"input_ids\": row 0, column 17: id 17 is beyond the 17"}},
	}
}

func wrongObjectives() []misuse {
	with := func(flags ...string) func(*kitchen) []string {
		return func(k *kitchen) []string { return k.merge(k.npz("data.npz", k.digits(300)), k.mlps(), flags...) }
	}
	return []misuse{
		{"--metric mse for a classifier", with("--metric", "mse"), isRefused, exit.Data,
			[]string{"metric mse does not fit loss cross_entropy"}},
		{"--metric accuracy for numbers", func(k *kitchen) []string {
			d := k.digits(300)
			ten := make([]float32, 3000)
			for i := range ten {
				ten[i] = 5 * noise(i)
			}
			return k.merge(k.arrays("numbers.npz", input(d), array{"label", "<f4", []int{300, 10}, ten}), k.mlps(),
				"--metric", "accuracy")
		}, isRefused, exit.Data, []string{"metric accuracy does not fit"}},
		{"--loss mse with class numbers", with("--loss", "mse"), isRefused, exit.Data, []string{"fit no output"}},
		{"--loss bce with class numbers", with("--loss", "bce"), isRefused, exit.Data, []string{"fit no output"}},
		{"--metric auc where all labels are of one class", func(k *kitchen) []string {
			return k.merge(k.labels("one.npz", func(int, int64) int64 { return 3 }), k.mlps(), "--metric", "auc")
		}, isRefused, exit.Data, []string{"metric auc is not defined where no class has samples"}},
		{"--metric r2 where all labels are the same number", func(k *kitchen) []string {
			d := k.digits(60)
			return k.merge(k.arrays("same.npz", input(d), array{"label", "<f4", []int{60, 10}, ones(600)}), k.mlps(),
				"--loss", "mse", "--metric", "r2")
		}, isRefused, exit.Data, []string{"metric r2 is not defined where all labels are the same number"}},
		{"labels of which none counts", func(k *kitchen) []string {
			return k.merge(k.labels("none.npz", func(int, int64) int64 { return -100 }), k.mlps())
		}, isRefused, exit.Data, []string{"no label counts: all are [-100]"}},
		{"a --model-output that is not there", with("--model-output", "probs"), isRefused, exit.Data,
			[]string{`the model has no output "probs"`}},
		{"a mistyped --metric", with("--metric", "accurate"), isRefused, exit.Usage, []string{"want auto, accuracy"}},
		{"numbers that nothing predicts, for an output of ten numbers", func(k *kitchen) []string {
			d := k.digits(300)
			ten := make([]float32, 3000)
			for i := range ten {
				ten[i] = 5 * noise(i)
			}
			return k.merge(k.arrays("numbers.npz", input(d), array{"label", "<f4", []int{300, 10}, ten}), k.mlps(), "--method", "soft")
		}, isRefused, exit.Data, []string{notTheirs, "no model is better than always answering the mean"}},
		{"targets in another unit than the models'", func(k *kitchen) []string { return k.places(1e3, 0) }, isRefused, exit.Data,
			[]string{"no model is better than always answering the mean, with a loss of", "check the unit and order of the labels"}},
		{"targets counted from another zero", func(k *kitchen) []string { return k.places(1, 5) }, isRefused, exit.Data,
			[]string{"no model is better than always answering the mean"}},
		{"--unseen merge, for the layers of an output without a label", func(k *kitchen) []string { return k.places(1, 0) }, warned, exit.Done,
			[]string{"loss mse", "judged by nothing", "merged all the same", "<- chosen"}},
		{"--holdout 0", with("--holdout", "0"), isRefused, exit.Usage, []string{"--holdout 0: want a share"}},
		{"--batch-size of a billion", with("--batch-size", fmt.Sprint(1<<30)), isRefused, exit.Usage,
			[]string{"--batch-size"}},
	}
}
