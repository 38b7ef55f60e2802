//go:build !amd64

package kernel

func fastLoops(string) [loopCount]elementwise { return plainLoops }
