package actors

import (
	"context"
	"sync"
)

// signal wakes whoever waits for something to become true. The zero signal is
// ready.
type signal struct {
	mu   sync.Mutex
	next chan struct{}
}

// broadcast wakes everybody who waits.
func (s *signal) broadcast() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next != nil {
		close(s.next)
		s.next = nil
	}
}

func (s *signal) wait() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next == nil {
		s.next = make(chan struct{})
	}
	return s.next
}

// await waits until the condition holds, looking at every broadcast.
func (s *signal) await(ctx context.Context, holds func() bool) error {
	for {
		next := s.wait()
		if holds() {
			return nil
		}
		select {
		case <-next:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
