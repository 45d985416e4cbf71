package supervision

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// newCell makes an empty actor at path, with the static children below it, so
// that messages can wait for it before its first life. t.mu is held.
func (t *Tree) newCell(p parent, path string, child Child) *cell {
	t.serial++
	c := &cell{tree: t, parent: p, name: child.name, path: path, child: child, phase: Idle}
	c.box = newMailbox(child.mailbox, t.config.Runtime)
	c.body = child.body(c)
	props := actor.PropsFromProducer(func() actor.Actor { return c }, actor.WithMailbox(func() actor.Mailbox { return c.box }))
	pid, err := theSystem().Root.SpawnNamed(props, t.id+path+"#"+strconv.FormatUint(t.serial, 36))
	if err != nil {
		panic(err) // the serial makes the name unique
	}
	c.pid = pid
	t.waitFor++
	t.cells[path] = c
	if s, ok := p.(*cell); ok {
		s.children[child.name] = c
	}
	if child.spec != nil {
		c.children = make(map[string]*cell, len(child.spec.Children))
		for _, below := range child.spec.Children {
			t.newCell(c, join(path, below.name), below)
		}
	}
	return c
}

// find returns the cell at path, or ErrNoActor or ErrStopped.
func (t *Tree) find(path string) (*cell, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if c := t.cells[path]; c != nil {
		return c, nil
	}
	if t.exit != nil {
		return nil, ErrStopped
	}
	return nil, fmt.Errorf("%w: %s", ErrNoActor, path)
}

// place returns the cell of a child, made anew if the child was forgotten.
func (t *Tree) place(s *cell, child Child) *cell {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c := s.children[child.name]; c != nil {
		return c
	}
	return t.newCell(s, join(s.path, child.name), child)
}

func (t *Tree) childOf(s *cell, name string) *cell {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return s.children[name]
}

func (t *Tree) childNames(s *cell) []string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return slices.Sorted(maps.Keys(s.children))
}

// snapshot lists the cells that have a place.
func (t *Tree) snapshot() []*cell {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return slices.Collect(maps.Values(t.cells))
}

// forget removes a child for good.
func (t *Tree) forget(s *cell, name string, exit *Exit) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c := s.children[name]; c != nil {
		t.remove(c, exit)
	}
}

// remove takes a cell and those below it out of the tree. The path is free
// before anyone hears the last word. t.mu is held.
func (t *Tree) remove(c *cell, exit *Exit) {
	for _, below := range c.children {
		t.remove(below, &Exit{Path: below.path, Incarnation: below.number(), Reason: ReasonShutdown, Detail: c.path + " is gone"})
	}
	delete(t.cells, c.path)
	if s, ok := c.parent.(*cell); ok {
		delete(s.children, c.name)
	}
	c.fence()
	c.box.shutUser()
	c.box.post(discard{})
	t.mourn(exit, false)
}

// number is the last life begun.
func (c *cell) number() Incarnation {
	if l := c.life.Load(); l != nil {
		return l.number
	}
	return 0
}

// abandon fences a cell that does not react, and puts an empty one with its
// waiting messages in its place.
func (t *Tree) abandon(s *cell, name string, waited time.Duration) {
	t.mu.Lock()
	old := s.children[name]
	old.fence()
	waiting := old.box.shutUser()
	c := t.newCell(s, old.path, old.child)
	c.box.adopt(waiting)
	c.lives.Store(old.lives.Load())
	c.stale.Store(old.stale.Load())
	c.refused.Store(old.refused.Load())
	old.box.post(discard{})
	t.unwatch(old)
	t.mu.Unlock()
	t.stuck(old, waited)
	t.settle(old)
}

// stuck notes and reports an actor that did not end in time.
func (t *Tree) stuck(c *cell, waited time.Duration) {
	tasks := c.tasks.list()
	name := c.path
	if len(tasks) > 0 {
		name += fmt.Sprintf(" (tasks %v)", tasks)
	}
	t.mu.Lock()
	t.stuckAt = append(t.stuckAt, name)
	t.mu.Unlock()
	t.report(Stuck{Path: c.path, Incarnation: c.number(), Waited: waited, Tasks: tasks})
}

// settle says that nothing more is to be expected of a cell. The tree is done
// when its root has ended and all have settled.
func (t *Tree) settle(c *cell) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c.settled {
		return
	}
	c.settled = true
	t.waitFor--
	if t.waitFor == 0 && t.exit != nil {
		close(t.done)
	}
}

// lockedMourn tells the watchers of a child that another life may follow.
func (t *Tree) lockedMourn(exit *Exit) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mourn(exit, true)
}
