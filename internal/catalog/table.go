package catalog

import (
	"hash/maphash"
	"iter"
	"maps"
)

// shards is how many maps a table is made of.
const shards = 256

// table is an immutable map of which a changed copy costs little, whatever its
// size: one of its shards. The zero value is empty.
type table[T any] struct {
	shard *[shards]map[string]T
	size  int
}

var seed = maphash.MakeSeed()

func shardOf(key string) int { return int(maphash.String(seed, key) % shards) }

func (t table[T]) get(key string) (v T, ok bool) {
	if t.shard == nil {
		return v, false
	}
	v, ok = t.shard[shardOf(key)][key]
	return v, ok
}

// all yields the values in no order.
func (t table[T]) all() iter.Seq[T] {
	return func(yield func(T) bool) {
		if t.shard == nil {
			return
		}
		for _, m := range t.shard {
			for _, v := range m {
				if !yield(v) {
					return
				}
			}
		}
	}
}

// draft is a changed copy of a table in the making. It copies each shard once.
type draft[T any] struct {
	table[T]
	own [shards]bool
}

func (t table[T]) draft() *draft[T] {
	d := &draft[T]{table: t}
	d.shard = &[shards]map[string]T{}
	if t.shard != nil {
		*d.shard = *t.shard
	}
	return d
}

func (d *draft[T]) set(key string, v T) {
	m := d.writable(key)
	if _, there := m[key]; !there {
		d.size++
	}
	m[key] = v
}

func (d *draft[T]) remove(key string) {
	if _, there := d.get(key); there {
		delete(d.writable(key), key)
		d.size--
	}
}

func (d *draft[T]) writable(key string) map[string]T {
	i := shardOf(key)
	if !d.own[i] {
		d.own[i] = true
		if d.shard[i] = maps.Clone(d.shard[i]); d.shard[i] == nil {
			d.shard[i] = map[string]T{}
		}
	}
	return d.shard[i]
}
