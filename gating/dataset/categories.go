package dataset

import "slices"

// HasGaps says whether the ids of categories, by which annotations name the classes of boxes, leave some out: COCO's 80
// have ids from 1 to 90. Detectors may count their scores by either: then it is for them to tell, see ByCategoryID.
func (d *Data) HasGaps() bool {
	if d.folders == nil || len(d.folders.ids) == 0 {
		return false
	}
	ids := d.folders.ids
	return ids[0] >= 0 && ids[len(ids)-1]-ids[0] >= int64(len(ids)) && ids[len(ids)-1] < mostCategory
}

// SetCategoryIDs says by which ids, ascending, annotations name the classes of boxes. Data that was read knows them.
func (d *Data) SetCategoryIDs(ids []int64) {
	for _, p := range append([]*Data{d}, d.others...) {
		p.folders = &classNames{names: make([]string, len(ids)), ids: slices.Clone(ids)}
	}
}

// mostCategory bounds ids that may be places of scores.
const mostCategory = 1 << 16

// ByCategoryID returns the same data with the ids of categories as the classes of boxes, in place of their order. It
// is the data itself where there are none, or labels are no boxes.
func (d *Data) ByCategoryID() *Data {
	if !d.HasGaps() {
		return d
	}
	ids := d.folders.ids
	return d.eachPart(func(p *Data, _ int) {
		if p.Label == nil || p.Label.Floats == nil || len(p.Label.Shape) != 2 {
			return
		}
		label := *p.Label
		label.Floats = slices.Clone(label.Floats)
		for at := 0; at < len(label.Floats); at += label.Shape[1] {
			if class := int(label.Floats[at]); class >= 0 && class < len(ids) {
				label.Floats[at] = float32(ids[class])
			}
		}
		p.Label = &label
	})
}
