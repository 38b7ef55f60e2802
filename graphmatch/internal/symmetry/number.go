package symmetry

// number is a whole number that a graph computes from the shapes of arrays, as far as it is known.
type number struct {
	n      int // when known
	known  bool
	factor int // when not known: the number is a multiple of it, at least 1
	sym    int // when not known: the number is factor times this axis length, 0 for none
}

// maxNumber bounds the numbers that are followed, so that products do not overflow.
const maxNumber = 1 << 31

func exactly(n int) number { return number{n: n, known: true, factor: 1} }

// unknownNumber is a number of which nothing is known.
func unknownNumber() number { return number{factor: 1} }

// bounded is a known number, unless it is beyond those that are followed.
func bounded(n int) number {
	if n > maxNumber || n < -maxNumber {
		return unknownNumber()
	}
	return exactly(n)
}

// clamped is the nearest number that is followed: ends of slices are often the largest number there is.
func clamped(n int64) int { return int(min(max(n, -maxNumber), maxNumber)) }

// multipleOf tells whether a number is certain to be a multiple of k.
func (x number) multipleOf(k int) bool {
	if k < 1 {
		return false
	}
	if x.known {
		return x.n%k == 0
	}
	return x.factor%k == 0
}

// same tells whether two numbers are certain to be equal.
func (x number) same(y number) bool {
	if x.known || y.known {
		return x.known && y.known && x.n == y.n
	}
	return x.sym > 0 && x.sym == y.sym && x.factor == y.factor
}

// allKnown are the values of a list, false unless there is a list and all of it is known.
func allKnown(list []number) (values []int, ok bool) {
	for _, x := range list {
		if !x.known {
			return nil, false
		}
		values = append(values, x.n)
	}
	return values, list != nil
}

// arithmetic holds ONNX's operators on whole numbers. What is not known stays so, but for the factors of products.
var arithmetic = map[string]func(x, y number) number{
	"Add": number.plus, "Sub": number.minus, "Mul": number.times, "Div": number.dividedBy, "Mod": number.modulo,
}

func (x number) plus(y number) number {
	if !x.known || !y.known {
		return unknownNumber()
	}
	return bounded(x.n + y.n)
}

func (x number) minus(y number) number {
	if !x.known || !y.known {
		return unknownNumber()
	}
	return bounded(x.n - y.n)
}

// times is the product. Of an unknown number and a known one it has a known factor.
func (x number) times(y number) number {
	if x.known && !y.known {
		x, y = y, x
	}
	switch {
	case x.known:
		if x.n < 0 || y.n < 0 || y.n > 0 && x.n > maxNumber/y.n {
			return unknownNumber()
		}
		return exactly(x.n * y.n)
	case y.known:
		if y.n < 1 || x.factor > maxNumber/y.n {
			return unknownNumber()
		}
		return number{factor: x.factor * y.n, sym: x.sym}
	case x.factor > maxNumber/y.factor:
		return unknownNumber()
	}
	return number{factor: x.factor * y.factor}
}

// dividedBy is the quotient of numbers that are not negative. An unknown number can be divided by its factor.
func (x number) dividedBy(y number) number {
	switch {
	case !y.known || y.n < 1:
		return unknownNumber()
	case x.known && x.n >= 0:
		return bounded(x.n / y.n)
	case !x.known && x.factor%y.n == 0:
		return number{factor: x.factor / y.n, sym: x.sym}
	}
	return unknownNumber()
}

// modulo is the remainder with the divisor's sign, for divisors above zero.
func (x number) modulo(y number) number {
	if !x.known || !y.known || y.n < 1 {
		return unknownNumber()
	}
	return bounded((x.n%y.n + y.n) % y.n)
}
