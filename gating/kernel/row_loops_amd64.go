package kernel

// rowSet is which generated row loops this processor runs: 2 for AVX-512, 1 for AVX2, 0 for none.
var rowSet = map[string]int{"avx2": 1, "avx512": 2}[simd.name]

func rowSum(lanes *[8]float64, x []float32) {
	switch rowSet {
	case 2:
		rowSumAVX512(len(x), &x[0], &lanes[0])
	case 1:
		rowSumAVX2(len(x), &x[0], &lanes[0])
	default:
		plainRowSum(lanes, x)
	}
}

func rowDot(lanes *[8]float64, x, y []float32) {
	switch rowSet {
	case 2:
		rowDotAVX512(len(x), &x[0], &y[0], &lanes[0])
	case 1:
		rowDotAVX2(len(x), &x[0], &y[0], &lanes[0])
	default:
		plainRowDot(lanes, x, y)
	}
}

func rowSquares(lanes *[8]float64, x []float32, mean float64) {
	switch rowSet {
	case 2:
		rowSquaresAVX512(len(x), &x[0], mean, &lanes[0])
	case 1:
		rowSquaresAVX2(len(x), &x[0], mean, &lanes[0])
	default:
		plainRowSquares(lanes, x, mean)
	}
}

func rowMax(lanes *[8]float32, x []float32) {
	switch rowSet {
	case 2:
		rowMaxAVX512(len(x), &x[0], &lanes[0])
	case 1:
		rowMaxAVX2(len(x), &x[0], &lanes[0])
	default:
		plainRowMax(lanes, x)
	}
}

func rowAdd(acc []float64, x []float32) {
	switch rowSet {
	case 2:
		rowAddAVX512(len(x), &x[0], &acc[0])
	case 1:
		rowAddAVX2(len(x), &x[0], &acc[0])
	default:
		plainRowAdd(acc, x)
	}
}
