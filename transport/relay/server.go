package relay

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/transport/stun"
)

// ServerConfig is what a relay's socket needs. Conn, Key and Deliver are
// required.
type ServerConfig struct {
	// Conn is the socket; the server owns it from then on and closes it.
	Conn net.PacketConn
	// Key is the relay's Ed25519 key; its public half stands in the URL.
	Key ed25519.PrivateKey
	// Deliver takes a request or a report to whoever decides (a RelayRequest
	// or RelaySessionsUsed). It is called from one goroutine, must not block,
	// and is false when there is no room: then the message is dropped, and the
	// client will ask again.
	Deliver func(messages.RelayForwarderMessage) bool
	// Rate bounds all forwarded traffic together; zero: no limit (SPEC 11.4).
	Rate messages.RelayRate
	// Tap, if set, gets every datagram that comes and goes:
	//
	//	direction 1 (0 in, 1 out) | length 4, big-endian | datagram
	//
	// It is for proofs and debugging, and slow.
	Tap io.Writer
}

// Counters says what a server has done since its start.
type Counters struct {
	// ForwardedDatagrams and ForwardedBytes count hop datagrams handed on, hop
	// header included.
	ForwardedDatagrams, ForwardedBytes uint64
	// Dropped counts hop datagrams with no route, from a wrong address, toward
	// a dialler that has not spoken, or above a rate; Overflowed counts those
	// that a full queue gave up; Undelivered counts requests for which Deliver
	// had no room.
	Dropped, Overflowed, Undelivered uint64
	// Clients and Sessions are how many are held now.
	Clients, Sessions int
}

// Server is a relay's socket: one goroutine reads and forwards, one writes,
// one opens control. All methods are safe for concurrent use, and none blocks
// on the network but Close.
type Server struct {
	config  ServerConfig
	socket  socket
	routes  routeTable
	clients *clientTable
	queues  *queues
	stun    *stun.Responder
	rate    *meter
	tap     *tap

	control chan received
	stop    chan struct{}
	closing sync.Once
	running sync.WaitGroup

	forwardedDatagrams, forwardedBytes atomic.Uint64
	dropped, undelivered               atomic.Uint64
}

// controlBacklog is how many control datagrams wait for their Diffie-Hellman;
// more are dropped.
const controlBacklog = 256

// NewServer starts to serve on the socket. It fails if a required field is
// missing; the socket stays the caller's then.
func NewServer(config ServerConfig) (*Server, error) {
	if config.Conn == nil || config.Deliver == nil || len(config.Key) != ed25519.PrivateKeySize {
		return nil, errors.New("relay server: socket, key or Deliver is missing in its configuration")
	}
	socket, err := newSocket(config.Conn)
	if err != nil {
		return nil, fmt.Errorf("relay server: %w", err)
	}
	s := &Server{
		config:  config,
		socket:  socket,
		clients: newClientTable(config.Key),
		queues:  newQueues(),
		stun:    stun.NewResponder(),
		rate:    newMeter(config.Rate),
		control: make(chan received, controlBacklog),
		stop:    make(chan struct{}),
	}
	if config.Tap != nil {
		s.tap = &tap{w: config.Tap}
	}
	s.running.Add(3)
	go s.readLoop()
	go s.writeLoop()
	go s.controlLoop()
	return s, nil
}

// Addr is the address that the socket is bound to.
func (s *Server) Addr() netip.AddrPort {
	return unmap(s.config.Conn.LocalAddr().(*net.UDPAddr).AddrPort())
}

// Key is the relay's public key.
func (s *Server) Key() messages.PublicKey { return publicKey(s.config.Key) }

// Answer seals a control message and sends it to the client, if it is there.
func (s *Server) Answer(client messages.RelayClientIndex, control messages.RelayControl) {
	if c := s.clients.find(client); c != nil {
		s.queues.pushCopy(c.queue, c.address.Load(), c.seal(control))
	}
}

// SetRoute lets a session's datagrams pass. For a session that is known it
// moves the ends, and what the dialler has opened stays open. A route to a
// client that is gone is not set.
func (s *Server) SetRoute(route messages.RelayRoute) {
	dialler, owner := s.clients.find(route.Dialler.Client), s.clients.find(route.Owner.Client)
	if dialler == nil || owner == nil {
		s.routes.drop(route.Dialler.Session)
		return
	}
	s.routes.set(route, dialler, owner)
}

// DropRoute ends the session that the dialler's side names.
func (s *Server) DropRoute(session messages.HopSession) { s.routes.drop(session) }

// DropClient forgets the keys of a client; what it sends is ignored from then
// on, and what is queued for it is still sent.
func (s *Server) DropClient(client messages.RelayClientIndex) { s.clients.drop(client) }

// Counters says what was done so far.
func (s *Server) Counters() Counters {
	return Counters{
		ForwardedDatagrams: s.forwardedDatagrams.Load(),
		ForwardedBytes:     s.forwardedBytes.Load(),
		Dropped:            s.dropped.Load(),
		Overflowed:         s.queues.overflowed.Load(),
		Undelivered:        s.undelivered.Load(),
		Clients:            s.clients.count(),
		Sessions:           s.routes.count(),
	}
}

// Close closes the socket and returns when every goroutine has ended. Closing
// twice is safe.
func (s *Server) Close() error {
	var err error
	s.closing.Do(func() {
		close(s.stop)
		s.queues.close()
		err = s.config.Conn.Close()
	})
	s.running.Wait()
	return err
}

// readLoop forwards hop datagrams itself and hands the rest on.
func (s *Server) readLoop() {
	defer s.running.Done()
	for {
		batch, err := s.socket.read()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			// A socket error that stays must not become a busy loop.
			select {
			case <-s.stop:
				return
			case <-time.After(10 * time.Millisecond):
				continue
			}
		}
		now := time.Now()
		for _, r := range batch {
			s.tap.in(r)
			s.take(now, r)
		}
	}
}

// take sorts what one read brought: datagrams of one sender, all of one size
// but the last.
func (s *Server) take(now time.Time, r received) {
	for rest := r.data; len(rest) > 0; {
		datagram := rest[:min(r.segment, len(rest))]
		if datagram[0] == messages.FirstByteHop {
			run := sameSession(rest, r.segment)
			s.forward(now, r.from, run, r.segment)
			rest = rest[len(run):]
			continue
		}
		rest = rest[len(datagram):]
		switch {
		case stun.Is(datagram):
			if answer := s.stun.Respond(now, r.from, datagram); answer != nil {
				s.queues.pushCopy(s.queues.unproved, endpointOf(r.from), answer)
			}
		case s.clients.plausible(datagram):
			select {
			case s.control <- received{data: append([]byte(nil), datagram...), from: r.from}:
			default:
			}
		}
	}
}

// writeLoop sends what the queues hold, each receiver in its turn.
func (s *Server) writeLoop() {
	defer s.running.Done()
	var batch []burst
	for {
		batch = s.queues.take(batch[:0], writeBatch)
		if len(batch) == 0 {
			return
		}
		for _, b := range batch {
			s.tap.out(b)
		}
		s.socket.write(batch)
		for _, b := range batch {
			b.free()
		}
	}
}
