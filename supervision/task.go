package supervision

import (
	"context"
	"slices"
	"sync"
)

// Task runs work in a goroutine that belongs to this life: ctx is done when the
// life ends, and work must then return soon. Each message given to emit arrives
// in this actor's inbox, in order, if the life is still current when its turn
// comes; else it is dropped and counted as stale. emit waits while the mailbox
// is full and may be called as often as needed; work may be a read pump. A panic
// in work is a crash of the actor. A clean stop waits for all tasks. The name is
// for reports.
func (c *Context[M]) Task(name string, work func(ctx context.Context, emit func(M))) {
	ctx := c.life.context()
	if ctx == nil {
		return
	}
	cell, number := c.worker.cell, c.life.number
	id := cell.tasks.add(name)
	emit := func(m M) {
		e := c.worker.envelope(m)
		e.life = number
		cell.emit(ctx, e)
	}
	cell.tree.config.Runtime.Go(func() {
		var crash *Crash
		finished := false
		defer func() {
			if r := recover(); r != nil || !finished {
				crash = newCrash(r)
				crash.Message = "task " + name
			}
			cell.tasks.remove(id)
			cell.box.post(taskDone{number, crash})
		}()
		work(ctx, emit)
		finished = true
	})
}

// emit offers what a task emits, as chaos has it.
func (c *cell) emit(ctx context.Context, e envelope) {
	times := 1
	if c.tree.config.Chaos != nil {
		fate := c.fate(e)
		switch {
		case fate.Drop:
			return
		case fate.Delay > 0:
			c.later(e, fate)
			return
		}
		times += fate.Again
	}
	for range times {
		if c.offerWaiting(ctx, e) != nil {
			c.counters.stale.Add(1)
		}
	}
}

// offerWaiting is offer for tasks: it waits for room until ctx is done.
func (c *cell) offerWaiting(ctx context.Context, e envelope) error {
	for ctx.Err() == nil {
		v, first := c.box.offer(e)
		if v != full {
			return c.heed(v, first)
		}
		if first {
			c.overloaded()
		}
		select {
		case <-c.box.waitRoom():
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}

// taskList holds the names of the tasks of a cell that still run, those of
// earlier lives too. Safe for concurrent use.
type taskList struct {
	mu    sync.Mutex
	names map[uint64]string
	next  uint64
}

func (l *taskList) add(name string) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.names == nil {
		l.names = make(map[uint64]string)
	}
	l.next++
	l.names[l.next] = name
	return l.next
}

func (l *taskList) remove(id uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.names, id)
}

func (l *taskList) len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.names)
}

// list returns the names, sorted.
func (l *taskList) list() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	names := make([]string, 0, len(l.names))
	for _, name := range l.names {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
