package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// size is the value of a flag that counts bytes: 500M, 8G, 1.5GiB. It is -1 while nothing is given.
type size struct{ bytes *int64 }

// String returns the number of bytes.
func (s size) String() string {
	if s.bytes == nil || *s.bytes < 0 {
		return ""
	}
	return strconv.FormatInt(*s.bytes, 10)
}

// Type names the flag's value in help texts.
func (s size) Type() string { return "SIZE" }

// Set takes a number with a unit, of 1024 each, or without one for bytes.
func (s size) Set(text string) error {
	number := strings.TrimRight(strings.ToUpper(strings.TrimSpace(text)), "KMGTIB")
	unit := strings.ToUpper(strings.TrimSpace(text))[len(number):]
	power, known := map[string]int{"": 0, "B": 0, "K": 1, "M": 2, "G": 3, "T": 4}[strings.TrimSuffix(
		strings.TrimSuffix(unit, "IB"), "B")]
	n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	bytes := n * math.Pow(1024, float64(power))
	if err != nil || !known || unit == "IB" || !(bytes >= 0 && bytes < math.MaxInt64) {
		return fmt.Errorf("want a size such as 500M, 8G or 1T")
	}
	*s.bytes = int64(bytes)
	return nil
}
