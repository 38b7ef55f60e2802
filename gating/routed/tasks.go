package routed

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/advice"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// Tasks is what a file's metadata says of the tasks that it was made of. Its JSON is part of the output of
// "softmerge inspect".
type Tasks struct {
	Method string   `json:"method"`
	Names  []string `json:"tasks"` // in the order of their numbers
	Input  string   `json:"input"` // that chooses; "" of a plain file
	Task   *int     `json:"task"`  // that a plain file is; null where an input chooses
	// Required says that the input has no default value.
	Required bool `json:"required"`
}

// TasksOf reads the metadata of a model; nil where it names no tasks, or an input that the graph has not.
func TasksOf(m *onnx.Model) *Tasks {
	says := map[string]string{}
	for _, kv := range m.Proto().GetMetadataProps() {
		says[kv.GetKey()] = kv.GetValue()
	}
	if says[tasksKey] == "" {
		return nil
	}
	t := &Tasks{Method: says["softmerge.method"], Names: strings.Split(says[tasksKey], ","), Input: says[inputKey]}
	if t.Input == "" {
		k, err := strconv.Atoi(says[taskKey])
		if err != nil || k < 0 || k >= len(t.Names) {
			return nil
		}
		t.Task = &k
		return t
	}
	g := m.Proto().GetGraph()
	if !slices.ContainsFunc(g.GetInput(), func(in *onnxpb.ValueInfoProto) bool { return in.GetName() == t.Input }) {
		return nil
	}
	t.Required = !slices.ContainsFunc(g.GetInitializer(), func(init *onnxpb.TensorProto) bool {
		return init.GetName() == t.Input
	})
	return t
}

// Refuse is an error of kind graphmatch.ErrAlign where one of the models is several in one file, which no merge takes.
func Refuse(models ...*onnx.Model) error {
	for _, m := range models {
		if t := TasksOf(m); t != nil && t.Input != "" {
			return advice.Errorf(graphmatch.ErrAlign,
				"merge the task models, or what softmerge merge --method "+t.Method+" --task writes of one",
				"%s is %d models in one file (%s), chosen by its input %q: there is no one model to merge",
				filepath.Base(m.Path()), len(t.Names), strings.Join(t.Names, ", "), t.Input)
		}
	}
	return nil
}
