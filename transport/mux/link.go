package mux

import (
	"context"
	"crypto/cipher"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// ErrAttemptExists is returned by Accept when a link with that attempt id is
// open already.
var ErrAttemptExists = errors.New("mux: attempt exists")

// ErrIndex is returned for a receive index that was not reserved.
var ErrIndex = errors.New("mux: key index was not reserved")

// LinkConfig is what a link starts from.
type LinkConfig struct {
	// Hello is the datagram of the attempt's first hello, without hop header.
	Hello []byte
	// DatagramKey is the membership datagram key that sealed it; the keys of
	// the attempt come from it and the hello.
	DatagramKey messages.SecretKey
	Suite       messages.Suite
	// Path is where the initiator sends, or where the responder got the first
	// copy of the hello from.
	Path Path
	// ReceiveIndex was reserved by ReserveIndex and stands inside the Noise
	// message of this end.
	ReceiveIndex messages.KeyIndex
}

// Link carries one attempt to establish a channel, and then the channel.
//
// The initiator sends early datagrams, each after its hello, until Install; the
// responder sends nothing until Install. From then on both send data. It is
// safe for concurrent use.
type Link struct {
	socket    *Socket
	number    uint32
	addr      *net.UDPAddr
	initiator bool
	attempt   AttemptID
	suite     messages.Suite
	hello     []byte
	made      moment

	// early seals at the initiator and opens at the responder.
	early        cipher.AEAD
	earlyCounter atomic.Uint64
	earlyWindow  window // reader only
	index        messages.KeyIndex

	send      atomic.Pointer[sendKey]
	routes    atomic.Pointer[routes]
	confirmed atomic.Bool

	count     linkCounters
	lastHeard atomic.Int64
	lastSent  atomic.Int64
	heldSince atomic.Int64
	buried    bool // watcher only
	open      context.Context
	shut      context.CancelFunc

	mu      sync.Mutex
	closed  bool
	waiting [][]byte // responder's packets before Install
	recent  recent
	probes  map[ProbeID]pendingProbe
	setAt   moment // when the owner last chose a path, or the link moved
}

// sendKey is the key of one generation and direction, with its counter.
type sendKey struct {
	aead    cipher.AEAD
	index   messages.KeyIndex
	counter atomic.Uint64
}

// receiveKey is what stands under a key index. Without AEAD it is reserved;
// without link no link has it yet.
type receiveKey struct {
	link   *Link
	aead   cipher.AEAD
	window window // reader only
}

type linkCounters struct {
	bytesSent, bytesReceived, sent, received atomic.Uint64
}

// Dial makes the link of an attempt of ours. Its early datagrams go out with
// the hello as soon as QUIC writes.
func (s *Socket) Dial(c LinkConfig) (*Link, error) { return s.newLink(c, true) }

// Accept makes the link of an attempt of a peer. Early datagrams that were held
// for it come out at once. The same hello again gives ErrAttemptExists.
func (s *Socket) Accept(c LinkConfig) (*Link, error) { return s.newLink(c, false) }

func (s *Socket) newLink(c LinkConfig, initiator bool) (*Link, error) {
	early, err := newAEAD(c.Suite, earlyKey(c.DatagramKey, c.Hello))
	if err != nil {
		return nil, err
	}
	if _, err := helloIndex(c.Hello); err != nil || c.Path.IsZero() {
		return nil, fmt.Errorf("mux: a link needs a hello and a path")
	}
	l := &Link{
		socket:    s,
		initiator: initiator,
		attempt:   AttemptOf(c.DatagramKey, c.Hello),
		suite:     c.Suite,
		hello:     append([]byte(nil), c.Hello...),
		made:      s.now(),
		early:     early,
		index:     c.ReceiveIndex,
	}
	l.open, l.shut = context.WithCancel(context.Background())
	l.routes.Store(&routes{first: newTrack(c.Path)})
	if err := s.register(l); err != nil {
		return nil, err
	}
	if !initiator {
		s.release(holdKey{kindEarly, uint32(l.attempt)})
	}
	s.wakeWatcher(l.made)
	return l, nil
}

// register enters a link into the tables.
func (s *Socket) register(l *Link) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	key, reserved := s.indexes[l.index]
	switch {
	case s.closed:
		return ErrClosed
	case !reserved || key.link != nil:
		return ErrIndex
	case !l.initiator && s.attempts[l.attempt] != nil:
		return ErrAttemptExists
	}
	for range 1 << virtualBits {
		s.number = (s.number + 1) % (1 << virtualBits)
		if s.number != 0 && s.links[s.number] == nil {
			break
		}
	}
	l.number = s.number
	l.addr = virtualAddr(l.number, s.v6)
	s.links[l.number] = l
	s.indexes[l.index] = &receiveKey{link: l}
	if !l.initiator {
		s.attempts[l.attempt] = l
	}
	return nil
}

