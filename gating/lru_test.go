package gating

import (
	"errors"
	"fmt"
	"slices"
	"testing"
)

// TestLRU drops what was used longest ago: too many values, or too large ones.
func TestLRU(t *testing.T) {
	var dropped []string
	r := newLRU[string](func(v string) { dropped = append(dropped, v) })
	r.most, r.room = 3, 100
	get := func(key string, bytes int64) {
		t.Helper()
		if v, err := r.get(key, func() (string, int64, error) { return key, bytes, nil }); err != nil || v != key {
			t.Errorf("%s is %s: %v", key, v, err)
		}
	}
	for _, c := range []struct {
		key    string
		bytes  int64
		want   string
		taken  int64
		reason string
	}{
		{"a", 10, "[a]", 10, "the first"},
		{"b", 20, "[a b]", 30, "room for both"},
		{"a", 99, "[b a]", 30, "kept, not built"},
		{"c", 30, "[b a c]", 60, "three at most"},
		{"d", 5, "[a c d]", 45, "the oldest use goes"},
		{"e", 70, "[d e]", 75, "as many go as have to"},
		{"f", 500, "[f]", 500, "the one in use stays, however large"},
		{"g", 1, "[g]", 1, "and goes next"},
	} {
		if get(c.key, c.bytes); fmt.Sprint(r.keys) != c.want || r.taken != c.taken || len(r.kept) != len(r.keys) {
			t.Errorf("%s: %v with %d bytes, want %s with %d", c.reason, r.keys, r.taken, c.want, c.taken)
		}
	}
	if !slices.Equal(dropped, []string{"b", "a", "c", "d", "e", "f"}) {
		t.Errorf("dropped %v", dropped)
	}
	failure := errors.New("no")
	if _, err := r.get("h", func() (string, int64, error) { return "", 0, failure }); err != failure ||
		len(r.kept) != 1 {
		t.Errorf("%v, %d values", err, len(r.kept))
	}
	if r.clear(); len(r.keys)+len(r.kept)+int(r.taken) != 0 {
		t.Errorf("%v, %d bytes are left", r.keys, r.taken)
	}
}
