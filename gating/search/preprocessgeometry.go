package search

import (
	"context"
	"slices"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/dataset/imaging"
	"github.com/softmerge/softmerge/onnx"
)

// geometry is how images are resized and cropped.
type geometry struct {
	resize        imaging.Resize
	crop          imaging.Crop
	interpolation imaging.Interpolation
}

func (w *way) geometry() geometry { return geometry{w.Resize, w.Crop, w.Interpolation} }

// cut is the geometry that keeps a share of the shorter edge.
func (t *wayTrials) cut(share float64) geometry {
	return geometry{crop: imaging.Crop{Share: share}, interpolation: t.Given.Interpolation}
}

// findGeometries lists what may become of the size of images, roughly: nothing where all have the graph's, else
// squashed, or the middle cut out.
func (t *wayTrials) findGeometries(pipe *imaging.Pipeline) error {
	how := t.Given.Interpolation
	if t.Given.Resize != (imaging.Resize{}) || t.Given.Crop != (imaging.Crop{}) {
		t.geometries = []geometry{{t.Given.Resize, t.Given.Crop, how}}
		return nil
	}
	height, width := pipe.Size()
	squash := geometry{interpolation: how}
	if pipe.Open() {
		squash.resize = imaging.Resize{Height: openSize, Width: openSize}
	}
	t.geometries = []geometry{squash}
	keep := geometry{resize: imaging.Resize{Mode: imaging.Keep}, interpolation: how}
	_, err := t.read(keep, sampleRounds[len(sampleRounds)-1])
	switch {
	case err == nil && pipe.Open():
		t.geometries = []geometry{keep, squash}
	case err == nil:
		t.geometries = []geometry{keep}
	}
	t.shares = distinct(height, width, err == nil && !pipe.Open())
	for _, share := range t.shares {
		if slices.Contains(cropShares[:coarse], share) {
			t.geometries = append(t.geometries, t.cut(share))
		}
	}
	slices.Sort(t.shares)
	return nil
}

// letterbox adds the geometry that detectors are often trained with, which cuts nothing off, unless it makes the same
// of pictures: where they have the graph's proportions. It comes first where the model finds more of what the labels
// say with it, as proportions may be so wrong otherwise that nothing tells how pixels are scaled.
func (t *wayTrials) letterbox(o gating.Objective, d *dataset.Data) (gating.Objective, *dataset.Data, error) {
	free := t.Given.Resize == (imaging.Resize{}) && t.Given.Crop == (imaging.Crop{})
	if len(t.geometries) == 0 || !free || slices.Contains(t.field.Shape[1:], -1) {
		return o, d, nil
	}
	g := geometry{resize: imaging.Resize{Mode: imaging.Letterbox}, interpolation: t.Given.Interpolation}
	usual, list := t.images, t.geometries
	boxed, err := t.read(g, sampleRounds[len(sampleRounds)-1])
	if err != nil {
		return o, d, err
	}
	a, b := boxed.Inputs[t.at], usual.Inputs[t.at]
	if slices.Equal(a.Floats, b.Floats) && slices.Equal(a.Ints, b.Ints) {
		return o, d, nil
	}
	t.images, t.geometries = boxed, append([]geometry{g}, list...)
	other, of, err := t.fitObjective()
	if err != nil {
		return o, d, err
	}
	if other.Only().Quality > o.Only().Quality {
		return other, of, nil
	}
	t.images, t.geometries = usual, append(slices.Clone(list), g)
	return o, d, nil
}

// distinct lists the shares of the shorter edge that make different sizes of a graph's.
func distinct(height, width int, same bool) (list []float64) {
	if height < 0 || width < 0 {
		height, width = openSize, openSize
	}
	seen := [][2]int{}
	if same {
		seen = append(seen, [2]int{height, width}) // the whole shorter edge is all of the image
	}
	for _, share := range cropShares {
		size := [2]int{int(float64(height) / share), int(float64(width) / share)}
		if !slices.Contains(seen, size) {
			list, seen = append(list, share), append(seen, size)
		}
	}
	return list
}

