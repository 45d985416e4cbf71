package actors

import (
	"context"
	"sync"

	"github.com/waymeet/waymeet/messages"
)

// eventBacklog is how many events a slow reader may lag behind before it
// misses some.
const eventBacklog = 256

// hub hands every event to whoever listens. A reader that does not keep up
// misses events; it never delays the node.
type hub struct {
	mu      sync.Mutex
	readers map[chan messages.Event]struct{}
	closed  bool
}

// publish hands the event to every reader that has room.
func (h *hub) publish(event messages.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for reader := range h.readers {
		select {
		case reader <- event:
		default:
		}
	}
}

// subscribe returns the events from now on; the channel closes with ctx, or with the
// hub, if that is not closed already.
func (h *hub) subscribe(ctx context.Context) <-chan messages.Event {
	reader := make(chan messages.Event, eventBacklog)
	context.AfterFunc(ctx, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.end(reader)
	})
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || ctx.Err() != nil {
		close(reader)
		return reader
	}
	if h.readers == nil {
		h.readers = make(map[chan messages.Event]struct{})
	}
	h.readers[reader] = struct{}{}
	return reader
}

// close ends every subscription.
func (h *hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for reader := range h.readers {
		h.end(reader)
	}
}

// end closes a reader once; h is locked.
func (h *hub) end(reader chan messages.Event) {
	if _, open := h.readers[reader]; open {
		delete(h.readers, reader)
		close(reader)
	}
}
