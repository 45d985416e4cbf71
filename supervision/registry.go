package supervision

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// newCell makes an empty actor at path, with the static children below it, so
// that messages can wait for it before its first life. t.mu is held.
func (t *Tree) newCell(p *cell, path string, child *Child) *cell {
	c := &cell{tree: t, parent: p, path: path, child: child}
	c.box.cell, c.box.held = c, true
	c.box.runner = c.box.run
	c.phase = Idle
	c.body = child.body(c)
	t.newest = c
	c.pid = theSystem().Root.Spawn(t.props)
	t.waitFor++
	if p != nil {
		p.children[child.name] = c
	}
	if child.spec != nil {
		c.children = make(map[string]*cell, len(child.spec.Children))
		for i := range child.spec.Children {
			below := &child.spec.Children[i]
			t.newCell(c, join(path, below.name), below)
		}
	}
	return c
}

// newProps is how protoactor makes the actors of a tree: out of the cell that
// is being made. One for all costs less than one each.
func (t *Tree) newProps() *actor.Props {
	return actor.PropsFromProducer(
		func() actor.Actor { return t.newest },
		actor.WithMailbox(func() actor.Mailbox { return &t.newest.box }),
	)
}

// at returns the cell at path, or nil. t.mu is held.
func (t *Tree) at(path string) *cell {
	if path == "/" {
		return t.root
	}
	c := t.root
	rest, rooted := strings.CutPrefix(path, "/")
	for more := rooted; more && c != nil; {
		var name string
		name, rest, more = strings.Cut(rest, "/")
		c = c.children[name]
	}
	if !rooted {
		return nil
	}
	return c
}

// find returns the cell at path, or ErrNoActor or ErrStopped.
func (t *Tree) find(path string) (*cell, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if c := t.at(path); c != nil {
		return c, nil
	}
	if t.exit != nil {
		return nil, ErrStopped
	}
	return nil, fmt.Errorf("%w: %s", ErrNoActor, path)
}

// place returns the cell of a child, made anew if the child was forgotten.
func (t *Tree) place(s *cell, child *Child) *cell {
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

// snapshot lists the cells that have a place: every one after its supervisor,
// brothers by name.
func (t *Tree) snapshot() []*cell {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.inOrder()
}

// inOrder is snapshot; t.mu is held.
func (t *Tree) inOrder() []*cell {
	if t.root == nil {
		return nil
	}
	return t.root.withThoseBelow(nil)
}

// everybody is snapshot in no order, which is cheaper.
func (t *Tree) everybody() []*cell {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var all []*cell
	if t.root != nil {
		all = append(all, t.root)
	}
	for i := 0; i < len(all); i++ {
		all = slices.AppendSeq(all, maps.Values(all[i].children))
	}
	return all
}

func (c *cell) withThoseBelow(all []*cell) []*cell {
	all = append(all, c)
	for _, name := range slices.Sorted(maps.Keys(c.children)) {
		all = c.children[name].withThoseBelow(all)
	}
	return all
}

// forget removes a child for good.
func (t *Tree) forget(s *cell, name string, exit *Exit) {
	t.mu.Lock()
	c := s.children[name]
	if c != nil {
		t.remove(c, exit)
	}
	t.mu.Unlock()
	if c != nil && c.number() == 0 {
		t.report(Stopped{exit}) // it has not lived: nothing else tells of it
	}
}

// remove takes a cell and those below it out of the tree. The path is free
// before anyone hears the last word. t.mu is held.
func (t *Tree) remove(c *cell, exit *Exit) {
	for _, name := range slices.Sorted(maps.Keys(c.children)) {
		below := c.children[name]
		t.remove(below, &Exit{Path: below.path, Incarnation: below.number(), Reason: ReasonShutdown, Detail: c.path + " is gone"})
	}
	if c.parent == nil {
		t.root = nil
	} else {
		delete(c.parent.children, c.child.name)
	}
	c.fence()
	t.unwatch(c)
	c.forsake(exit)
	failAsks(c.box.shutUser().queue, c.path, exit)
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
	c := t.newCell(s, old.path, old.child)
	c.box.adopt(&old.box)
	c.lives.Store(old.lives.Load())
	c.counters.adopt(&old.counters)
	old.box.post(discard{})
	t.unwatch(old)
	t.mu.Unlock()
	old.forsake(&Exit{Path: old.path, Incarnation: old.number(), Reason: ReasonStuck, Detail: "within " + waited.String()})
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
	told := c.told
	c.told = true
	if !told && !slices.Contains(t.stuckAt, name) {
		t.stuckAt = append(t.stuckAt, name)
	}
	t.mu.Unlock()
	if !told {
		t.report(Stuck{Path: c.path, Incarnation: c.number(), Waited: waited, Tasks: tasks, Last: c.box.steps()})
	}
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
