package main

import "testing"

// Sizes are read with the units that people write, and nothing else is.
func TestSize(t *testing.T) {
	for text, want := range map[string]int64{"0": 0, "123": 123, "10B": 10, "4k": 4 << 10, "500M": 500 << 20, "8G": 8 << 30,
		"8 GB": 8 << 30, "1.5GiB": 3 << 29, "2T": 2 << 40} {
		got := int64(-1)
		if err := (size{&got}).Set(text); err != nil || got != want {
			t.Errorf("%q: %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "G", "8X", "-1G", "NaN", "Inf", "1e30", "8GG", "8iB", "8 G 1"} {
		got := int64(-1)
		if err := (size{&got}).Set(text); err == nil {
			t.Errorf("%q is %d", text, got)
		}
	}
}
