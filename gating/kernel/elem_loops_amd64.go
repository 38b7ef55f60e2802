package kernel

// assembly is the signature of the generated loops.
type assembly func(n int, dst, a, b *float32, p, q float32)

// instructionSets are the places of the sets in the tables below.
var instructionSets = map[string]int{"avx2": 0, "avx512": 1}

// fastLoops returns the loops for the named set of instructions.
func fastLoops(name string) [loopCount]elementwise {
	i, ok := instructionSets[name]
	if !ok {
		return plainLoops
	}
	var fast [loopCount]elementwise
	for kind, both := range assemblyLoops {
		fast[kind] = checked(both[i])
	}
	return fast
}

// checked is a loop over slices: it keeps assembly inside them.
func checked(f assembly) elementwise {
	return func(dst, a, b []float32, p, q float32) {
		n := len(dst)
		if n == 0 {
			return
		}
		a, b = a[:n], b[:n]
		f(n, &dst[0], &a[0], &b[0], p, q)
	}
}

// assemblyLoops are the generated loops, for AVX2 and AVX-512.
var assemblyLoops = [loopCount][2]assembly{
	loopAdd:                 {addAVX2, addAVX512},
	loopAddOne:              {addOneAVX2, addOneAVX512},
	loopSub:                 {subAVX2, subAVX512},
	loopSubOne:              {subOneAVX2, subOneAVX512},
	loopSubFrom:             {subFromAVX2, subFromAVX512},
	loopMul:                 {mulAVX2, mulAVX512},
	loopMulOne:              {mulOneAVX2, mulOneAVX512},
	loopDiv:                 {divAVX2, divAVX512},
	loopDivOne:              {divOneAVX2, divOneAVX512},
	loopDivInto:             {divIntoAVX2, divIntoAVX512},
	loopRelu:                {reluAVX2, reluAVX512},
	loopReluBackward:        {reluBackwardAVX2, reluBackwardAVX512},
	loopClip:                {clipAVX2, clipAVX512},
	loopClipBackward:        {clipBackwardAVX2, clipBackwardAVX512},
	loopLeakyRelu:           {leakyReluAVX2, leakyReluAVX512},
	loopLeakyReluBackward:   {leakyReluBackwardAVX2, leakyReluBackwardAVX512},
	loopHardSigmoid:         {hardSigmoidAVX2, hardSigmoidAVX512},
	loopHardSigmoidBackward: {hardSigmoidBackwardAVX2, hardSigmoidBackwardAVX512},
	loopHardSwish:           {hardSwishAVX2, hardSwishAVX512},
	loopHardSwishBackward:   {hardSwishBackwardAVX2, hardSwishBackwardAVX512},
	loopExp:                 {expAVX2, expAVX512},
	loopSigmoid:             {sigmoidAVX2, sigmoidAVX512},
	loopSigmoidBackward:     {sigmoidBackwardAVX2, sigmoidBackwardAVX512},
	loopTanh:                {tanhAVX2, tanhAVX512},
	loopTanhBackward:        {tanhBackwardAVX2, tanhBackwardAVX512},
	loopSwish:               {swishAVX2, swishAVX512},
	loopSwishBackward:       {swishBackwardAVX2, swishBackwardAVX512},
	loopMish:                {mishAVX2, mishAVX512},
	loopMishBackward:        {mishBackwardAVX2, mishBackwardAVX512},
	loopErf:                 {erfAVX2, erfAVX512},
	loopErfBackward:         {erfBackwardAVX2, erfBackwardAVX512},
	loopGelu:                {geluAVX2, geluAVX512},
	loopGeluBackward:        {geluBackwardAVX2, geluBackwardAVX512},
	loopGeluTanh:            {geluTanhAVX2, geluTanhAVX512},
	loopGeluTanhBackward:    {geluTanhBackwardAVX2, geluTanhBackwardAVX512},
	loopSqrt:                {sqrtAVX2, sqrtAVX512},
	loopSqrtBackward:        {sqrtBackwardAVX2, sqrtBackwardAVX512},
	loopReciprocalBackward:  {reciprocalBackwardAVX2, reciprocalBackwardAVX512},
	loopSoftplus:            {softplusAVX2, softplusAVX512},
	loopElu:                 {eluAVX2, eluAVX512},
	loopEluBackward:         {eluBackwardAVX2, eluBackwardAVX512},
}

// lineAssembly is the signature of the generated loops over lines.
type lineAssembly func(rows, n int, dst, a, b *float32, da, db int)

// lines returns the loop over lines of the kind, nil where there is none.
func lines(kind loopKind) lineLoop {
	both, ok := assemblyLines[kind]
	set, fast := instructionSets[simd.name]
	if !ok || !fast {
		return nil
	}
	f := both[set]
	vector := kind == loopAdd || kind == loopSub || kind == loopMul || kind == loopDiv
	return func(rows, n int, dst, a, b []float32, da, db int) {
		if rows == 0 || n == 0 {
			return
		}
		requireLen("dst", len(dst), rows*n)
		requireLen("a", len(a), (rows-1)*da+n)
		last := 1
		if vector {
			last = n
		}
		requireLen("b", len(b), (rows-1)*db+last)
		f(rows, n, &dst[0], &a[0], &b[0], da, db)
	}
}

// assemblyLines are the generated loops over lines, for AVX2 and AVX-512.
var assemblyLines = map[loopKind][2]lineAssembly{
	loopAdd:     {addRowsAVX2, addRowsAVX512},
	loopAddOne:  {addOneRowsAVX2, addOneRowsAVX512},
	loopSub:     {subRowsAVX2, subRowsAVX512},
	loopSubOne:  {subOneRowsAVX2, subOneRowsAVX512},
	loopSubFrom: {subFromRowsAVX2, subFromRowsAVX512},
	loopMul:     {mulRowsAVX2, mulRowsAVX512},
	loopMulOne:  {mulOneRowsAVX2, mulOneRowsAVX512},
	loopDiv:     {divRowsAVX2, divRowsAVX512},
	loopDivOne:  {divOneRowsAVX2, divOneRowsAVX512},
	loopDivInto: {divIntoRowsAVX2, divIntoRowsAVX512},
}
