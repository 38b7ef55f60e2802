package flow

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// madeUp matches names that exporters and graph optimisers make up from counters.
var madeUp = regexp.MustCompile(strings.Join([]string{
	`^\d*$`,
	`::`,                                    // onnx::Conv_193
	`_output_\d+$`,                          // /gn/Constant_1_output_0
	`(^|/)const_fold_opt_*\d+$`,             // tf2onnx
	`(^|[/.])[Cc]onst(ant)?(_*\d*)(:\d+)?$`, // Const_12:0
	`/[xy](:\d+)?$`,                         // the constant operand of a TensorFlow operator
	`^(val|t|tensor|initializer|node|fused|scalar|shape|graph_constant|const_tensor)_*\d+$`,
	`^[A-Z][A-Za-z]+_\d+$`,     // Conv_12
	`^ortshared_.*_token_\d+$`, // ONNX Runtime's fused initializers
}, "|"))

// Anonymous tells whether nobody chose the name: it then says nothing about what the tensor is for.
func Anonymous(name string) bool { return madeUp.MatchString(name) }

// variable matches the last part of a TensorFlow variable's name: what reads it, not what it is.
var variable = regexp.MustCompile(`^(ReadVariableOp(_\d+)?|resource|read)$`)

// inner matches parts that TensorFlow puts between a layer and its variables.
var inner = regexp.MustCompile(
	`^(BiasAdd|MatMul|Conv2D|depthwise|Tensordot|FusedBatchNormV3|batchnorm|mul|add)(_\d+)?$`)

// parentOf is the scope of a tensor with the given path.
func parentOf(path []string) []string {
	n := len(path) - 1
	if !variable.MatchString(path[n]) {
		return path[:n]
	}
	for n > 1 && inner.MatchString(path[n-1]) {
		n--
	}
	return path[:n]
}

// Components splits a name at its separators. PyTorch repeats the parent in node names
// (/layer1/layer1.0/conv1/Conv), which gives layer1, 0, conv1, Conv.
func Components(name string) []string {
	if strings.Contains(name, "::") {
		return []string{name}
	}
	name = strings.TrimSuffix(name, ":0")
	var out []string
	before := ""
	for _, part := range strings.Split(strings.Trim(name, "/"), "/") {
		rest := strings.TrimPrefix(part, before+".")
		before = part
		out = append(out, strings.Split(rest, ".")...)
	}
	return slices.DeleteFunc(out, func(s string) bool { return s == "" })
}

// nameUnits names the layers of a model: by the common scope of the names their tensors were given, else
// by their node's scope, else by operator and number. A tensor that several layers read without an
// Identity of their own is no good witness: an exporter that merged equal tensors left one of the names.
func (v *Network) nameUnits() {
	readers := map[*onnxpb.TensorProto]int{}
	for _, u := range v.Units {
		for _, p := range u.Params {
			readers[p.C.Tensor]++
		}
	}
	number := map[string]int{}
	for _, u := range v.Units {
		own := func(p *Param) bool { return readers[p.C.Tensor] == 1 || len(p.C.names) > 1 }
		path := u.tensorPath(own)
		if path == nil {
			path = u.nodePath()
		}
		if path == nil {
			path = u.tensorPath(func(*Param) bool { return true })
		}
		u.Given = path != nil
		if !u.Given {
			path = []string{u.Op + "_" + strconv.Itoa(number[u.Op])}
		}
		number[u.Op]++
		u.Name, u.Scope = strings.Join(path, "."), strings.Join(path[:len(path)-1], ".")
		u.collectTags()
	}
}

// tensorPath is the scope that the names of the accepted tensors have in common, nil when none was given.
func (u *Unit) tensorPath(accept func(*Param) bool) []string {
	var paths [][]string
	for _, p := range u.Params {
		name := p.C.names[len(p.C.names)-1]
		if !accept(p) || Anonymous(name) {
			continue
		}
		if path := Components(name); len(path) > 0 {
			paths = append(paths, path)
		}
	}
	if len(paths) == 0 {
		return nil
	}
	if len(u.Params) == 1 && (u.Params[0].Role == "value" || u.Op == "Mul") || len(paths[0]) == 1 {
		return flatPath(paths)
	}
	common := parentOf(paths[0])
	for _, p := range paths[1:] {
		common = commonPrefix(common, parentOf(p))
	}
	if len(common) == 0 {
		return parentOf(paths[0])
	}
	return common
}

// flatPath names a layer whose tensors have no scope: by what their names have in common before the last
// underscore or dash (conv1_weight, conv1_bias), else by the first tensor.
func flatPath(paths [][]string) []string {
	first := paths[0]
	if len(paths) < 2 || len(first) > 1 {
		return first
	}
	common := first[0]
	for _, p := range paths[1:] {
		n := 0
		for n < len(common) && n < len(p[0]) && common[n] == p[0][n] {
			n++
		}
		common = common[:n]
	}
	if cut := strings.LastIndexAny(common, "_-"); cut > 0 {
		return []string{common[:cut]}
	}
	return first
}

func commonPrefix(a, b []string) []string {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return a[:n]
}

// nodePath is the scope of the anchor node: PyTorch's scope metadata, or the node's name without a last
// component that only repeats the operator.
func (u *Unit) nodePath() []string {
	p := u.Anchor.Proto
	for _, m := range p.GetMetadataProps() {
		if m.GetKey() == "pkg.torch.onnx.name_scopes" {
			if path := torchScope(m.GetValue()); path != nil {
				return path
			}
		}
	}
	path := Components(p.GetName())
	if n := len(path) - 1; n >= 0 && (Anonymous(path[n]) || strings.HasPrefix(path[n], p.GetOpType())) {
		path = path[:n]
	}
	if len(path) == 0 {
		return nil
	}
	return path
}

// torchScope reads the list of module paths that PyTorch's exporter attaches to a node, outermost first
// and the node itself last: [”, 'layer1', 'layer1.0', 'conv2d_1'].
func torchScope(list string) []string {
	parts := strings.Split(strings.Trim(list, "[] "), ",")
	if len(parts) < 2 {
		return nil
	}
	path := Components(strings.Trim(parts[len(parts)-2], " '\""))
	if len(path) == 0 {
		return nil
	}
	return path
}

// GivenName is the layer's name if its author chose it, else "".
func (u *Unit) GivenName() string {
	if !u.Given {
		return ""
	}
	return u.Name
}

// GivenName is the name nearest to the reader if an author chose it, else "".
func (c *Constant) GivenName() string {
	if name := c.names[len(c.names)-1]; !Anonymous(name) {
		return name
	}
	return ""
}

// collectTags gathers all names that a pattern may match.
func (u *Unit) collectTags() {
	for _, p := range u.Params {
		u.Tags = append(u.Tags, p.C.names...)
	}
	for _, n := range u.Members {
		if name := n.Proto.GetName(); name != "" {
			u.Tags = append(u.Tags, n.where+name)
		}
	}
}
