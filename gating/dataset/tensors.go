package dataset

import (
	"io"
	"os"

	"github.com/softmerge/softmerge/gating/dataset/safetensors"
	"github.com/softmerge/softmerge/gating/dataset/spill"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/untrusted"
)

// tensorElements are the types of safetensors.
var tensorElements = map[string]elementCode{"F64": f8, "F32": f4, "F16": f2, "BF16": bf, "I64": i8, "I32": i4,
	"I16": i2,
	"I8":  i1, "U64": u8, "U32": u4, "U16": u2, "U8": u1, "BOOL": b1}

// openSafetensors reads arrays by key, as those of an .npz file.
func (l *loader) openSafetensors(path string) (*Data, error) {
	f, info, err := untrusted.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	list, err := safetensors.Read(f, info.Size())
	if err != nil {
		return nil, recordError(err)
	}
	var arrays []named
	for _, t := range list {
		arrays = append(arrays, named{t.Name, safetensor{t, f}})
	}
	return l.assembleCut(arrays)
}

// safetensor is an array of a safetensors file.
type safetensor struct {
	safetensors.Tensor
	file *os.File
}

func (t safetensor) header() (onnx.DataType, []int, error) {
	return elementTypes[tensorElements[t.Type]], t.Shape, nil
}

// payload is the run of values.
func (t safetensor) payload() payload {
	size := t.To - t.From
	e := element{code: tensorElements[t.Type]}
	return payload{Reader: io.NewSectionReader(t.file, t.From, size), element: e, count: int(size) / e.size(),
		likely: size, file: t.file, offset: t.From}
}

func (t safetensor) floats(b *spill.Store) ([]float32, error) {
	p := t.payload()
	return p.readFloats(b)
}

func (t safetensor) ints(b *spill.Store) ([]int64, error) {
	p := t.payload()
	return p.readInts(b)
}
