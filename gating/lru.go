package gating

import "slices"

// Bounds on the lowered and the compiled networks that are kept for data of
// several shapes: how many, and what all of them may take together.
const (
	maxKept      = 64
	maxKeptBytes = 1 << 30
)

// lru keeps the values that were used last, of a bounded number and size. The
// one in use is kept whatever its size.
type lru[K comparable, V any] struct {
	most  int
	room  int64 // bytes that all may take
	taken int64
	keys  []K // oldest use first
	kept  map[K]sized[V]
	drop  func(V) // called for a value that is no longer kept; may be nil
}

// sized is a value and the bytes it takes.
type sized[V any] struct {
	value V
	bytes int64
}

func newLRU[K comparable, V any](drop func(V)) *lru[K, V] {
	return &lru[K, V]{most: maxKept, room: maxKeptBytes, kept: map[K]sized[V]{}, drop: drop}
}

// get returns the value of a key. If it is not kept it is built, which says how
// many bytes it takes, and those used longest ago make room for it.
func (r *lru[K, V]) get(key K, build func() (V, int64, error)) (V, error) {
	if s, ok := r.kept[key]; ok {
		at := slices.Index(r.keys, key)
		r.keys = append(slices.Delete(r.keys, at, at+1), key)
		return s.value, nil
	}
	for len(r.keys) >= r.most {
		r.forget(r.keys[0])
	}
	v, bytes, err := build()
	if err != nil {
		return v, err
	}
	for len(r.keys) > 0 && bytes > r.room-r.taken {
		r.forget(r.keys[0])
	}
	r.keys = append(r.keys, key)
	r.kept[key] = sized[V]{v, bytes}
	r.taken += bytes
	return v, nil
}

// forget drops the value of a key.
func (r *lru[K, V]) forget(key K) {
	s := r.kept[key]
	delete(r.kept, key)
	r.keys = slices.DeleteFunc(r.keys, func(k K) bool { return k == key })
	r.taken -= s.bytes
	if r.drop != nil {
		r.drop(s.value)
	}
}

// clear drops all values.
func (r *lru[K, V]) clear() {
	for len(r.keys) > 0 {
		r.forget(r.keys[0])
	}
}
