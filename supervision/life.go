package supervision

import (
	"context"
	"sync"
	"sync/atomic"
)

// life is one incarnation of a cell, with the timer and the tasks that belong
// to it. over never goes back to false. Its methods may be called from any
// goroutine.
type life struct {
	number Incarnation
	over   atomic.Bool

	mu     sync.Mutex
	ctx    context.Context // of its tasks; made for the first one
	cancel context.CancelFunc
	timer  Timer
}

// end fences the life: its tasks are cancelled, its timer is stopped, and what
// they still deliver is stale.
func (l *life) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over.Store(true)
	if l.cancel != nil {
		l.cancel()
	}
	if l.timer != nil {
		l.timer.Stop()
	}
}

// context is the context of the life's tasks; nil when the life is over.
func (l *life) context() context.Context {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over.Load() {
		return nil
	}
	if l.ctx == nil {
		l.ctx, l.cancel = context.WithCancel(context.Background())
	}
	return l.ctx
}
