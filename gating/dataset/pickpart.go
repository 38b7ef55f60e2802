package dataset

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// partNames are the words that name a part of the data, and the part that they name.
var partNames = map[string]string{
	"train": "train", "training": "train",
	"val": "validation", "valid": "validation", "validation": "validation", "dev": "validation", "eval": "validation",
	"test": "test", "testing": "test",
}

// splitPart takes the word that names a part off the beginning or the end of a name: x_val, val/x and val-x are all x
// of the part "validation". The part is empty if there is none.
func splitPart(name string) (part, base string) {
	const between = "_.-/ "
	if i := strings.LastIndexAny(name, between); i > 0 {
		if part := partNames[strings.ToLower(name[i+1:])]; part != "" {
			return part, name[:i]
		}
	}
	if i := strings.IndexAny(name, between); i > 0 && i+1 < len(name) {
		if part := partNames[strings.ToLower(name[:i])]; part != "" {
			return part, name[i+1:]
		}
	}
	return "", name
}

// filePart are the arrays of one part of the data in a file.
type filePart struct {
	name   string
	arrays []named // under their names without the part's
	full   map[string]string
}

// pickPart finds the part of the data that is meant: the one wanted, or the one that the label wanted belongs to, or
// the only one. It returns nil if the names of inputs decide, or no array belongs to a part.
func pickPart(arrays []named, o Options, wanted string) (*filePart, error) {
	if wanted == "" {
		found, _ := findInputs(arrays, o.Inputs)
		if !slices.Contains(found, -1) {
			return nil, nil
		}
	}
	parts := partsOf(arrays)
	if label, _ := splitPart(o.Label); wanted == "" && slices.Contains(names(arrays), o.Label) {
		wanted = label
		if label == "" {
			return nil, nil
		}
	}
	if wanted != "" {
		if p := parts[partNames[strings.ToLower(wanted)]]; p != nil {
			return p, nil
		}
		return nil, fail("leave out # and what follows, or name one of: "+strings.Join(partList(parts), ", "),
			"there is no part %q; the file has %s", wanted, quoted(names(arrays)))
	}
	if len(parts) == 1 {
		for _, p := range parts {
			if hasOtherLabel(arrays) {
				return nil, severalParts(parts, arrays)
			}
			return p, nil
		}
	}
	if len(parts) > 1 {
		return nil, severalParts(parts, arrays)
	}
	return nil, nil
}

// partsOf groups arrays by the part that their names tell; a part has more than spare arrays.
func partsOf(arrays []named) map[string]*filePart {
	parts := map[string]*filePart{}
	for _, a := range arrays {
		part, base := splitPart(a.name)
		if part == "" {
			continue
		}
		p := parts[part]
		if p == nil {
			p = &filePart{name: part, full: map[string]string{}}
			parts[part] = p
		}
		if _, twice := p.full[base]; twice {
			base = a.name
		}
		p.full[base] = a.name
		p.arrays = append(p.arrays, named{base, a.array})
	}
	maps.DeleteFunc(parts, func(_ string, p *filePart) bool {
		return !slices.ContainsFunc(p.arrays, func(a named) bool { return !spare.MatchString(a.name) })
	})
	return parts
}

func partList(parts map[string]*filePart) []string { return slices.Sorted(maps.Keys(parts)) }

// hasOtherLabel says whether a label is among the arrays that belong to no part: these are then a data set too.
func hasOtherLabel(arrays []named) bool {
	return slices.ContainsFunc(arrays, func(a named) bool { return slices.Contains(labelKeys, a.name) })
}

// severalParts asks which of several parts is meant: taking one silently could be to learn on the samples that others
// judge on.
func severalParts(parts map[string]*filePart, arrays []named) error {
	var list, options []string
	for _, name := range partList(parts) {
		var keys []string
		for _, a := range parts[name].arrays {
			keys = append(keys, parts[name].full[a.name])
		}
		list = append(list, fmt.Sprintf("%s (%s)", name, quoted(keys)))
		options = append(options, "FILE#"+name)
	}
	var others []string
	for _, a := range arrays {
		if part, _ := splitPart(a.name); part == "" {
			others = append(others, a.name)
		}
	}
	if len(others) > 0 {
		list = append(list, "and "+quoted(others))
	}
	return fail("say which part to take: "+strings.Join(options, ", ")+"; or name the label to use",
		"the file has several parts of data: %s", strings.Join(list, ", "))
}

// own is a key as the part's arrays are called: without the part's name, if it has it.
func (p *filePart) own(key string) string {
	if _, base := splitPart(key); p.full[base] == key {
		return base
	}
	return key
}

// pick finds inputs and label among the arrays of the part.
func (p *filePart) pick(o Options) (picked, error) {
	o.Label = p.own(o.Label)
	more := make([]string, len(o.More))
	for i, key := range o.More {
		more[i] = p.own(key)
	}
	o.More = more
	if len(o.Inputs) == 0 {
		for _, a := range p.arrays {
			if !slices.Contains(labelKeys, a.name) && a.name != o.Label && !slices.Contains(o.More, a.name) {
				o.Inputs = append(o.Inputs, Field{Name: a.name})
			}
		}
	}
	picked, err := pickNamed(p.arrays, o)
	if err != nil {
		return picked, err
	}
	picked.part = p.name
	var taken []string
	for i, a := range picked.inputs {
		picked.inputs[i].name = p.full[a.name]
		taken = append(taken, p.full[a.name])
	}
	for i, a := range picked.labels {
		picked.labels[i].name = p.full[a.name]
		taken = append(taken, p.full[a.name])
	}
	picked.notes = append([]string{fmt.Sprintf("the part %q is taken: %s", p.name, quoted(taken))}, picked.notes...)
	return picked, nil
}
