package search

import (
	"testing"

	"github.com/softmerge/softmerge/gating/dataset/imaging"
)

// TestImagesOfTheRightSizeAreNotResized lets a cut look better by three standard errors: enough where images have to be
// resized, too little where they have the graph's size.
func TestImagesOfTheRightSizeAreNotResized(t *testing.T) {
	cut := &way{Preprocess: imaging.Preprocess{Crop: imaging.Crop{Share: 0.875}}, fed: &fed{}}
	usual := &way{fed: &fed{}}
	for i := range 100 {
		cut.losses = append(cut.losses, 0.5)
		usual.losses = append(usual.losses, 0.5+0.03*[]float64{13, -7}[i%2])
	}
	if e := cut.better(usual.fed).loss; e < usualErrors || e > dropErrors {
		t.Fatalf("the cut is better by %.2f standard errors", e)
	}
	for mode, want := range map[imaging.ResizeMode]*way{imaging.Keep: usual, imaging.Squash: cut} {
		usual.Resize.Mode = mode
		f := &fitting{wayTrials: &wayTrials{geometries: []geometry{usual.geometry(), cut.geometry()}}, best: cut,
			left: []*way{usual, cut}}
		f.geometries = f.geometries[:1]
		if got := f.usual(); got != want {
			t.Errorf("%v: crop %v is taken", mode, got.Crop)
		}
	}
}
