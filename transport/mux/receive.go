package mux

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// stunCookie is at bytes 4 to 8 of every STUN message (RFC 8489, 5).
const stunCookie = 0x2112A442

// source is the receiving half of a socket. read waits for datagrams; what it
// returns is valid until the next call.
type source interface {
	read() ([]inbound, error)
	LocalAddr() net.Addr
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
	Close() error
}

// inbound is a datagram as it came, with the control messages of the system.
type inbound struct {
	data []byte
	from netip.AddrPort
	oob  []byte
	// released is the path of a datagram that was held, without its hop header.
	released Path
}

// reader turns datagrams into QUIC packets. One goroutine uses it, quic-go's;
// other goroutines hand it datagrams that were held with release.
type reader struct {
	socket  *Socket
	source  source
	pending []inbound
	now     moment
	nonce   [nonceSize]byte

	mu       sync.Mutex
	deadline time.Time // quic-go's
	injected []heldDatagram
	kicked   atomic.Bool
}

// packet is a QUIC packet that came for a link.
type packet struct {
	link *Link
	size int
	oob  []byte
}

// next waits for the next QUIC packet and opens it into b.
func (r *reader) next(b []byte) (packet, error) {
	for {
		if p, ok := r.take(b); ok {
			return p, nil
		}
		if err := r.fill(); err != nil {
			return packet{}, err
		}
	}
}

// take finds the next QUIC packet among those that have come; it never waits.
func (r *reader) take(b []byte) (packet, bool) {
	for len(r.pending) > 0 {
		in := r.pending[0]
		r.pending = r.pending[1:]
		var p packet
		if in.released.IsZero() {
			p = r.receive(in.data, in.from, b)
		} else {
			p = r.dispatch(in.data, in.released, b)
		}
		if p.link != nil {
			p.oob = in.oob
			return p, true
		}
	}
	return packet{}, false
}

// fill reads from the socket until there is something. Errors that pass by
// themselves are retried here: quic-go would hand out stale messages.
func (r *reader) fill() error {
	for failed := 0; ; {
		if r.kicked.Load() && r.takeInjected() {
			return nil
		}
		in, err := r.source.read()
		r.now = r.socket.now()
		switch {
		case err == nil:
			r.pending = in
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		case errors.Is(err, os.ErrDeadlineExceeded):
			if r.expired() {
				return err
			}
		default:
			if failed++; failed >= readErrors {
				return err
			}
		}
	}
}

// release gives what is held under a key back to the reader, and wakes it.
func (s *Socket) release(key holdKey) {
	datagrams := s.held.take(key)
	if len(datagrams) == 0 {
		return
	}
	r := &s.reader
	r.mu.Lock()
	defer r.mu.Unlock()
	r.injected = append(r.injected, datagrams...)
	r.kicked.Store(true)
	r.source.SetReadDeadline(time.Unix(1, 0))
}

// takeInjected makes what was released pending and arms quic-go's deadline
// again.
func (r *reader) takeInjected() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kicked.Store(false)
	r.source.SetReadDeadline(r.deadline)
	r.pending = r.pending[:0:0]
	for _, held := range r.injected {
		r.pending = append(r.pending, inbound{data: held.data, released: held.via})
	}
	r.injected = nil
	r.now = r.socket.now()
	return len(r.pending) > 0
}

// setDeadline is quic-go's SetReadDeadline.
func (r *reader) setDeadline(t time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.deadline = t
	return r.source.SetReadDeadline(t)
}

// expired reports whether a timeout is quic-go's and not a kick.
func (r *reader) expired() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.kicked.Load() && !r.deadline.IsZero() && !time.Now().Before(r.deadline)
}

// receive looks at one datagram as it came from an address.
func (r *reader) receive(d []byte, from netip.AddrPort, b []byte) packet {
	s := r.socket
	s.count.datagramsIn.Add(1)
	s.count.bytesIn.Add(uint64(len(d)))
	if len(d) == 0 {
		s.count.unknown.Add(1)
		return packet{}
	}
	switch kind := d[0]; {
	case kind == kindHop && len(d) > hopSize:
		return r.dispatch(d[hopSize:], Relayed(from, Session(d[1:hopSize])), b)
	case kind == kindHello, kind == kindEarly, kind == kindData:
		return r.dispatch(d, Direct(from), b)
	case kind <= lastSTUN && (len(d) < 20 || binary.BigEndian.Uint32(d[4:]) != stunCookie):
		s.count.unknown.Add(1)
	case kind <= lastSTUN, kind == kindBeacon, kind == kindControl, kind == kindChallenge:
		r.deliver(d, from)
	default:
		s.count.unknown.Add(1)
	}
	return packet{}
}

