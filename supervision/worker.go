package supervision

// worker is the body of a cell that runs an Actor[M].
type worker[M any] struct {
	cell     *cell
	newActor func() Actor[M]
	sort     func(M) Sort // nil: every message is MustDeliver
	address  *target[M]   // made for the first Self

	// Of the current life; nil between lives.
	actor   Actor[M]
	ctx     *Context[M]
	leaving *Exit // set while a clean stop waits for tasks
}

func newWorker[M any](c *cell, newActor func() Actor[M], sort func(M) Sort) *worker[M] {
	return &worker[M]{cell: c, newActor: newActor, sort: sort}
}

// self is the worker's own address.
func (w *worker[M]) self() Ref[M] {
	if w.address == nil {
		w.address = &target[M]{tree: w.cell.tree, path: w.cell.path}
		w.address.worker.Store(w)
	}
	return Ref[M]{w.address}
}

// handle takes an order. One for a life that is not current changes nothing.
func (w *worker[M]) handle(m control) {
	switch m := m.(type) {
	case beginLife:
		w.begin(m.number)
	case taskDone:
		w.taskDone(m)
	case leaveLate:
		w.leaveLate(m.number)
	case endLife:
		if w.cell.current() == m.number {
			w.finish(ReasonShutdown)
		}
	case killLife:
		if w.cell.current() == m.number {
			w.safely(nil, func() { panic(killed{}) })
		}
	case wakeLife:
		if w.fresh(m.number) {
			w.woken()
		}
	case downNotice:
		if w.fresh(m.number) {
			w.mourn(m)
		}
	}
}

// fresh reports whether n is the current life, and else counts a stale message.
func (w *worker[M]) fresh(n Incarnation) bool {
	if w.cell.current() == n {
		return true
	}
	w.cell.counters.stale.Add(1)
	return false
}

// begin runs the constructor and Start, and acknowledges.
func (w *worker[M]) begin(n Incarnation) {
	c := w.cell
	w.ctx = &Context[M]{worker: w, life: life{number: n}}
	l := &w.ctx.life
	c.open(l)
	var err error
	if !w.safely(nil, func() {
		c.point(l, Starting, nil)
		w.actor = w.newActor()
		if err = w.actor.Start(w.ctx); err == nil {
			c.point(l, Acknowledging, nil)
		}
	}) {
		return
	}
	switch {
	case err != nil:
		w.fail(&Crash{Text: textOf(err)}, err)
	case !w.ctx.Live():
		w.over(&Exit{Path: c.path, Incarnation: n, Reason: ReasonStart}) // abandoned meanwhile
	default:
		c.phase = Idle
		c.acknowledge(l)
		c.box.release()
		w.afterMessage()
	}
}

// deliver handles a message of the user lane.
func (w *worker[M]) deliver(e envelope) {
	if e.life != 0 && !w.fresh(e.life) {
		return
	}
	m, _ := e.message.(M) // a nil M arrives as nil
	if e.extra != nil && e.extra.ask != nil && (w.ctx == nil || !w.ctx.life.hear(e.extra.ask)) {
		e.extra.ask.fail(&AskError{Path: w.cell.path, Err: ErrStopped})
	}
	w.receive(m)
}

// notice handles a message that did not come through the mailbox.
func (w *worker[M]) notice(m M) {
	w.cell.box.record(BeforeMessage, m)
	w.receive(m)
}

// receive runs Receive.
func (w *worker[M]) receive(m M) {
	if w.ctx == nil || !w.ctx.Live() {
		w.cell.counters.stale.Add(1)
		return
	}
	w.safely(m, func() {
		w.cell.arrive(&w.ctx.life, BeforeMessage, m)
		w.actor.Receive(w.ctx, m)
		w.cell.point(&w.ctx.life, AfterMessage, m)
	})
	w.afterMessage()
}

// afterMessage does what the actor asked for meanwhile.
func (w *worker[M]) afterMessage() {
	w.cell.phase = Idle
	if w.ctx != nil && w.ctx.stopSelf && w.ctx.Live() {
		w.finish(ReasonNormal)
	}
}

// safely runs f, which handles subject, and reports whether it returned. If it
// panicked or called runtime.Goexit, the life is over; recovering here keeps
// the stack.
func (w *worker[M]) safely(subject any, f func()) (ok bool) {
	defer func() {
		if !ok {
			crash := newCrash(recover())
			crash.Message = typeName(subject)
			w.fail(crash, nil)
		}
	}()
	f()
	return true
}

// fail ends the life after a crash, or after the error of Start.
func (w *worker[M]) fail(crash *Crash, startError error) {
	n := w.ctx.life.number
	w.cell.box.hold()
	w.ctx.life.end()
	exit := &Exit{Path: w.cell.path, Incarnation: n, Reason: ReasonCrash, Crash: crash, Cause: startError}
	if w.cell.phase == Starting || w.cell.phase == Acknowledging {
		exit.Reason = ReasonStart
	}
	defer w.over(exit) // whatever a hook does with the report
	w.cell.crashed(n, crash)
}

// finish ends the life cleanly; it is over when the last task has returned.
func (w *worker[M]) finish(reason Reason) {
	c, l := w.cell, &w.ctx.life
	c.setState(StateStopping)
	if !w.safely(nil, func() {
		c.point(l, Stopping, nil)
		w.actor.Stop(w.ctx)
	}) {
		return
	}
	c.box.hold()
	l.end()
	w.leaving = &Exit{Path: c.path, Incarnation: l.number, Reason: reason}
	w.leave()
	if w.leaving != nil && reason == ReasonNormal { // else the supervisor minds the time
		n := l.number
		c.tree.config.Runtime.AfterFunc(c.child.stopWithin, func() { c.box.post(leaveLate{n}) })
	}
}

// leaveLate ends a life that wanted to end, though tasks of it still run: they
// are fenced, and named.
func (w *worker[M]) leaveLate(n Incarnation) {
	if w.leaving != nil && w.leaving.Incarnation == n {
		w.cell.tree.stuck(w.cell, w.cell.child.stopWithin)
		w.over(w.leaving)
	}
}

// leave reports the end of a clean stop when no task runs any more.
func (w *worker[M]) leave() {
	if w.leaving != nil && w.cell.tasks.len() == 0 {
		w.over(w.leaving)
	}
}

// over forgets the life and tells the supervisor.
func (w *worker[M]) over(exit *Exit) {
	for id, watch := range w.ctx.monitors {
		w.cell.tree.unmonitor(watch.path, w.cell, id)
	}
	l := &w.ctx.life
	w.actor, w.ctx, w.leaving = nil, nil, nil
	w.cell.leave(exit)
	l.forsake(w.cell.path, exit)
}

// taskDone is the end of a task, of this life or of an earlier one.
func (w *worker[M]) taskDone(m taskDone) {
	if m.crash != nil {
		if w.cell.current() == m.number {
			w.fail(m.crash, nil)
		} else {
			w.cell.crashed(m.number, m.crash)
		}
	}
	w.leave()
}