// Install gives the link the keys of its channel. From now on it sends data
// only; what was held for the receive index comes out. The receive index must
// be the link's.
func (l *Link) Install(k DataKeys) error {
	if k.ReceiveIndex != l.index {
		return ErrIndex
	}
	out, err := newAEAD(l.suite, k.Send)
	if err != nil {
		return err
	}
	in, err := newAEAD(l.suite, k.Receive)
	if err != nil {
		return err
	}
	s := l.socket
	l.mu.Lock()
	if l.closed || l.send.Load() != nil {
		l.mu.Unlock()
		return ErrClosed
	}
	s.mu.Lock()
	s.indexes[l.index] = &receiveKey{link: l, aead: in}
	s.mu.Unlock()
	l.send.Store(&sendKey{aead: out, index: k.SendIndex})
	waiting := l.waiting
	l.waiting = nil
	l.mu.Unlock()
	for _, packet := range waiting {
		l.write(packet, len(packet), nil)
	}
	s.release(holdKey{kindData, uint32(l.index)})
	s.wakeWatcher(s.now()) // measures the path
	return nil
}

// Addr is the virtual address under which quic-go knows the link.
func (l *Link) Addr() net.Addr { return l.addr }

// Initiator reports whether the attempt is ours.
func (l *Link) Initiator() bool { return l.initiator }

// Attempt is the id of the attempt.
func (l *Link) Attempt() AttemptID { return l.attempt }

// Established reports whether both ends are known to hold the channel's keys:
// at the initiator after Install, at the responder after Confirmed.
func (l *Link) Established() bool {
	return l.send.Load() != nil && (l.initiator || l.confirmed.Load())
}

// Context is done when the link is closed: what hangs on the link can follow it
// with context.AfterFunc, without a goroutine of its own.
func (l *Link) Context() context.Context { return l.open }

// Stats returns what the link carried.
func (l *Link) Stats() LinkStats {
	stats := LinkStats{
		BytesSent:         l.count.bytesSent.Load(),
		BytesReceived:     l.count.bytesReceived.Load(),
		DatagramsSent:     l.count.sent.Load(),
		DatagramsReceived: l.count.received.Load(),
		RTT:               l.routes.Load().first.roundTrip(),
	}
	if heard := l.lastHeard.Load(); heard != 0 {
		stats.LastReceive = l.socket.start.Add(time.Duration(heard))
	}
	return stats
}

// Close frees the link's indexes. What it is asked to send afterwards is
// silently lost, as if the wire were cut; the peer is told nothing. Closing
// twice is fine.
func (l *Link) Close() {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return
	}
	l.closed = true
	l.waiting, l.recent, l.probes = nil, recent{}, nil
	l.mu.Unlock()
	l.shut()

	s := l.socket
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.links, l.number)
	delete(s.indexes, l.index)
	if s.attempts[l.attempt] == l {
		delete(s.attempts, l.attempt)
	}
	s.held.drop(holdKey{kindData, uint32(l.index)})
}

// isClosed reports whether Close was called.
func (l *Link) isClosed() bool { return l.open.Err() != nil }
