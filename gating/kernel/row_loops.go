package kernel

import "math"

// rowBlock32 is the length in floats of one round of the row loops.
const rowBlock32 = 32

// The row loops reduce rows of floats in double precision. They take lengths that are positive multiples of
// rowBlock32. Sums are 8 partial ones of 32 lanes, whatever the processor. Here they are in plain Go; calls go
// through functions, not variables, so that lanes stay on the stack.

func plainRowSum(lanes *[8]float64, x []float32) {
	var acc [rowBlock32]float64
	for ; len(x) > 0; x = x[rowBlock32:] {
		for i, v := range x[:rowBlock32] {
			acc[i] += float64(v)
		}
	}
	foldLanes(lanes, &acc)
}

func plainRowDot(lanes *[8]float64, x, y []float32) {
	var acc [rowBlock32]float64
	for ; len(x) > 0; x, y = x[rowBlock32:], y[rowBlock32:] {
		for i, v := range x[:rowBlock32] {
			acc[i] += float64(v) * float64(y[i])
		}
	}
	foldLanes(lanes, &acc)
}

func plainRowSquares(lanes *[8]float64, x []float32, mean float64) {
	var acc [rowBlock32]float64
	for ; len(x) > 0; x = x[rowBlock32:] {
		for i, v := range x[:rowBlock32] {
			d := float64(v) - mean
			acc[i] += d * d
		}
	}
	foldLanes(lanes, &acc)
}

func plainRowMax(lanes *[8]float32, x []float32) {
	copy(lanes[:], x)
	for i, v := range x {
		lanes[i%8] = max(lanes[i%8], v)
	}
}

func plainRowAdd(acc []float64, x []float32) {
	for i, v := range x {
		acc[i] += float64(v)
	}
}

// foldLanes adds 32 lanes up to 8.
func foldLanes(lanes *[8]float64, acc *[rowBlock32]float64) {
	for half := rowBlock32 / 2; half >= len(lanes); half /= 2 {
		for i := range half {
			acc[i] += acc[i+half]
		}
	}
	copy(lanes[:], acc[:])
}

// total adds up the lanes of a row loop.
func total(l *[8]float64) float64 {
	return ((l[0] + l[1]) + (l[2] + l[3])) + ((l[4] + l[5]) + (l[6] + l[7]))
}

// sumRun adds up a run in double precision.
func sumRun(x []float32) (sum float64) {
	if whole := len(x) &^ (rowBlock32 - 1); whole > 0 {
		var lanes [8]float64
		rowSum(&lanes, x[:whole])
		sum, x = total(&lanes), x[whole:]
	}
	for _, v := range x {
		sum += float64(v)
	}
	return sum
}

// dotRun adds up x[i]·y[i] in double precision.
func dotRun(x, y []float32) (sum float64) {
	y = y[:len(x)]
	if whole := len(x) &^ (rowBlock32 - 1); whole > 0 {
		var lanes [8]float64
		rowDot(&lanes, x[:whole], y)
		sum, x, y = total(&lanes), x[whole:], y[whole:]
	}
	for i, v := range x {
		sum += float64(v) * float64(y[i])
	}
	return sum
}

// squaresAround returns the sum of (x - mean)² in double precision.
func squaresAround(x []float32, mean float64) (sum float64) {
	if whole := len(x) &^ (rowBlock32 - 1); whole > 0 {
		var lanes [8]float64
		rowSquares(&lanes, x[:whole], mean)
		sum, x = total(&lanes), x[whole:]
	}
	for _, v := range x {
		d := float64(v) - mean
		sum += d * d
	}
	return sum
}

// greatestOf returns the greatest element, -Inf of nothing. Where there is a NaN, it may return any element.
func greatestOf(x []float32) float32 {
	top := float32(math.Inf(-1))
	if whole := len(x) &^ (rowBlock32 - 1); whole > 0 {
		var lanes [8]float32
		rowMax(&lanes, x[:whole])
		for _, v := range lanes {
			if v > top {
				top = v
			}
		}
		x = x[whole:]
	}
	for _, v := range x {
		if v > top {
			top = v
		}
	}
	return top
}

// addRow adds x to acc element by element.
func addRow(acc []float64, x []float32) {
	acc = acc[:len(x)]
	whole := len(x) &^ (rowBlock32 - 1)
	if whole > 0 {
		rowAdd(acc, x[:whole])
	}
	for i := whole; i < len(x); i++ {
		acc[i] += float64(x[i])
	}
}
