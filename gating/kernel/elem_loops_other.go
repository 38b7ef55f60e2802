//go:build !amd64

package kernel

func fastLoops(string) [loopCount]elementwise { return plainLoops }

func lines(loopKind) lineLoop { return nil }
