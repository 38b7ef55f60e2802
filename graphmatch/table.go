package graphmatch

// Table is an alignment as people and scripts read it; its JSON is the output of "softmerge match".
type Table struct {
	Layers    []TableRow `json:"layers"`
	Matched   int        `json:"matched"`   // layers whose tensors fit in all models
	Unmatched int        `json:"unmatched"` // layers that some model lacks, or whose tensors do not fit
}

// TableRow is one layer.
type TableRow struct {
	Name    string        `json:"name"`
	Op      string        `json:"op"`
	Tensors []TableTensor `json:"tensors"`
	Status  Status        `json:"status"`
	Reason  string        `json:"reason,omitempty"`
}

// TableTensor is one parameter of a layer.
type TableTensor struct {
	Role       string   `json:"role"`
	Names      []string `json:"names"` // one per model, "" where the model has none
	Shape      []int    `json:"shape"` // the base's
	Type       string   `json:"dtype"`
	Sites      []int    `json:"sites"`                // how many input slots read the tensor, one number per model
	Transposed []bool   `json:"transposed,omitempty"` // per model, when any model stores it transposed against the base
}

// Table lists the layers of an alignment in order.
func (a *Alignment) Table() Table {
	t := Table{Layers: make([]TableRow, 0, len(a.Layers))}
	for i := range a.Layers {
		l := &a.Layers[i]
		row := TableRow{Name: l.Name, Op: l.Op, Status: l.Status, Reason: l.Reason}
		row.Tensors = make([]TableTensor, 0, len(l.Params))
		for k := range l.Params {
			row.Tensors = append(row.Tensors, l.Params[k].row())
		}
		t.Layers = append(t.Layers, row)
		if l.Mergeable() {
			t.Matched++
		} else {
			t.Unmatched++
		}
	}
	return t
}

// row describes one parameter.
func (p *Param) row() TableTensor {
	r := TableTensor{Role: p.Role, Shape: append([]int{}, p.Shape...), Type: p.Type.String()}
	turned := false
	for _, u := range p.Uses {
		r.Names = append(r.Names, u.Name)
		r.Sites = append(r.Sites, len(u.Sites))
		turned = turned || u.Transposed
	}
	for _, u := range p.Uses {
		if turned {
			r.Transposed = append(r.Transposed, u.Transposed)
		}
	}
	return r
}
