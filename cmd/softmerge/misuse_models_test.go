package main

import (
	"math"
	"os"
	"path/filepath"

	"github.com/softmerge/softmerge/cmd/softmerge/internal/exit"
)

// misusedModels is what is wrong with the models that users give.
func misusedModels() []chapter {
	return []chapter{
		{"Models that are no ONNX files", false, noModels()},
		{"Models that are not alike", false, unlikeModels()},
		{"Models with other ends", false, otherEnds()},
		{"Parents that are broken or bad", false, brokenParents()},
		{"Averaging without data", false, blindAverages()},
	}
}

// good is data that fits.
func (k *kitchen) good() string { return k.npz("data.npz", k.digits(300)) }

func noModels() []misuse {
	with := func(other func(*kitchen) string) func(*kitchen) []string {
		return func(k *kitchen) []string { return k.merge(k.good(), []string{k.mlps()[0], other(k)}) }
	}
	hostile := func(name string) func(*kitchen) []string {
		return with(func(k *kitchen) string { return k.fixture("hostile/" + name) })
	}
	return []misuse{
		{"a PyTorch checkpoint (.pt)", hostile("pytorch_zip.onnx"), isRefused, exit.Invalid,
			[]string{"as PyTorch checkpoints are: export the model to ONNX"}},
		{"a Keras file (.keras)", with(func(k *kitchen) string {
			return k.file("model.keras", "PK\x03\x04\x14\x00\x00\x00\x00\x00\x00\x00metadata.json")
		}), isRefused, exit.Invalid, []string{"model.keras"}},
		{"a safetensors file", with(func(k *kitchen) string {
			return k.file("model.safetensors", "\x02\x00\x00\x00\x00\x00\x00\x00{}")
		}), isRefused, exit.Invalid, []string{"model.safetensors"}},
		{"a login page that was downloaded", hostile("html.onnx"), isRefused, exit.Invalid,
			[]string{"this looks like a web page"}},
		{"a pointer of Git LFS", hostile("lfs_pointer.onnx"), isRefused, exit.Invalid, []string{"git lfs pull"}},
		{"an empty file", hostile("empty.onnx"), isRefused, exit.Invalid, []string{"empty"}},
		{"a file cut off", hostile("truncated.onnx"), isRefused, exit.Invalid, []string{"truncated.onnx"}},
		{"weights in a file of their own that did not come along", hostile("external_missing_file.onnx"), isRefused,
			exit.Invalid, []string{"external"}},
		{"weights in a file outside the model's folder", hostile("external_parent_folder.onnx"), isRefused,
			exit.Invalid, []string{"external"}},
		{"a folder", with(func(k *kitchen) string { return k.dir }), isRefused, exit.Failure, []string{"folder"}},
		{"a file that is not there", with(func(k *kitchen) string { return filepath.Join(k.dir, "m.onnx") }), isRefused,
			exit.Failure, []string{"there is no such file"}},
		{"data among the models", func(k *kitchen) []string {
			data := k.good()
			return k.merge(data, append(k.mlps(), data))
		}, isRefused, exit.Invalid, []string{"data.npz"}},
	}
}

