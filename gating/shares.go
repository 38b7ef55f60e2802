package gating

import (
	"math"
	"slices"

	"github.com/softmerge/softmerge/graphmatch"
)

// shares is the coefficients of one parameter: of each parent, for all channels, for each, or for each element.
type shares struct {
	numbers
	shift []float64 // of each unit's bias; nil where there are no affine gates
}

// shares returns the coefficients of a group.
func (c Coefficients) shares(group int) shares {
	return shares{numbers{c.parents, c.groups[group : group+1]}, c.shift(group)}
}

// at returns the coefficient of parent j in channel u.
func (s shares) at(j, u int) float64 {
	if s.Units(0) == 1 {
		u = 0
	}
	return s.of(0, j)[u]
}

// total is what the coefficients of channel u add up to: 1 for convex ones.
func (s shares) total(u int) (sum float64) {
	for j := range s.parents {
		sum += s.at(j, u)
	}
	return sum
}

// zero says whether all of parent j's coefficients are 0.
func (s shares) zero(j int) bool {
	return !slices.ContainsFunc(s.of(0, j), func(v float64) bool { return v != 0 })
}

// fits says whether a parameter can be mixed by so many coefficients a parent.
func (s shares) fits(p *graphmatch.Param) bool {
	units := s.Units(0)
	return units == 1 || p.ChannelAxis >= 0 && p.Shape[p.ChannelAxis] == units || units == sizeOf(p.Shape)
}

// settled returns coefficients of which each channel's add up to one, where affine gates scaled them: statistics are no
// weights. Where they add up to nothing all are equal.
func (s shares) settled() shares {
	if s.shift == nil {
		return s
	}
	out := shares{numbers: s.clone()}
	for u := range s.Units(0) {
		total := s.total(u)
		for j := range s.parents {
			if math.Abs(total) < minSum {
				out.of(0, j)[u] = 1 / float64(s.parents)
			} else {
				out.of(0, j)[u] /= total
			}
		}
	}
	return out
}
