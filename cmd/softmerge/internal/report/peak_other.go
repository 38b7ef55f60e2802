//go:build !unix

package report

import "runtime"

// PeakBytes returns the memory that the Go runtime has taken from the system.
func PeakBytes() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.Sys)
}
