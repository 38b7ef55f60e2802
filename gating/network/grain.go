package network

// loopGrain is how many elements of a cheap loop are worth a goroutine of their own.
const loopGrain = 1 << 14

// rowGrain is how many rows of n elements are worth a goroutine of their own.
func rowGrain(n int) int { return max(1, loopGrain/max(1, n)) }

// elementGrain is how many elements of a cheap element-wise loop are worth a goroutine of their own.
const elementGrain = 1 << 14