func unlikeModels() []misuse {
	beside := func(make func(k *kitchen) string) func(*kitchen) []string {
		return func(k *kitchen) []string { return k.merge(k.good(), append(k.mlps()[:2:2], make(k))) }
	}
	const ok = exit.Done
	return []misuse{
		{"a model of another architecture", beside(func(k *kitchen) string { return k.fixture("resnet/ft0.onnx") }),
			isRefused, exit.Align, []string{"do not align", "softmerge match"}},
		{"a model of another number of classes", beside(func(k *kitchen) string {
			return k.model(k.mlps()[2], "nine.onnx", nineClasses)
		}), isRefused, exit.Align, []string{"has shape [9 32]", `--except "5"`}},
		{"the same, and its last layer left out", func(k *kitchen) []string {
			nine := k.model(k.mlps()[2], "nine.onnx", nineClasses)
			return k.merge(k.good(), append(k.mlps()[:2:2], nine), "--except", "5")
		}, warned, ok, []string{"nine.onnx cannot be judged as it is",
			"what the base's graph does with its weights but those of", "<- chosen"}},
		{"a model of another input size", beside(func(k *kitchen) string {
			return k.model(k.mlps()[2], "small.onnx", smallInput)
		}), isRefused, exit.Align, []string{"has shape [64 49]"}},
		{"another opset", beside(func(k *kitchen) string { return k.model(k.mlps()[2], "newer.onnx", newerOpset) }),
			handled, ok, []string{"<- chosen"}},
		{"inputs, outputs and nodes of other names", beside(func(k *kitchen) string {
			return k.model(k.mlps()[2], "renamed.onnx", otherNames)
		}), handled, ok, []string{"<- chosen"}},
		{"BatchNormalization folded in one model, nodes in the others", func(k *kitchen) []string {
			return k.merge(k.good(), append(k.family("cnn_bn", 2), k.fixture("cnn/ft2.onnx")))
		}, handled, ok, []string{"<- chosen"}},
		{"float16 beside float32", beside(func(k *kitchen) string { return k.model(k.mlps()[2], "half.onnx", halves) }),
			handled, ok, []string{"<- chosen"}},
		{"a quantised model beside a float one", beside(func(k *kitchen) string {
			return k.model(k.mlps()[2], "quantised.onnx", quantisedMLP)
		}), warned, ok, []string{"quantised.onnx is quantised and merged in float", "<- chosen"}},
		{"quantised models alone", func(k *kitchen) []string {
			var list []string
			for i, m := range k.mlps() {
				list = append(list, k.model(m, []string{"q0.onnx", "q1.onnx", "q2.onnx"}[i], quantisedMLP))
			}
			return k.merge(k.good(), list)
		}, warned, ok, []string{"q0.onnx, q1.onnx, q2.onnx are quantised and merged in float", "<- chosen"}},
		{"quantised models from which the quantiser dropped the activations", func(k *kitchen) []string {
			return k.merge(k.good(), []string{k.mlps()[0], k.fixture("unlike/quantised/relu1.onnx"),
				k.fixture("unlike/quantised/relu2.onnx")})
		}, warned, ok, []string{"around activations a Clip to the same range", "<- chosen"}},
		{"a model that quantize_dynamic wrote", beside(func(k *kitchen) string {
			return k.model(k.mlps()[2], "dynamic.onnx", dynamicMLP)
		}), isRefused, exit.Unsupported, []string{"operators that compute with integers", "quantize_dynamic on the result"}},
		{"a copy that ONNX Runtime optimised for its processor", beside(func(k *kitchen) string {
			return k.model(k.mlps()[2], "optimised.onnx", laidOut)
		}), isRefused, exit.Unsupported, []string{"optimised.onnx is a copy that ONNX Runtime optimised for one kind of processor",
			"merge the file that it was made from", "ORT_ENABLE_EXTENDED"}},
		{"averages of such copies, which may be laid out differently", func(k *kitchen) []string {
			return k.uniform([]string{k.model(k.mlps()[0], "a.onnx", laidOut), k.model(k.mlps()[1], "b.onnx", laidOut)})
		}, isRefused, exit.Unsupported, []string{"a.onnx is a copy that ONNX Runtime optimised"}},
		{"one model ends in softmax, the others in logits", beside(func(k *kitchen) string {
			return k.model(k.mlps()[2], "softmax.onnx", softmaxAtTheEnd)
		}), handled, ok, []string{"<- chosen"}},
		{"one model has two classes in each other's place", beside(func(k *kitchen) string {
			return k.model(k.mlps()[2], "swapped.onnx", swappedClasses)
		}), isRefused, exit.Align, []string{"swapped.onnx has 2 classes in another order", "3 as 7, 7 as 3"}},
		{"BatchNormalization in training mode", func(k *kitchen) []string {
			models := k.family("cnn_bn", 2)
			return k.merge(k.good(), append(models, k.model(models[0], "training.onnx", trainingMode)))
		}, isRefused, exit.Unsupported, []string{"was exported in training mode"}},
		{"the same file twice", func(k *kitchen) []string {
			m := k.mlps()[0]
			return k.merge(k.good(), []string{m, m})
		}, warned, ok, []string{"are the same file, byte for byte"}},
		{"a copy of a model", func(k *kitchen) []string {
			data, err := os.ReadFile(k.mlps()[0])
			k.ok(err)
			return k.merge(k.good(), []string{k.mlps()[0], k.file("copy.onnx", string(data))})
		}, warned, ok, []string{"identical in every selected layer", "are the same file"}},
		{"a model under two names, its weights too", func(k *kitchen) []string {
			return k.merge(k.good(), append(k.mlps(), k.model(k.mlps()[2], "renamed.onnx", otherNames)))
		}, warned, ok, []string{"renamed.onnx has the weights of ft2.onnx", "<- chosen"}},
		{"one model", func(k *kitchen) []string { return k.merge(k.good(), k.mlps()[:1]) }, isRefused, exit.Usage,
			[]string{"at least 2"}},
		{"a model without weights", func(k *kitchen) []string {
			relu := k.fixture("onnx-node-tests/test_relu/model.onnx")
			return k.merge(k.good(), []string{relu, k.model(relu, "other.onnx", newerOpset)})
		}, isRefused, exit.Align, []string{"they have no weights"}},
	}
}

