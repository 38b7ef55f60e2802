package gating

import "slices"

// recent keeps the values that were used last, a bounded number of them.
type recent[K comparable, V any] struct {
	most   int
	keys   []K // oldest use first
	values map[K]V
	drop   func(V) // called for a value that is no longer kept; may be nil
}

func newRecent[K comparable, V any](most int, drop func(V)) *recent[K, V] {
	return &recent[K, V]{most: most, values: map[K]V{}, drop: drop}
}

// get returns the value of a key, made if it is not kept. Room for it is made
// first, so that never more than the bound are alive.
func (r *recent[K, V]) get(key K, build func() (V, error)) (V, error) {
	if v, ok := r.values[key]; ok {
		at := slices.Index(r.keys, key)
		r.keys = append(slices.Delete(r.keys, at, at+1), key)
		return v, nil
	}
	for len(r.keys) >= r.most {
		r.forget(r.keys[0])
	}
	v, err := build()
	if err != nil {
		return v, err
	}
	r.keys = append(r.keys, key)
	r.values[key] = v
	return v, nil
}

// forget drops the value of a key.
func (r *recent[K, V]) forget(key K) {
	v := r.values[key]
	delete(r.values, key)
	r.keys = slices.DeleteFunc(r.keys, func(k K) bool { return k == key })
	if r.drop != nil {
		r.drop(v)
	}
}

// clear drops all values.
func (r *recent[K, V]) clear() {
	for len(r.keys) > 0 {
		r.forget(r.keys[0])
	}
}
