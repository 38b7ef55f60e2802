package kernel

// rowSet is which generated row loops this processor runs: 2 for AVX-512, 1 for AVX2, 0 for none.
var rowSet = map[string]int{"avx2": 1, "avx512": 2}[simd.name]

func rowSum(x []float32, lanes *[8]float64) {
	switch rowSet {
	case 2:
		rowSumAVX512(len(x), &x[0], &lanes[0])
	case 1:
		rowSumAVX2(len(x), &x[0], &lanes[0])
	default:
		plainRowSum(x, lanes)
	}
}

func rowDot(x, y []float32, lanes *[8]float64) {
	switch rowSet {
	case 2:
		rowDotAVX512(len(x), &x[0], &y[0], &lanes[0])
	case 1:
		rowDotAVX2(len(x), &x[0], &y[0], &lanes[0])
	default:
		plainRowDot(x, y, lanes)
	}
}

func rowSquares(x []float32, mean float64, lanes *[8]float64) {
	switch rowSet {
	case 2:
		rowSquaresAVX512(len(x), &x[0], mean, &lanes[0])
	case 1:
		rowSquaresAVX2(len(x), &x[0], mean, &lanes[0])
	default:
		plainRowSquares(x, mean, lanes)
	}
}

func rowMax(x []float32, lanes *[8]float32) {
	switch rowSet {
	case 2:
		rowMaxAVX512(len(x), &x[0], &lanes[0])
	case 1:
		rowMaxAVX2(len(x), &x[0], &lanes[0])
	default:
		plainRowMax(x, lanes)
	}
}

func rowAdd(x []float32, acc []float64) {
	switch rowSet {
	case 2:
		rowAddAVX512(len(x), &x[0], &acc[0])
	case 1:
		rowAddAVX2(len(x), &x[0], &acc[0])
	default:
		plainRowAdd(x, acc)
	}
}
