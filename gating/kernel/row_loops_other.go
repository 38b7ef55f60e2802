//go:build !amd64

package kernel

func rowSum(x []float32, lanes *[8]float64) { plainRowSum(x, lanes) }

func rowDot(x, y []float32, lanes *[8]float64) { plainRowDot(x, y, lanes) }

func rowSquares(x []float32, mean float64, lanes *[8]float64) { plainRowSquares(x, mean, lanes) }

func rowMax(x []float32, lanes *[8]float32) { plainRowMax(x, lanes) }

func rowAdd(x []float32, acc []float64) { plainRowAdd(x, acc) }
