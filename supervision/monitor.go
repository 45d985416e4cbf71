package supervision

import "slices"

// Down tells that a life of a monitored actor ended. Restarting: the actor
// keeps its place and may live again, so more may follow; else this is the last
// word about it, and its path is free.
type Down struct {
	Path        string
	Incarnation Incarnation // the life that ended; zero if there was none
	Reason      *Exit       // never nil
	Restarting  bool
}

// watch is a monitor as the watching life keeps it.
type watch[M any] struct {
	path string
	down func(Down) M
}

// watcher is a monitor as the tree keeps it.
type watcher struct {
	cell *cell
	life Incarnation
	id   uint64
}

// Monitor makes down's message arrive here, ahead of waiting messages, whenever
// a life of the actor at path ends, until it is gone for good or this life
// ends. If no actor has that path, the last word (reason ReasonNoActor) comes at
// once. down runs in this actor.
func (c *Context[M]) Monitor(path string, down func(Down) M) {
	cell := c.worker.cell
	if !c.Live() {
		return
	}
	if c.monitors == nil {
		c.monitors = make(map[uint64]watch[M])
	}
	id := cell.tree.monitor(path, cell, c.life.number)
	c.monitors[id] = watch[M]{path, down}
}

// mourn delivers the message of a monitor.
func (w *worker[M]) mourn(n downNotice) {
	watch, ok := w.ctx.monitors[n.id]
	if !ok {
		return
	}
	if !n.down.Restarting {
		delete(w.ctx.monitors, n.id)
	}
	var m M
	if w.safely(n.down, func() { m = watch.down(n.down) }) {
		w.notice(m)
	}
}

// monitor registers a watcher and returns its id.
func (t *Tree) monitor(path string, by *cell, life Incarnation) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.serial++
	id := t.serial
	if by.current() != life {
		return id // it was abandoned, and hears nothing more
	}
	by.watching = true
	if t.at(path) == nil {
		none := &Exit{Path: path, Reason: ReasonNoActor}
		by.box.post(downNotice{life, id, Down{Path: path, Reason: none}})
		return id
	}
	t.monitors[path] = append(t.monitors[path], watcher{by, life, id})
	return id
}

// unmonitor takes a watcher off.
func (t *Tree) unmonitor(path string, by *cell, id uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.drop(path, func(w watcher) bool { return w.cell == by && w.id == id })
}

// unwatch takes all watchers of one cell off; t.mu is held.
func (t *Tree) unwatch(by *cell) {
	if !by.watching {
		return
	}
	for path := range t.monitors {
		t.drop(path, func(w watcher) bool { return w.cell == by })
	}
}

// drop takes off the watchers of a path for which gone says so; t.mu is held.
func (t *Tree) drop(path string, gone func(watcher) bool) {
	left := slices.DeleteFunc(t.monitors[path], gone)
	if len(left) == 0 {
		delete(t.monitors, path)
		return
	}
	t.monitors[path] = left
}

// mourn tells the watchers of a path; t.mu is held.
func (t *Tree) mourn(exit *Exit, restarting bool) {
	d := Down{Path: exit.Path, Incarnation: exit.Incarnation, Reason: exit, Restarting: restarting}
	for _, w := range t.monitors[exit.Path] {
		w.cell.box.post(downNotice{w.life, w.id, d})
	}
	if !restarting {
		delete(t.monitors, exit.Path)
	}
}
