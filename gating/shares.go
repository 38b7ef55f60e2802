package gating

import (
	"slices"

	"github.com/softmerge/softmerge/graphmatch"
)

// shares is the coefficients of one parameter: of each parent, for all channels or for each.
type shares struct{ numbers }

// shares returns the coefficients of a group.
func (c Coefficients) shares(group int) shares {
	return shares{numbers{c.parents, c.groups[group : group+1]}}
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
	return units == 1 || p.ChannelAxis >= 0 && p.Shape[p.ChannelAxis] == units
}
