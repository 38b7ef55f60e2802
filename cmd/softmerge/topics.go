package main

import "github.com/spf13/cobra"

// topics are help texts that belong to no single command.
func topics() []*cobra.Command {
	return []*cobra.Command{
		{Use: "patterns", Short: "How --only and --except choose layers", Long: helpPatterns},
		{Use: "data", Short: "What files --data takes", Long: helpData},
		{Use: "losses", Short: "What --loss and --metric mean, and what labels they take", Long: helpLosses},
		{Use: "candidates", Short: "What the names in merge's table mean", Long: helpCandidates},
		{Use: "methods", Short: "Methods that merge weights alone, by name", Long: helpMethods()},
		{Use: "config", Short: "What a file for --config says", Long: helpConfig},
		{Use: "exit-codes", Short: "What the exit codes mean", Long: helpExitCodes},
	}
}

const helpPatterns = `--only PATTERN and --except PATTERN choose layers. Both can be given several times: a layer
is merged if it matches any --only (or there is none) and no --except.

  'conv*'            a glob over tensor names, node names and scopes, component by component:
                     conv1.weight, layer1.0.conv2, /layer1/layer1.0/conv2/Conv
  layer1             everything below layer1
  layer1.0           everything below its first block
  /conv1             from the start of the name: conv1.weight, not layer1.0.conv1
  'layer{1,2}'       either; ? stands for one character, [a-z] for one of several
  op:Conv            operator types; 'op:*Normalization' several of them
  between:A,B        the layers on paths from tensor A to tensor B

A layer is merged whole: a pattern that finds a bias chooses its weight too. Quote globs, or the
shell expands them. "softmerge inspect A.onnx" lists the names; "softmerge merge --dry-run" shows
what a command would merge. A pattern that matches nothing is an error.`

const helpConfig = `softmerge merge --config FILE reads models and flags from a YAML file: models, and
every flag of merge by its long name. Lists are flags given several times. What the command line says
counts before the file, and paths are relative to where the command runs.

  models:
    - m0.onnx
    - {model: m1.onnx, weight: 2}     # all with a weight, or none: those of --param weights=...
  method: ties
  start: base.onnx
  param: {density: 0.3, lambda: 1}
  only: ['conv*', head]
  output: merged.onnx
  data: val.npz

A key that is no flag is an error, with the nearest one.`

