package op

// LoopGrain is how many elements of a cheap loop are worth a goroutine of their own.
const LoopGrain = 1 << 14

// RowGrain is how many rows of n elements are worth a goroutine of their own.
func RowGrain(n int) int { return max(1, LoopGrain/max(1, n)) }

// ElementGrain is how many elements of a cheap element-wise loop are worth a goroutine of their own.
const ElementGrain = 1 << 14
