package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"github.com/softmerge/softmerge/cmd/softmerge/internal/exit"
	"github.com/softmerge/softmerge/cmd/softmerge/internal/terminal"
	"github.com/softmerge/softmerge/onnx/advice"
)

// A merge can be written down in a file, --config merge.yaml: "models", and every flag by its long name. Lists are
// flags that are given several times, and "param" may be a mapping. What the command line says counts before the file.

// mostConfigFile bounds the bytes of such a file.
const mostConfigFile = 1 << 20

// notInConfig are flags that a file cannot set: of itself, and of what is read before it.
var notInConfig = []string{"config", "help", "json", "quiet"}

// otherWords are what other programs call a key.
var otherWords = map[string]string{"merge_method": "method", "base_model": "start", "parameters": "param",
	"out": "output", "model": "models"}

// configFile is a file of flags.
type configFile struct {
	path    string
	given   map[string]bool // flags of the command line
	flags   *pflag.FlagSet
	models  []string
	weights []string // of the models, in their order; nil where none has one
}

// applyConfig sets the flags that the command line leaves open as a file says, and returns the models: those of the
// command line if there are any.
func applyConfig(c *cobra.Command, path string, args []string) ([]string, error) {
	root, err := readConfig(path)
	if err != nil {
		return nil, err
	}
	f := &configFile{path: path, given: map[string]bool{}, flags: c.Flags()}
	f.flags.Visit(func(flag *pflag.Flag) { f.given[flag.Name] = true })
	if root.Kind != yaml.MappingNode {
		return nil, f.errorf(root, "models: [a.onnx, b.onnx]", "want names of flags and their values")
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		if seen[key.Value] {
			return nil, f.errorf(key, "say it once", "%q is given twice", key.Value)
		}
		seen[key.Value] = true
		if err := f.set(key, value, len(args) > 0); err != nil {
			return nil, err
		}
	}
	if len(args) == 0 {
		args = f.models
	}
	return args, nil
}

// readConfig reads a file as YAML; an empty one is an empty mapping.
func readConfig(path string) (*yaml.Node, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, exit.Usagef("", "--config: %v", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, mostConfigFile+1))
	if err != nil {
		return nil, exit.Usagef("", "--config: %v", err)
	}
	if len(text) > mostConfigFile {
		return nil, exit.Usagef("is it the right file?", "%s: more than %d bytes, want flags and their values", path,
			mostConfigFile)
	}
	var document yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	if err := decoder.Decode(&document); err != nil && !errors.Is(err, io.EOF) {
		return nil, exit.Usagef("softmerge help config", "%s: %v", path, err)
	}
	if len(document.Content) == 0 {
		return &yaml.Node{Kind: yaml.MappingNode}, nil
	}
	if err := decoder.Decode(&yaml.Node{}); !errors.Is(err, io.EOF) {
		return nil, exit.Usagef("leave one", "%s: there is more than one document", path)
	}
	return document.Content[0], nil
}

// set sets one flag, unless the command line does.
func (f *configFile) set(key, value *yaml.Node, named bool) error {
	if key.Value == "models" {
		if err := f.readModels(value); err != nil || named {
			return err
		}
		return f.setWeights(value)
	}
	flag := f.flags.Lookup(key.Value)
	if flag == nil || slices.Contains(notInConfig, key.Value) {
		return f.unknown(key)
	}
	if f.given[flag.Name] {
		return nil
	}
	values, err := f.values(key, value)
	if err != nil {
		return err
	}
	for _, text := range values {
		if err := f.flags.Set(flag.Name, text); err != nil {
			return f.errorf(value, "softmerge merge --help", "%v", err)
		}
	}
	return nil
}