// deliver hands a datagram that is not of a link to the owner.
func (r *reader) deliver(d []byte, from netip.AddrPort) {
	s := r.socket
	c := Control{From: unmap(from), Data: append([]byte(nil), d...)}
	if s.config.Deliver == nil || !s.config.Deliver(c) {
		s.count.undelivered.Add(1)
	}
}

// dispatch looks at a hello, early or data datagram without hop header.
func (r *reader) dispatch(d []byte, via Path, b []byte) packet {
	switch d[0] {
	case kindHello:
		r.hello(d, via)
	case kindEarly:
		return r.early(d, via, b)
	case kindData:
		return r.data(d, via, b)
	default:
		r.socket.count.unknown.Add(1)
	}
	return packet{}
}

// hello opens a hello. What fails costs an AEAD check a key and nothing else.
func (r *reader) hello(d []byte, via Path) {
	s := r.socket
	h, tried, ok := (*s.hellos.Load()).open(d, via)
	s.count.helloChecks.Add(uint64(tried))
	if !ok || s.config.Hello == nil || !s.config.Hello(h) {
		s.count.hello.Add(1)
	}
}

// early opens an early datagram. SPEC 7.2: the responder "accepts early
// datagrams until the first valid data datagram of the initiator, then never
// again".
func (r *reader) early(d []byte, via Path, b []byte) packet {
	s := r.socket
	id, low, ok := header(d)
	if !ok {
		s.count.unknown.Add(1)
		return packet{}
	}
	l := s.attemptOrHold(AttemptID(id), d, via, r.now)
	switch {
	case l == nil:
		return packet{}
	case l.confirmed.Load():
		s.count.early.Add(1)
		return packet{}
	}
	counter := l.earlyWindow.expand(low)
	if !l.earlyWindow.fresh(counter) {
		s.count.replayed.Add(1)
		return packet{}
	}
	putNonce(&r.nonce, counter)
	text, ok := open(l.early, r.nonce[:], d, b)
	if !ok || text[0]&quicFixedBit == 0 {
		s.count.unopened.Add(1)
		return packet{}
	}
	l.earlyWindow.mark(counter)
	l.received(len(text))
	return packet{link: l, size: len(text)}
}

// attemptOrHold finds the link of an attempt; without one the datagram is held.
func (s *Socket) attemptOrHold(id AttemptID, d []byte, via Path, now moment) *Link {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if l := s.attempts[id]; l != nil {
		return l
	}
	s.hold(holdKey{kindEarly, uint32(id)}, d, via, now)
	return nil
}

// keyOrHold finds the key of an index. An index that nobody reserved costs one
// look-up; for one that waits for its key the datagram is held.
func (s *Socket) keyOrHold(index messages.KeyIndex, d []byte, via Path, now moment) *receiveKey {
	s.mu.RLock()
	defer s.mu.RUnlock()
	key := s.indexes[index]
	switch {
	case key == nil:
		s.count.index.Add(1)
		return nil
	case key.aead != nil:
		return key
	}
	held := s.hold(holdKey{kindData, uint32(index)}, d, via, now)
	if l := key.link; held && l != nil && l.initiator && l.heldSince.CompareAndSwap(0, int64(now)) {
		s.wakeWatcher(now.add(helloAgainAfter))
	}
	return nil
}

// hold keeps a datagram for a moment, if there is room.
func (s *Socket) hold(key holdKey, d []byte, via Path, now moment) bool {
	if !s.held.add(key, d, via, now) {
		s.count.held.Add(1)
		return false
	}
	s.wakeWatcher(now.add(heldFor))
	return true
}

// data opens a data datagram: one look-up, one window check, one AEAD.
func (r *reader) data(d []byte, via Path, b []byte) packet {
	s := r.socket
	index, low, ok := header(d)
	if !ok {
		s.count.unknown.Add(1)
		return packet{}
	}
	key := s.keyOrHold(messages.KeyIndex(index), d, via, r.now)
	if key == nil {
		return packet{}
	}
	counter := key.window.expand(low)
	if !key.window.fresh(counter) {
		s.count.replayed.Add(1)
		return packet{}
	}
	putNonce(&r.nonce, counter)
	text, ok := open(key.aead, r.nonce[:], d, b)
	if !ok {
		s.count.unopened.Add(1)
		return packet{}
	}
	newest := key.window.mark(counter)
	l := key.link
	l.received(len(text))
	if !l.initiator && l.confirmed.CompareAndSwap(false, true) {
		s.tell(Confirmed{Link: l})
		s.wakeWatcher(r.now)
	}
	l.heardOn(via, r.now, newest)
	if text[0]&quicFixedBit == 0 {
		l.handleFrame(text, via, r.now)
		return packet{}
	}
	return packet{link: l, size: len(text)}
}

// received counts what came.
func (l *Link) received(bytes int) {
	l.count.received.Add(1)
	l.count.bytesReceived.Add(uint64(bytes))
}
