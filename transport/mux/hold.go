package mux

import "sync"

// holdKey is what held datagrams wait for: an attempt (early) or a key (data).
type holdKey struct {
	kind byte
	id   uint32
}

// heldDatagram is a copy of a datagram without its hop header.
type heldDatagram struct {
	data []byte
	via  Path
}

type holdQueue struct {
	since     moment
	datagrams []heldDatagram
}

// holding keeps what overtook a hello or message 2. SPEC 7.2: "What overtakes a
// hello or message 2 is held: ≤ 8 datagrams an attempt, ≤ 64 attempts, 1 s."
// It is safe for concurrent use.
type holding struct {
	mu     sync.Mutex
	queues map[holdKey]*holdQueue
}

// add keeps a copy of a datagram; false: no room.
func (h *holding) add(key holdKey, d []byte, via Path, now moment) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	q := h.queues[key]
	if q == nil {
		if len(h.queues) >= heldAttempts {
			return false
		}
		if h.queues == nil {
			h.queues = make(map[holdKey]*holdQueue)
		}
		q = &holdQueue{since: now}
		h.queues[key] = q
	}
	if len(q.datagrams) >= heldPerAttempt {
		return false
	}
	q.datagrams = append(q.datagrams, heldDatagram{append([]byte(nil), d...), via})
	return true
}

// take returns what is held under a key and holds it no more.
func (h *holding) take(key holdKey) []heldDatagram {
	h.mu.Lock()
	defer h.mu.Unlock()
	q := h.queues[key]
	delete(h.queues, key)
	if q == nil {
		return nil
	}
	return q.datagrams
}

// drop forgets what is held under a key.
func (h *holding) drop(key holdKey) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.queues, key)
}

// expire forgets what is held for too long. It returns how many datagrams that
// were, and when to come again (zero: not needed).
func (h *holding) expire(now moment) (dropped int, next moment) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for key, q := range h.queues {
		until := q.since.add(heldFor)
		switch {
		case now >= until:
			dropped += len(q.datagrams)
			delete(h.queues, key)
		case next == 0 || until < next:
			next = until
		}
	}
	return dropped, next
}
