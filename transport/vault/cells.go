package vault

import "sync"

// Incarnation fences the lives of one actor: a greater one is newer.
type Incarnation uint64

// Cells keeps one value a key for the actors that decide about it. The zero
// Cells is empty and ready. It is safe for concurrent use.
type Cells[K comparable, V any] struct {
	mu    sync.Mutex
	cells map[K]cell[V]
}

type cell[V any] struct {
	owner Incarnation
	value V
}

// Save puts the value, unless a newer incarnation has saved there before; it
// reports whether the value was taken.
func (c *Cells[K, V]) Save(key K, owner Incarnation, value V) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cells == nil {
		c.cells = make(map[K]cell[V])
	}
	if owner < c.cells[key].owner {
		return false
	}
	c.cells[key] = cell[V]{owner: owner, value: value}
	return true
}

// Load returns the value last saved under the key.
func (c *Cells[K, V]) Load(key K) (V, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	cell, ok := c.cells[key]
	return cell.value, ok
}

// Delete forgets the key, and with it the fence.
func (c *Cells[K, V]) Delete(key K) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.cells, key)
}

// All returns a copy of everything.
func (c *Cells[K, V]) All() map[K]V {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make(map[K]V, len(c.cells))
	for key, cell := range c.cells {
		all[key] = cell.value
	}
	return all
}