const helpData = `--data FILE is told apart by its name:

  .npz               arrays by key: the graph's input names, and label, labels, y or target (or
                     --label KEY). One input and one label need no names.
  .safetensors       arrays by key, as in .npz
  .npy               one array for the only input, without labels
  .csv, .tsv         a header row, then a row a sample: numbers, sentences, names of image files;
                     --label names the column
  IDX                train-images-idx3-ubyte and its like, with or without .gz, as MNIST has them
  .parquet           columns of numbers, lists, text, and images as Hugging Face has them; a folder
                     that was downloaded from its Hub is one data set: FOLDER#validation
  .jsonl, .json      a JSON object a line, or a list of objects: numbers, lists, text
  .tar               WebDataset: .jpg, .png, .webp, .npy or .npz beside .cls, .txt or .json
  a folder           images in a folder a class, with metadata.csv or .jsonl as Hugging Face has them,
                     with annotations as COCO has them or with masks, or in no folder, without labels;
                     files of one of the kinds above, as one data set in the order of their names;
                     MNIST's files; or ONNX test data (test_data_set_0/input_0.pb)

Without labels say --loss distill or --loss entropy (softmerge help losses).

--data can be given several times: the files are joined in that order. Patterns are not expanded.

Data may be larger than memory. Beyond --data-memory arrays are used from disk: .npy and
.safetensors of the graph's type where they lie, all else in temporary files without names (TMPDIR;
--data-disk bounds them, and the last twentieth of a disk is left alone). A share that is held out,
and each fold, is a copy: three times the data is what disk must have. Text, JSON lines and the
.json and .txt of archives are read in memory and have to fit. Not on Windows: there data must
fit in memory.

Labels that are text are names of classes, numbered in the order of --classes FILE, else of the
names themselves, and which is which is said. Labels that are lists of several lengths ([3, 7], in
tables 3;7) are sets of classes: several at once, learned with --loss bce.

What no name decides is decided by type and shape, if only one array fits; what was taken and what
was left is said. Where x_train, y_train lie beside x_test, y_test, or a folder has files or folders
of train and test, say which part you mean: FILE#test, FOLDER#train (validation, too).

Text goes through --tokenizer tokenizer.json (found beside the data or the model) into what the
graph's inputs are named after: input_ids, attention_mask, token_type_ids, position_ids. --text KEY
names the text, --text KEY1,KEY2 two that belong together; --max-length N bounds tokens. Lengths
stay as they are where the axis is symbolic, rounded up to eights where there is a mask. For
language models --label next is the token that follows, -100 where none does.

Samples may differ in length along axes that are symbolic in the graph, as sentences do: give a
file for each length, ONNX test data whose sets differ, or an .npz with padded arrays and an
integer array "lengths" of how many leading positions of each sample are real, along the first
symbolic axis after the batch. Samples are cut to their lengths, and so are labels that have one
for each position; "NAME.lengths" cuts one input or the label alone. Samples of different shapes
are never in one batch, and every sample weighs the same. A thousand shapes is the most; dozens
merge faster than hundreds.

--group KEY names one whole number or one text a sample, such as its domain, that no network sees
(text in .npz is an array of NumPy's str, no object). merge and eval then show the metric of every
group beside the whole: of the best parent, the merge and where another parent is better. Each class
by itself is --group label, and --group @file has a group for each --data. Nothing is chosen by it,
but a merge that is worse than the best parent on a group, by more than chance in any of the groups
(McNemar's exact test, or the standard error; 5 % divided by the number of groups), is warned of.

The first axis counts samples. Integers become floats where the graph wants floats. Arrays are fed
as they are: nothing is scaled or clipped. Pictures in IDX files are preprocessed as images are; where
the graph takes rows of pixels instead they become 0 to 1.
Who learns and who judges: softmerge help candidates.

Images (PNG, JPEG, GIF, WebP, BMP, TIFF) reach the network as it was trained. What you know you
say; the flags apply in this order:

  --preprocess FILE  preprocessor_config.json of Hugging Face, config.json of timm; or a name:
                     imagenet (the middle 224 of 256, mean and deviation), 0..1, 0..255, -1..1,
                     caffe (blue green red, less the mean), mnist. Other flags override parts of it
  --resize SIZE      256 is the shorter edge, 256x320 height x width, squash the network's size,
                     letterbox the same with proportions kept, in the middle of grey as Ultralytics
                     has it (letterbox:640), none; --interpolation as Pillow's, antialiased, or
                     aliased: the bilinear of TensorFlow, OpenCV and torchvision's tensors
  --crop SIZE        the middle, 224 or 224x288; black where the image is smaller
  --scale 1/255      what 0 to 255 is multiplied by, or the range it becomes: 0..1, -1..1
  --mean, --std      taken off, and divided by: 0.485,0.456,0.406
  --bgr, --layout    the order of colours; where the channels are, if the graph does not say

What you do not say is found by running the models on 64 to 512 of the images, and named: first under
each of these conventions, then with the image squashed or its middle cut out (0.7 to all of the
shorter edge) and other interpolations. A usual way is taken unless another is better by two standard
errors, or four where all images have the network's size; what may be as right is named, with a
warning where it looks better. Where the models do not tell, images are squashed to 0..1, with a
warning. Networks that take integers get 0 to 255.
The rotation that cameras note is ignored, and transparency is dropped, as torchvision's ImageFolder does.

A folder's classes are numbered by the names of their folders in alphabetical order, or by number
where all names are numbers; ImageFolder has "10" before "2", and if the models say so that order is
taken. --classes FILE gives the names of the model's classes in order (one a line, a JSON list, or
a config.json with id2label) and is needed where there are folders for some of them only. Images that
the rows of a .csv or .jsonl file name lie beside it or in folders there.`

const helpLosses = `--loss is what gates learn to make small, --metric what models are judged by. Both follow from the
output and the labels unless they are named, and every run says what they are.

  cross_entropy      one class of several, for a sample, a token or a pixel. Labels are class indices,
                     one-hot rows, or probabilities of classes that add up to one. -100 does not count,
                     nor does 255 where samples have several positions and there is no such class;
                     --ignore-index names others.
                     metrics: accuracy, top5, f1 (mean over classes), f1_micro, auc (each class against
                     the rest), perplexity, miou
  bce                things that are there or not, each by itself. Labels are 0, 1 or between, or sets of
                     classes.
                     metrics: accuracy, f1, f1_micro, auc, miou
  mse, mae, huber    numbers; huber is linear beyond --huber-delta.
                     metrics: mse, rmse, mae, r2
  detection          where things are, and which: boxes and scores. Labels are, for each picture, rows of
                     class, x1, y1, x2, y2 in pixels of what the network sees or in shares of it, padded
                     with a class of -1; or annotations as COCO has them. Outputs are boxes [N,K,4] and
                     scores [N,K,classes], or one [N,K,4+classes] or [N,4+classes,K]: corners or middle and
                     size, probabilities or logits, with a score of nothing or of anything or without. How
                     they are to be read is found by the first model's own answers, and said.
                     metrics: map (COCO's, IoU .50 to .95), map50
  distill            no labels: the merge is to answer as the models do on average, each weighing the
                     more the more certain it is of a sample than of others: exp(-3 (entropy - its
                     mean)). Probabilities of classes (cross-entropy), of single things (after a
                     sigmoid; distill_bce says it of logits) or numbers (distill_mse; there all weigh
                     the same). Without a softmax or sigmoid at the end, several numbers are taken for
                     scores of classes. Of three models or more one whose answers have nothing to do with
                     the others' is left out.
                     The majority counts: two models that are wrong alike outvote one that is right,
                     and nothing in data without labels can tell
                     metrics: agreement with that mean; for numbers mse, rmse, mae, r2
  entropy            no labels: answers are to be certain (AdaMerging), of classes or, after a sigmoid,
                     of single things (entropy_bce says it of logits). metric: loss

The output may hold logits or probabilities: the end of the graph, or the numbers, tell. The metric
"loss" judges by the loss alone. Where labels fit several outputs, --model-output names one; of logits
and their softmax the logits are taken.

Several outputs are learned and judged at once where each has its label: --label OUTPUT=KEY for each,
and --loss OUTPUT=WORD, --metric OUTPUT=WORD, --loss-weight OUTPUT=NUMBER where the default is not what
you want. The losses are added up by their weights, models are judged by the sum, and the metric of each
output is shown. A merge with a smaller sum that is worse than a parent at one output is warned of.

Layers that only other outputs depend on are judged by nothing. They stay the base's, and so do those that
they share with the judged output; --unseen merge merges them all the same.`

