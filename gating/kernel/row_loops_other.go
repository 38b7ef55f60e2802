//go:build !amd64

package kernel

func rowSum(lanes *[8]float64, x []float32) { plainRowSum(lanes, x) }

func rowDot(lanes *[8]float64, x, y []float32) { plainRowDot(lanes, x, y) }

func rowSquares(lanes *[8]float64, x []float32, mean float64) { plainRowSquares(lanes, x, mean) }

func rowMax(lanes *[8]float32, x []float32) { plainRowMax(lanes, x) }

func rowAdd(acc []float64, x []float32) { plainRowAdd(acc, x) }