func brokenParents() []misuse {
	const ok = exit.Done
	beside := func(change func(tensor string, i int, w float32) float32) func(*kitchen) []string {
		return func(k *kitchen) []string {
			return k.merge(k.good(), append(k.mlps()[:2:2], k.weights(k.mlps()[2], "broken.onnx", change)))
		}
	}
	all := func(change func(tensor string, i int, w float32) float32) func(*kitchen) []string {
		return func(k *kitchen) []string {
			var list []string
			for i, m := range k.mlps() {
				list = append(list, k.weights(m, []string{"b0.onnx", "b1.onnx", "b2.onnx"}[i], change))
			}
			return k.merge(k.good(), list)
		}
	}
	in := func(tensor string, change func(i int, w float32) float32) func(string, int, float32) float32 {
		return func(name string, i int, w float32) float32 {
			if name == tensor {
				return change(i, w)
			}
			return w
		}
	}
	nan := func(i int, w float32) float32 {
		if i == 5 {
			return float32(math.NaN())
		}
		return w
	}
	return []misuse{
		{"a NaN in a weight of one model", beside(in("3.weight", nan)), handled, ok,
			[]string{"broken.onnx has a NaN or an infinity here and is left out"}},
		{"a NaN in a weight of every model", all(in("3.weight", nan)), isRefused, exit.NoGain,
			[]string{"no model, parent or merged, has a finite loss"}},
		{"one untrained model", beside(func(_ string, i int, _ float32) float32 { return noise(i) / 8 }), handled, ok,
			[]string{"<- chosen"}},
		{"nothing but untrained models", all(func(_ string, i int,
			w float32) float32 {
			return noise(i+int(1e4*w)) / 8
		}),
			isRefused, exit.Data, []string{notTheirs}},
		{"one layer's sign is flipped", beside(in("3.weight", func(_ int, w float32) float32 { return -w })), handled,
			ok,
			[]string{"<- chosen"}},
		{"one layer is a million times too large",
			beside(in("3.weight",
				func(_ int, w float32) float32 { return 1e6 * w })), handled, ok, []string{"<- chosen"}},
		{"one layer is zero", beside(in("3.weight", func(int, float32) float32 { return 0 })), handled, ok,
			[]string{"<- chosen"}},
		{"a good model and two bad ones", func(k *kitchen) []string {
			bad := func(_ string, i int, w float32) float32 { return w + noise(i)/2 }
			return k.merge(k.good(), []string{k.weights(k.mlps()[0], "b0.onnx", bad), k.fixture("mlp/seed0.onnx"),
				k.weights(k.mlps()[1], "b1.onnx", bad)})
		}, isRefused, exit.NoGain, []string{"<- kept", "no merged model beats the best parent"}},
	}
}

func blindAverages() []misuse {
	return []misuse{
		{"two trainings from different starts", func(k *kitchen) []string {
			return k.uniform([]string{k.fixture("mlp/seed0.onnx"), k.fixture("mlp/seed1.onnx")}, "--permute", "none")
		}, isRefused, exit.Align, []string{"they are not fine-tunes of one start"}},
		{"one layer of one model is a hundred times too large", func(k *kitchen) []string {
			large := k.weights(k.mlps()[2], "large.onnx", func(name string, _ int, w float32) float32 {
				if name == "3.weight" {
					return 100 * w
				}
				return w
			})
			return k.uniform(append(k.mlps()[:2:2], large))
		}, isRefused, exit.Align, []string{"100 times as large in large.onnx"}},
		{"one layer of one model has the other sign", func(k *kitchen) []string {
			flipped := k.weights(k.mlps()[1], "flipped.onnx", func(name string, _ int, w float32) float32 {
				if name == "3.weight" {
					return -w
				}
				return w
			})
			return k.uniform([]string{k.mlps()[0], flipped})
		}, isRefused, exit.Align, []string{"has its sign flipped in flipped.onnx"}},
		{"an untrained model", func(k *kitchen) []string {
			random := k.weights(k.mlps()[1], "random.onnx",
				func(_ string, i int, _ float32) float32 { return noise(i) / 8 })
			return k.uniform([]string{k.mlps()[0], random})
		}, isRefused, exit.Align, []string{"they are not fine-tunes of one start"}},
		{"one model subtracts the mean and divides by the deviation itself", func(k *kitchen) []string {
			return k.uniform(append(k.mlps()[:2:2], k.model(k.mlps()[2], "other.onnx", normalised)))
		}, warned, exit.Done, []string{"the average takes inputs and gives outputs as the base does"}},
		{"two classes of one model are in each other's place", func(k *kitchen) []string {
			return k.uniform(append(k.mlps()[:2:2], k.model(k.mlps()[2], "swapped.onnx", swappedClasses)))
		}, isRefused, exit.Align, []string{"swapped.onnx has 2 outputs", "the base's 3 is its 7"}},
		{"an untrained model with --anyway", func(k *kitchen) []string {
			random := k.weights(k.mlps()[1], "random.onnx",
				func(_ string, i int, _ float32) float32 { return noise(i) / 8 })
			return k.uniform([]string{k.mlps()[0], random}, "--anyway")
		}, warned, exit.Done, []string{"they are not fine-tunes of one start"}},
	}
}