const helpCandidates = `merge judges many models on samples that they were not learned from, and writes the best:

  parent FILE        one of the models, as it is
  uniform            the average of all
  greedy             the average of those that help, best first
  soft:channel       gates learned for each output channel; soft:layer for each layer, and so on
  transplant         weights computed layer by layer: the linear map of what reaches a layer that comes
                     nearest to what the models compute there, each counting by how well it answers a
                     sample. Units need be in no common order
  finetune           the best model's weights trained on (--method finetune)
  ties, wudi, ...    merges of weights alone, by --try or --method (softmerge help methods)

What may follow:

  +transplant        gates of the models and of the transplant, which start at the transplant; after
                     finetune, the transplant's weights trained on, on labels that are half the data's
                     and half what the models and the transplant answer
  :rounded           gates at 0 or 1 instead of between
  +recalibrated      statistics of BatchNormalization measured anew on the data
  +repaired          hidden units were reordered, and every channel of the average has the mean
                     and the deviation that the models' channels have
  :sum               gates need not add up to one

What is tried. --method auto tries all of these but finetune alone; the training of a transplant on
networks of up to a million weights. --method soft is soft merging by itself: averages, and gates for
each layer and channel; it alone tries :rounded.

What they are. Averages and gates are merges: every weight lies between the models' (but for :sum and
--affine), and of N weights gates learn a few numbers for each channel. A transplant is layer-wise
distillation in closed form. finetune+transplant is fine-tuning of a merge: it learns all N weights
from the samples, and with few samples gates are better. finetune is no merge at all, but what one is
to be held against.

Hidden units are reordered (--permute) where models were trained from different starts: then the same
unit does another thing in each. The last is tried then, on networks of up to a million weights.

Rounds. Weights are trained in rounds of up to 400 steps, each from where the last one ended: another
comes while the last lowered the loss on the samples that judge by a hundredth (--rounds bounds how
many). So their number, though no weight, depends on those samples, and the figure of what is trained
is a little too good; --rounds 1 avoids that. Recurrent networks gain most by rounds, networks with
normalisations the least.

Who judges. Fewer than 2000 samples are divided into folds (--folds): each candidate is learned on all
but one and judged on that, in turn, so that every sample judges once. There are two, and up to five
of less than 1000 samples, or of less than 2000 without labels. Of 2000 and more a fifth is held out
(--holdout), or --holdout-data judges.
The chosen one is learned again on all of --data; that model is written if it has no more loss there
than the best parent.

Who wins. Two models are compared on the samples that judged both, by a paired bootstrap: the
samples are drawn anew 2000 times (200 at least, where there are many), with replacement. A merge
beats a parent if loss and metric together, each in standard errors of its difference, are better in
19 of 20 draws, and neither is worse by more than one such error; or if its metric is better by three.
Where both give the same answers, less loss alone is not enough. It must beat every parent. Of those
that do, and whose metric is within one standard error of the best metric, the one of least loss is
chosen. If there is none the best parent is kept and the exit code is 3; the hint says how many
samples would probably tell.

Without labels (--loss distill, --loss entropy) nothing says what is right, and nobody can promise a
merge that is no worse than the best model: a better candidate is one that is nearer to the mean of
the models' answers, by the loss alone, or one whose answers are more certain. Two bad models that
agree outvote a good one; a model that answers otherwise than the rest is warned of. Judge it on data
that has labels.

The column +- is the standard error of the metric. The last column says why a candidate was not
chosen: "beyond chance" is more than two standard errors of the difference.`

const helpExitCodes = `  0    done
  1    failure: a file cannot be read or written, or the program is at fault
  2    usage: flags, arguments, patterns that match nothing, output files that exist
  3    no merged candidate beats the best parent; nothing is written
  4    the models do not align, or are not those of the recipe
  5    an operator or type is not supported where it is needed
  6    an ONNX file or recipe is invalid
  7    the data cannot be read, or does not fit the model
  130  interrupted; nothing is written
  134  the Go runtime gave up, as a rule because the system has no more memory; nothing is
       written. A smaller --batch-size takes less. On Windows the code is 2, with a stack trace

With --strict a warning is an error, with the code of what it is about: 3 a merge that is worse on a
group, 4 the models, 7 the data. With
SOFTMERGE_TRACE=1 an internal error (code 1) prints where in the program it happened.`
