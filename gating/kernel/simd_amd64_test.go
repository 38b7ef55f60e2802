package kernel

// everySet names all sets of inner loops of this architecture, whatever this processor has.
var everySet = []string{"avx512", "avx2", "generic"}

func useRowLoops(name string) { rowSet = map[string]int{"avx2": 1, "avx512": 2}[name] }
