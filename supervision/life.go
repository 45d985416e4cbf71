package supervision

import (
	"context"
	"slices"
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
	asks   []asked // heard in this life; some are answered
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

// hear notes a question that the life was asked, to fail it with the life. It
// reports false when the life is over.
func (l *life) hear(a asked) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over.Load() {
		return false
	}
	if n := len(l.asks); n > 0 && l.asks[n-1].answered() { // most are answered at once
		l.asks[n-1] = a
		return true
	}
	if len(l.asks) == cap(l.asks) {
		l.asks = slices.DeleteFunc(l.asks, asked.answered)
	}
	l.asks = append(l.asks, a)
	return true
}

// forsake fails the questions that the life heard and will not answer.
func (l *life) forsake(path string, why error) {
	l.mu.Lock()
	asks := l.asks
	l.asks = nil
	l.mu.Unlock()
	for _, a := range asks {
		a.fail(&AskError{Path: path, Err: why})
	}
}
