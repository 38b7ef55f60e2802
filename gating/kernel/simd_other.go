//go:build !amd64

package kernel

func available() []*instructions { return []*instructions{generic} }
