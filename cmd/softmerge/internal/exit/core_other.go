//go:build !unix

package exit

// noCore has nothing to do where there are no core files.
func noCore() {}
