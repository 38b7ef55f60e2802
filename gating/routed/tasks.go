package routed

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/advice"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// Keys of the metadata of what this package writes, beside those of every merge.
const (
	tasksKey  = "softmerge.tasks"      // names between commas, in the order of their numbers
	taskKey   = "softmerge.task"       // the number of the one that a plain file is
	inputKey  = "softmerge.task_input" // the input that chooses
	routerKey = "softmerge.router"     // the layer from whose input the file computes how it mixes its models
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
	// Router is the layer from whose input the file computes how it mixes its models; absent where an input chooses.
	Router string `json:"router,omitempty"`
}

// Several says whether the file is several models, and not one of them by itself.
func (t *Tasks) Several() bool { return t.Input != "" || t.Router != "" }

// Describe returns a model whose metadata says which tasks it was made of, and how one is chosen or which it is.
func Describe(m *onnx.Model, t Tasks) (*onnx.Model, error) {
	edits := []onnx.Edit{onnx.SetMetadata(tasksKey, strings.Join(t.Names, ","))}
	switch {
	case t.Task != nil:
		edits = append(edits, onnx.SetMetadata(taskKey, strconv.Itoa(*t.Task)))
	case t.Router != "":
		edits = append(edits, onnx.SetMetadata(routerKey, t.Router))
	default:
		edits = append(edits, onnx.SetMetadata(inputKey, t.Input))
	}
	return m.With(edits...)
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
	t := &Tasks{Method: says["softmerge.method"], Names: strings.Split(says[tasksKey], ","), Input: says[inputKey],
		Router: says[routerKey]}
	if t.Router != "" {
		t.Input = ""
		return t
	}
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
		t := TasksOf(m)
		if t == nil || !t.Several() {
			continue
		}
		how := fmt.Sprintf("chosen by its input %q", t.Input)
		if t.Router != "" {
			how = fmt.Sprintf("mixed for every sample by what layer %s reads", t.Router)
		}
		return advice.Errorf(graphmatch.ErrAlign,
			"merge the task models, or what softmerge merge --method "+t.Method+" --task writes of one",
			"%s is %d models in one file (%s), %s: there is no one model to merge",
			filepath.Base(m.Path()), len(t.Names), strings.Join(t.Names, ", "), how)
	}
	return nil
}
