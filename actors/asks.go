package actors

import (
	"context"
	"sync"
	"time"
)

// asks joins a host call that waits with the actor that answers it some time
// later, under a key that both know. The zero asks is ready.
type asks[K comparable, A any] struct {
	mu      sync.Mutex
	waiting map[K]chan A
}

// open makes a place for the answer. The caller closes it when it stops
// waiting.
func (a *asks[K, A]) open(key K) <-chan A {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.waiting == nil {
		a.waiting = make(map[K]chan A)
	}
	answer := make(chan A, 1)
	a.waiting[key] = answer
	return answer
}

// close gives the place up; a later answer goes nowhere.
func (a *asks[K, A]) close(key K) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.waiting, key)
}

// answer hands the answer to whoever waits under the key, and reports whether
// somebody does. The first answer counts.
func (a *asks[K, A]) answer(key K, answer A) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	waiting, ok := a.waiting[key]
	if ok {
		select {
		case waiting <- answer:
		default:
		}
	}
	return ok
}

// answerAll hands the same answer to everybody who waits.
func (a *asks[K, A]) answerAll(answer A) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, waiting := range a.waiting {
		select {
		case waiting <- answer:
		default:
		}
	}
}

// askAgain is how long an actor may take to answer before it is asked again: who
// asks may have been forgotten with a life of it.
const askAgain = time.Second

// ask waits for the answer, and tells the question again and again until it comes.
// The error is the cause of ctx's end, or ErrStopped.
func ask[A any](ctx context.Context, n *Node, answer <-chan A, tell func()) (A, error) {
	again := time.NewTicker(askAgain)
	defer again.Stop()
	var none A
	for {
		tell()
		select {
		case a := <-answer:
			return a, nil
		case <-again.C:
		case <-ctx.Done():
			return none, context.Cause(ctx)
		case <-n.closing.Done():
			return none, ErrStopped
		}
	}
}

// await waits for the answer or the end of ctx.
func await[A any](ctx context.Context, answer <-chan A) (A, error) {
	select {
	case a := <-answer:
		return a, nil
	case <-ctx.Done():
		var none A
		return none, context.Cause(ctx)
	}
}
