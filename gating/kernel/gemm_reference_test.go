package kernel

import "math"

// at returns element (i, j).
func (m *Matrix) at(i, j int) float64 {
	if m.Transposed {
		i, j = j, i
	}
	return float64(m.Data[i*m.Stride+j])
}

// naiveGemm is the definition of a product, row by row without what lies between the rows of C, and the sum of its
// absolute terms. before is what C held.
func naiveGemm(c, a, b Matrix, before []float32, alpha, beta float64) (want, scale []float64) {
	for i := range c.Rows {
		for j := range c.Cols {
			var sum, size float64
			if beta != 0 {
				sum = beta * float64(before[i*c.Stride+j])
				size = math.Abs(sum)
			}
			for p := range a.Cols {
				v := alpha * a.at(i, p) * b.at(p, j)
				sum, size = sum+v, size+math.Abs(v)
			}
			want, scale = append(want, sum), append(scale, size)
		}
	}
	return want, scale
}
