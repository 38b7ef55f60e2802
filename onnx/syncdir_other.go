//go:build !unix

package onnx

// syncDir does nothing where folders cannot be synced.
func syncDir(string) error { return nil }