// values are what a flag is set to, one after another.
func (f *configFile) values(key, value *yaml.Node) (list []string, err error) {
	switch value.Kind {
	case yaml.ScalarNode:
		return []string{value.Value}, f.notNull(value)
	case yaml.SequenceNode:
		for _, item := range value.Content {
			if item.Kind != yaml.ScalarNode {
				return nil, f.errorf(item, "", "%s: want a list of values", key.Value)
			}
			list = append(list, item.Value)
		}
		return list, nil
	case yaml.MappingNode:
		if key.Value != "param" {
			break
		}
		for i := 0; i+1 < len(value.Content); i += 2 {
			numbers, err := f.values(&yaml.Node{}, value.Content[i+1])
			if err != nil {
				return nil, err
			}
			list = append(list, value.Content[i].Value+"="+strings.Join(numbers, ","))
		}
		return list, nil
	}
	return nil, f.errorf(value, "softmerge help config", "%s: want a value or a list of values", key.Value)
}

// readModels reads the models: paths, or mappings of a path and a weight.
func (f *configFile) readModels(value *yaml.Node) error {
	if value.Kind != yaml.SequenceNode {
		return f.errorf(value, "models: [a.onnx, b.onnx]", "models: want a list of files")
	}
	for _, item := range value.Content {
		model, weight := item.Value, (*float64)(nil)
		if item.Kind != yaml.ScalarNode {
			if err := f.readEntry(item, &model, &weight); err != nil {
				return err
			}
		}
		if model == "" {
			return f.errorf(item, "models: [a.onnx, b.onnx]", "models: a file has no name")
		}
		f.models = append(f.models, model)
		if weight != nil {
			f.weights = append(f.weights, strconv.FormatFloat(*weight, 'g', -1, 64))
		}
	}
	return nil
}

// readEntry reads a model with its weight.
func (f *configFile) readEntry(item *yaml.Node, model *string, weight **float64) error {
	if item.Kind != yaml.MappingNode {
		return f.errorf(item, "- {model: a.onnx, weight: 2}", "models: want a file, or a file and its weight")
	}
	for i := 0; i+1 < len(item.Content); i += 2 {
		key, value := item.Content[i], item.Content[i+1]
		var err error
		switch key.Value {
		case "model":
			err = value.Decode(model)
		case "weight":
			err = value.Decode(weight)
		default:
			err = errors.New("want model and weight")
		}
		if err != nil {
			return f.errorf(key, "- {model: a.onnx, weight: 2}", "models: %s: %v", key.Value, err)
		}
	}
	return nil
}

// setWeights makes the models' weights the parameter that holds them, unless the command line has others.
func (f *configFile) setWeights(value *yaml.Node) error {
	given, err := f.flags.GetStringArray("param")
	if err != nil {
		return err
	}
	isWeights := func(p string) bool { return strings.HasPrefix(p, "weights=") }
	switch {
	case len(f.weights) == 0, slices.ContainsFunc(given, isWeights):
		return nil
	case len(f.weights) != len(f.models):
		return f.errorf(value, "give all a weight, or none", "models: %d of %d have a weight", len(f.weights),
			len(f.models))
	}
	return f.flags.Set("param", "weights="+strings.Join(f.weights, ","))
}

// notNull refuses a key without a value.
func (f *configFile) notNull(value *yaml.Node) error {
	if value.Tag == "!!null" {
		return f.errorf(value, "give it one, or leave the line out", "a key has no value")
	}
	return nil
}

// unknown refuses a key that is no flag, with the nearest.
func (f *configFile) unknown(key *yaml.Node) error {
	words := []string{"models"}
	f.flags.VisitAll(func(flag *pflag.Flag) {
		if !slices.Contains(notInConfig, flag.Name) {
			words = append(words, flag.Name)
		}
	})
	near := advice.Nearest(key.Value, words, 2, 3)
	if word, known := otherWords[key.Value]; known {
		near = []string{word}
	}
	hint := "softmerge help config"
	if len(near) > 0 {
		hint = "did you mean " + terminal.OrList(near) + "?"
	}
	return f.errorf(key, hint, "unknown key %q", key.Value)
}

// errorf is a usage error at a place in the file.
func (f *configFile) errorf(at *yaml.Node, hint, format string, args ...any) error {
	return exit.Usagef(hint, "%s:%d: %s", f.path, at.Line, fmt.Sprintf(format, args...))
}
