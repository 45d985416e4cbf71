package quicx

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"sync"

	"github.com/quic-go/quic-go"

	"github.com/waymeet/waymeet/transport/mux"
)

// ErrClosed is returned by the methods of a closed Endpoint.
var ErrClosed = errors.New("quicx: closed")

// Endpoint runs QUIC for all links of a socket: one quic.Transport, which is
// also what makes the socket receive. It is safe for concurrent use.
type Endpoint struct {
	socket    *mux.Socket
	transport *quic.Transport
	listener  *quic.Listener
	tls       *tls.Config
	accepting chan struct{} // closed when the accept loop has ended

	mu     sync.Mutex
	closed bool
	// arrivals has an entry for each link that a peer dialled or that someone
	// waits for, until the link closes.
	arrivals map[*mux.Link]*arrival
	conns    map[*Conn]struct{}
}

// arrival is where the accept loop and Accept meet.
type arrival struct {
	come  chan *quic.Conn // holds one
	taken bool
}

// New starts QUIC on a socket. It reads the socket from now on.
func New(socket *mux.Socket) (*Endpoint, error) {
	config, err := tlsConfig()
	if err != nil {
		return nil, err
	}
	e := &Endpoint{
		socket:    socket,
		tls:       config,
		accepting: make(chan struct{}),
		arrivals:  make(map[*mux.Link]*arrival),
		conns:     make(map[*Conn]struct{}),
	}
	e.transport = &quic.Transport{
		Conn:                             socket.PacketConn(),
		DisableVersionNegotiationPackets: true,
		ConnContext:                      e.admit,
	}
	if e.listener, err = e.transport.Listen(config, quicConfig()); err != nil {
		return nil, fmt.Errorf("quicx: listen: %w", err)
	}
	go e.acceptLoop()
	return e, nil
}

// Dial makes the QUIC connection of a link that we initiated. Its first packets
// leave at once, as early datagrams. It ends with ctx, with the link, or after
// 5 s without an answer.
func (e *Endpoint) Dial(ctx context.Context, link *mux.Link) (*Conn, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(link.Context(), func() { cancel(&ClosedError{Reason: CloseLink}) })
	defer stop()
	q, err := e.transport.Dial(ctx, link.Addr(), e.tls, quicConfig())
	if err != nil {
		return nil, fmt.Errorf("quicx: dial: %w", translate(err))
	}
	return e.adopt(q, link)
}

// Accept waits for the QUIC connection of a link that the peer initiated. Its
// handshake is done then, and so is its exporter. It ends with ctx or with the
// link.
func (e *Endpoint) Accept(ctx context.Context, link *mux.Link) (*Conn, error) {
	a, err := e.arrival(link)
	if err != nil {
		return nil, err
	}
	select {
	case q := <-a.come:
		return e.adopt(q, link)
	case <-link.Context().Done():
		return nil, &ClosedError{Reason: CloseLink}
	case <-e.accepting:
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, fmt.Errorf("quicx: accept: %w", context.Cause(ctx))
	}
}

// adopt makes the Conn of a connection, which from now on ends with its link.
func (e *Endpoint) adopt(q *quic.Conn, link *mux.Link) (*Conn, error) {
	c := newConn(e, q, link)
	e.mu.Lock()
	closed := e.closed
	if !closed {
		e.conns[c] = struct{}{}
		// Locked: what follows a link that is closed already must find the entry.
		c.unfollow = context.AfterFunc(link.Context(), func() { c.end(CloseLink) })
	}
	e.mu.Unlock()
	if closed {
		c.end(CloseShutdown)
		return nil, ErrClosed
	}
	return c, nil
}

// forget drops a closed connection.
func (e *Endpoint) forget(c *Conn) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.conns, c)
}

// admit refuses connections on links that we initiated: there the peer has
// nothing to dial.
func (e *Endpoint) admit(ctx context.Context, info *quic.ClientInfo) (context.Context, error) {
	link, ok := e.socket.LinkAt(info.RemoteAddr)
	if !ok || link.Initiator() {
		return nil, fmt.Errorf("quicx: nobody to dial at %v", info.RemoteAddr)
	}
	return ctx, nil
}

// acceptLoop hands every new connection to who waits for its link. It ends with
// the listener.
func (e *Endpoint) acceptLoop() {
	defer close(e.accepting)
	for {
		q, err := e.listener.Accept(context.Background())
		if err != nil {
			return
		}
		if !e.arrive(q) {
			q.CloseWithError(quic.ApplicationErrorCode(CloseProtocol), "")
		}
	}
}

// arrive parks a connection for Accept; false: its link is gone, or it is not
// the first.
func (e *Endpoint) arrive(q *quic.Conn) bool {
	link, ok := e.socket.LinkAt(q.RemoteAddr())
	if !ok {
		return false
	}
	a, err := e.arrival(link)
	if err != nil {
		return false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if a.taken {
		return false
	}
	a.taken = true
	a.come <- q
	context.AfterFunc(link.Context(), func() {
		q.CloseWithError(quic.ApplicationErrorCode(CloseLink), "")
	})
	return true
}

// arrival is the meeting point of a link; it goes with the link.
func (e *Endpoint) arrival(link *mux.Link) (*arrival, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch a := e.arrivals[link]; {
	case e.closed:
		return nil, ErrClosed
	case a != nil:
		return a, nil
	case link.Context().Err() != nil:
		return nil, &ClosedError{Reason: CloseLink}
	}
	a := &arrival{come: make(chan *quic.Conn, 1)}
	e.arrivals[link] = a
	context.AfterFunc(link.Context(), func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		delete(e.arrivals, link)
	})
	return a, nil
}

// Close closes every connection with CloseShutdown and stops QUIC. The socket
// stays open but receives no more. It waits for its goroutines.
func (e *Endpoint) Close() error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return ErrClosed
	}
	e.closed = true
	conns := make([]*Conn, 0, len(e.conns))
	for c := range e.conns {
		conns = append(conns, c)
	}
	parked := make([]*quic.Conn, 0, len(e.arrivals))
	for _, a := range e.arrivals {
		select {
		case q := <-a.come:
			parked = append(parked, q)
		default:
		}
	}
	e.mu.Unlock()
	for _, c := range conns {
		c.Close(CloseShutdown)
	}
	for _, q := range parked {
		q.CloseWithError(quic.ApplicationErrorCode(CloseShutdown), "")
	}
	e.listener.Close()
	err := e.transport.Close()
	<-e.accepting
	return err
}