// refine tries the other order of colours with the scaling that is right, and then geometries, from coarse to fine.
// It returns all ways that are left: their first is the one to take.
func (t *wayTrials) refine(ctx context.Context, best *way) (taken *way, left []*way, err error) {
	if t.turns() {
		turned := best.Preprocess
		turned.BGR, turned.Mean, turned.Std = !best.BGR, reversed(best.Mean), reversed(best.Std)
		if best, err = t.duel(ctx, best, t.way(t.geometries[0], turned)); err != nil {
			return nil, nil, err
		}
	}
	if len(t.geometries) == 1 {
		return best, []*way{best}, nil
	}
	t.judges, best.runs = t.betterHalf(best), nil
	f := &fitting{wayTrials: t, best: best, left: []*way{best}, known: []*way{best}}
	if err := f.geometry(ctx); err != nil {
		return nil, nil, err
	}
	return f.usual(), f.left, nil
}

// fitting is the search for a geometry.
type fitting struct {
	*wayTrials
	best  *way   // of least loss so far
	left  []*way // that are not clearly worse, in the order of trying
	known []*way // all that were tried
}

// geometry tries geometries: a few that are far from each other, those between that are beside the best, ways to
// interpolate, and the neighbours again.
func (f *fitting) geometry(ctx context.Context) error {
	if err := f.try(ctx, f.geometries[1:]...); err != nil {
		return err
	}
	for _, step := range []int{2, 1} {
		if err := f.try(ctx, f.neighbours(step)...); err != nil {
			return err
		}
	}
	if f.Given.Interpolation != "" {
		return nil
	}
	var list []geometry
	for _, how := range interpolations {
		g := f.best.geometry()
		if g.resize.Mode != imaging.Keep {
			g.interpolation = how
			list = append(list, g)
		}
	}
	before := f.best
	if err := f.try(ctx, list...); err != nil || f.best == before {
		return err
	}
	return f.try(ctx, f.neighbours(1)...)
}

// neighbours are geometries beside the best share of the shorter edge that was tried.
func (f *fitting) neighbours(step int) (list []geometry) {
	best := (*way)(nil)
	for _, w := range f.left {
		if w.Crop.Share > 0 && (best == nil || w.fed != nil && w.better(best.fed).loss > 0) {
			best = w
		}
	}
	if best == nil {
		return nil
	}
	at := slices.Index(f.shares, best.Crop.Share)
	for _, i := range []int{at - step, at + step} {
		if i >= 0 && i < len(f.shares) {
			g := f.cut(f.shares[i])
			g.interpolation = best.Interpolation
			list = append(list, g)
		}
	}
	return list
}

// try runs more geometries beside those that are left, unless they were tried.
func (f *fitting) try(ctx context.Context, list ...geometry) (err error) {
	for _, g := range list {
		if slices.ContainsFunc(f.known, func(w *way) bool { return w.geometry() == g }) {
			continue
		}
		w := f.way(g, f.best.Preprocess)
		w.other = f.best.other
		f.left, f.known = append(f.left, w), append(f.known, w)
	}
	f.best, f.left, err = f.contest(ctx, f.left)
	return err
}

// usual is the first of the usual ones that are left than which none is clearly better, else the best: models may like
// a geometry that shows more or less than the one of their training, so that small differences say little. Images that
// all have the graph's size were hardly ever cut and enlarged to it: that takes as much as leaves a way behind.
func (f *fitting) usual() *way {
	for _, w := range f.left {
		most := usualErrors
		if w.Resize.Mode == imaging.Keep {
			most = dropErrors
		}
		if e := f.best.better(w.fed); f.usually(w) && max(e.loss, e.metric) < most {
			return w
		}
	}
	return f.best
}

// usually says whether a geometry is one of those that most networks are trained with.
func (t *wayTrials) usually(w *way) bool {
	return slices.Contains(t.geometries, w.geometry()) &&
		(w.Crop.Share == 0 || slices.Contains(cropShares[:usualShares], w.Crop.Share))
}

// duel returns another way if it is clearly better than the best so far, on as many samples as it takes to tell.
func (t *wayTrials) duel(ctx context.Context, best, w *way) (*way, error) {
	w.other = best.other
	if _, _, err := t.contest(ctx, []*way{best, w}); err != nil {
		return nil, err
	}
	if w.fed != nil && (best.fed == nil || w.better(best.fed).clear()) {
		return w, nil
	}
	return best, nil
}

// betterHalf are the models that do best with a way: the others may be broken or of another domain.
func (t *wayTrials) betterHalf(w *way) (list []*onnx.Model) {
	order := byLoss(w.scores)
	for _, j := range order[:(len(order)+1)/2] {
		list = append(list, t.models[j])
	}
	return list
}
