package main

import (
	"fmt"
	"strings"

	"github.com/softmerge/softmerge/gating/method"
)

// helpMethods explains the methods that merge weights alone, and lists them.
func helpMethods() string {
	var s strings.Builder
	s.WriteString(methodsHead)
	for _, m := range method.All() {
		entry(&s, 2, 21, m.Name, m.Does+" ("+sourceOf(m)+")")
		for _, p := range m.Params {
			entry(&s, 21, 35, fmt.Sprintf("%s=%v", p.Name, p.Default), p.Does)
		}
	}
	s.WriteString(methodsTail)
	return s.String()
}

// sourceOf is where a method is from: the number of its paper at arXiv, or its author.
func sourceOf(m method.Method) string {
	if m.Paper[0] >= '0' && m.Paper[0] <= '9' {
		return "arXiv " + m.Paper
	}
	return m.Paper
}

// entry prints a name at a column and what it means at another, in lines that fit.
func entry(s *strings.Builder, at, indent int, name, text string) {
	const width = 98
	line := strings.Repeat(" ", at) + fmt.Sprintf("%-*s", indent-at, name)
	for _, word := range strings.Fields(text) {
		if len(line)+len(word) >= width {
			s.WriteString(strings.TrimRight(line, " ") + "\n")
			line = strings.Repeat(" ", indent)
		}
		line += word + " "
	}
	s.WriteString(strings.TrimRight(line, " ") + "\n")
}

const methodsHead = `--method NAME merges by weights alone: no data is needed, and nothing is judged without. With
--data the merge is judged against the models as the average is. --try NAME,NAME adds such merges to the
table of the default method. --param NAME=NUMBER sets a parameter, --param NAME.PARAMETER=NUMBER that
of one of several methods, --param weights=2,1,1 how much each model counts.

`

const methodsTail = `
What models add to their common start are their task vectors. --start FILE names that start. Without
it the mean of the models stands for it; task vectors then add up to nothing, and methods that look
at their sum alone (task_arithmetic, model_stock, lines, consensus, iso_c) give the average.

Each tensor is merged by itself; trimming and selection, too, where papers take the model as one
vector. iso_c, tsv_m and wudi look at weights of linear maps, a convolution being the matrix of
outputs by inputs times kernel, and average all else: biases, scales, embeddings. The other methods
merge every tensor alike. A BatchNormalization is averaged by every method, as the map a*x+b that it
computes, so that no variance is negative.

On networks of tens of millions of weights iso_c and tsv_m take minutes and wudi an hour or more;
--param wudi.steps=30 is a tenth of that. All others take seconds.

Recipes (--recipe) hold the method, its parameters, the seed and the start's sha256, and no weights:
softmerge apply RECIPE MODELS... --start FILE computes the same bytes again.

--method emr (arXiv 2405.17461) makes no one model of all: its file stays several, for models that
were trained from one start for different tasks. An input more, task_id, a scalar of int64, says
which of the models answers: 0, 1, ... in the order in which they were given. The file holds the
start, one task vector elected from theirs, a mask of a bit a weight for each task and a factor for
each, and makes of them the weights of the task asked for. Heads (the layers that outputs come
from), biases, normalisations and layers that the start has not are kept whole for each task. Heads
may differ in meaning and, where they are linear and no more than a softmax follows, in size. A
weight takes about nine bytes for up to eight tasks (before opset 11 eight, and one for each task)
where J models take 4 J.

  --task N           write the plain model of task N, without that input: the same weights
  --require-task     give task_id no default value. Else it is 0 where a client gives none; ONNX
                     Runtime's clients in JavaScript cannot set an input that has a default, and
                     answer as task 0 without a word
  --only, --except   layers that are not selected are the base's in every task

A batch is of one task. Weights are computed in the graph, once a run: a run takes longer by passes
over all weights, which shows in small batches. Some runtimes want weights of convolutions to be
constant (ONNX Runtime's CPU provider does not, its NNAPI provider does); there, use --task. One
file of all tasks needs opset 9 (10 for heads of different size) and IR version 4, --task neither.
A file of several tasks is refused as a model to merge.

--method se (SE-Merging, arXiv 2506.18135, in a form of our own without any learning) mixes the models
for every sample, and needs no word on what a sample is: the graph compares it with a prototype of
each model, the mean of the samples that the model is for, and weighs the models by the softmax of
-||h - p||^2 / tau. --data says which samples those are: one file for each model, in the models'
order, or else any samples, of which each is for the model with the least loss on it. It also says
what layer the comparison is best made at, by the loss of the files themselves on half of the
samples, and tau, by how well each sample is told without it. The result is judged beside the models
and their average; where the average, one model, does as well, that is said. With --loss distill no
labels are needed: with a file for each model, that model's answers take their place.

--method smear (SMEAR, arXiv 2306.03745) does the same by a router that learns: softmax of a linear map
of the sample, normalised. It starts at prototypes and learns by --loss, of labels or, with --loss
distill, of the models' own answers, while the models stay as they are (--epochs, --max-steps, --lr).
In the paper experts learn too, and some are dropped in between so that none falls behind; here none
learns. Where the router becomes a constant, that is said.

  --router PATTERN   look at what a layer that the pattern chooses reads
  --task N           write the plain model that the file has of model N

Layers that the graph lists before the router are shared, as the models' mean. All others are
computed by all models, J times the work and J times the weights of one, and mixed exactly, each
sample by itself: a batch may hold any samples. Layers that are not linear in their parameters (LSTM,
GRU), that read samples folded into another axis, or whose weights pass through other nodes first are
refused by name: --except leaves them the base's. The file needs opset 9, float32 and a dynamic batch
axis, and any runtime that runs the models runs it. It is refused as a model to merge.`
