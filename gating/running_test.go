package gating

import (
	"math"
	"testing"

	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"gonum.org/v1/gonum/stat"
)

// TestRunningMoments compares with gonum's two passes, also where the mean is a million
// times the deviation: there the mean of squares less the squared mean has no digit left.
func TestRunningMoments(t *testing.T) {
	for _, offset := range []float64{0, 1, -1e3, 1e8} {
		values := gatetest.Random(3, 1000)
		var r running
		for i := range values {
			values[i] += offset
			r.add(values[i])
		}
		mean, variance := stat.PopMeanVariance(values, nil)
		if math.Abs(r.mean-mean) > 1e-12*math.Max(1, math.Abs(mean)) ||
			math.Abs(r.variance()-variance) > 1e-6*variance {
			t.Errorf("offset %g: mean %v and variance %v, want %v and %v", offset, r.mean, r.variance(), mean, variance)
		}
	}
}
