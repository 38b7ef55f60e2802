package gating

import "math"

// Coefficients returns the coefficients of the gates without noise. The zero
// Combine is Convex.
func (p *Plan) Coefficients(a LogAlpha, c Combine) Coefficients {
	return p.combined(a, c, func(a []float64, _ []bool, z []float64) {
		for j := range a {
			z[j] = Gate(a[j])
		}
	})
}

// Rounded returns the coefficients of the gates rounded to 0 or 1; a unit whose
// gates would all close keeps its largest.
func (p *Plan) Rounded(a LogAlpha) Coefficients {
	return p.combined(a, Convex, roundedGates)
}

// roundedGates rounds one unit's gates and opens the largest where all would close.
func roundedGates(a []float64, excluded []bool, z []float64) {
	largest, open := -1, false
	for j := range a {
		z[j] = math.Round(Gate(a[j]))
		open = open || z[j] == 1 && !excluded[j]
		if !excluded[j] && (largest < 0 || a[j] > a[largest]) {
			largest = j
		}
	}
	if !open && largest >= 0 {
		z[largest] = 1
	}
}

// combined combines the gates of every unit; gate writes the gates z of one unit's log a.
func (p *Plan) combined(from LogAlpha, how Combine, gate func(a []float64, excluded []bool, z []float64)) Coefficients {
	out := Coefficients{numbers: newNumbers(p)}
	n := p.parents()
	a, z, c := make([]float64, n), make([]float64, n), make([]float64, n)
	for g := range p.groups {
		excluded := p.groups[g].excluded
		for u := range p.groups[g].units {
			from.unit(g, u, a)
			gate(a, excluded, z)
			how.combine(z, a, excluded, c)
			out.setUnit(g, u, c)
		}
	}
	return out
}

// Average returns equal coefficients for the parents that are in, one entry a
// parent, and not excluded; nil stands for all parents.
func (p *Plan) Average(in []bool) Coefficients { return p.AverageOf(func(string) []bool { return in }) }

// AverageOf is Average where other parents are in from group to group, which are told by their names (Groups).
func (p *Plan) AverageOf(in func(group string) []bool) Coefficients {
	out := Coefficients{numbers: newNumbers(p)}
	for g := range p.groups {
		var members []int
		in := in(p.groups[g].name)
		for j, excluded := range p.groups[g].excluded {
			if (in == nil || in[j]) && !excluded {
				members = append(members, j)
			}
		}
		for _, j := range members {
			row := out.of(g, j)
			for u := range row {
				row[u] = 1 / float64(len(members))
			}
		}
	}
	return out
}
