package actors

import (
	"crypto/rand"
	"sync"
	"time"

	"github.com/waymeet/waymeet/actors/tree"
	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/transport/mux"
)

// heldHellos and helloAge bound how many inbound hellos are held until their
// attempt begins, which needs the datagram, and for how long (SPEC 6.3);
// senderHellos, how many under one sender's name.
const (
	heldHellos   = 256
	senderHellos = 8
	helloAge     = time.Minute
)

// attempts is what the transport must know of an attempt before it has a line:
// the datagram that began it, the reserved key index, who is told of its end.
// It outlives the actors; whoever frees an attempt takes its entry away.
type attempts struct {
	mu     sync.Mutex
	hellos map[messages.HelloHash]heldHello
	open   map[messages.AttemptID]attemptEntry
}

type heldHello struct {
	datagram []byte
	at       time.Time
	topic    helloTopic
	sender   messages.AuthorityID
}

// attemptEntry is one attempt whose handshaker runs.
type attemptEntry struct {
	terms messages.HandshakeTerms
	// datagramKey is what the keys of its early datagrams come from.
	datagramKey messages.SecretKey
	// hello is the inbound datagram that began it; nil if we began.
	hello []byte
	owner handshakeOwner
}

// handshakeOwner is told how a handshake ended.
type handshakeOwner interface {
	handshakeComplete(messages.HandshakeComplete)
	handshakerDown(messages.HandshakerDown)
}

// keep holds the datagram of an inbound hello until its attempt begins. Nobody
// has checked it yet, and its sender is only what it says. So it is the oldest
// that goes where there is no room: of the same sender, or of the context or
// ticket that has the most. SPEC 2.5: what floods one context is not paid by
// another.
func (a *attempts) keep(hash messages.HelloHash, hello heldHello) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.hellos == nil {
		a.hellos = make(map[messages.HelloHash]heldHello)
	}
	held := make(map[helloTopic]int)
	sent := 0
	for other, h := range a.hellos {
		switch {
		case other == hash || hello.at.Sub(h.at) > helloAge:
			delete(a.hellos, other)
			continue
		case h.topic == hello.topic && h.sender == hello.sender:
			sent++
		}
		held[h.topic]++
	}
	switch {
	case sent >= senderHellos:
		a.dropOldest(func(h heldHello) bool { return h.topic == hello.topic && h.sender == hello.sender })
	case len(a.hellos) >= heldHellos:
		most := hello.topic
		for topic, count := range held {
			if count > held[most] {
				most = topic
			}
		}
		a.dropOldest(func(h heldHello) bool { return h.topic == most })
	}
	a.hellos[hash] = hello
}

// dropOldest drops the oldest of the hellos that match; a is locked.
func (a *attempts) dropOldest(matches func(heldHello) bool) {
	var oldest messages.HelloHash
	for hash, h := range a.hellos {
		if matches(h) && (oldest.IsZero() || h.at.Before(a.hellos[oldest].at)) {
			oldest = hash
		}
	}
	delete(a.hellos, oldest)
}

// begin enters an attempt with a fresh key index. It reports false if the
// attempt is there already, its hello is forgotten, or there is no index.
func (a *attempts) begin(socket *mux.Socket, entry attemptEntry) (messages.KeyIndex, bool) {
	index, err := socket.ReserveIndex()
	if err != nil {
		return 0, false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.open == nil {
		a.open = make(map[messages.AttemptID]attemptEntry)
	}
	id := entry.terms.Attempt
	held, heard := a.hellos[id.Hello]
	if _, exists := a.open[id]; exists || id.Inbound() && !heard {
		socket.ReleaseIndex(index)
		return 0, false
	}
	delete(a.hellos, id.Hello) // the same hello again is answered from the line
	entry.hello = held.datagram
	entry.terms.ReceiveIndex = index
	a.open[id] = entry
	return index, true
}

func (a *attempts) find(id messages.AttemptID) (attemptEntry, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	entry, ok := a.open[id]
	return entry, ok
}

// all are the attempts that have entries.
func (a *attempts) all() []messages.AttemptID {
	a.mu.Lock()
	defer a.mu.Unlock()
	ids := make([]messages.AttemptID, 0, len(a.open))
	for id := range a.open {
		ids = append(ids, id)
	}
	return ids
}

// end takes the entry away. The index stays with the line, if there is one.
func (a *attempts) end(socket *mux.Socket, id messages.AttemptID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if entry, ok := a.open[id]; ok {
		delete(a.open, id)
		socket.ReleaseIndex(entry.terms.ReceiveIndex)
	}
}

// freeAttempt ends an attempt with all that it holds; what became a channel is
// no longer an attempt.
func (n *Node) freeAttempt(id messages.AttemptID) {
	_ = n.tree().StopChild(tree.AtHandshake(id)) // it may have ended by itself
	if line, ok := n.lines.Load().Attempt(id); !ok || line.Record() == nil {
		n.lines.Load().Free(id)
	}
	n.attempts.end(n.socket, id)
}

// sealHello makes the datagram of a hello.
func sealHello(key messages.SecretKey, index messages.KeyIndex, hello messages.Hello) ([]byte, error) {
	var nonce [24]byte
	if _, err := rand.Read(nonce[:]); err != nil {
		return nil, err
	}
	return mux.SealHello(key, index, nonce, hello.Append(nil))
}
