//go:build !amd64

package kernel

var everySet = []string{"generic"}

func useRowLoops(string) {}
