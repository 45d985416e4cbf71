package vault

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/transport/mux"
	"github.com/waymeet/waymeet/transport/quicx"
)

var (
	// ErrNoLine: no attempt or channel has that id (any more), or its line is that
	// of another handshake.
	ErrNoLine = errors.New("vault: no such line")
	// ErrNotUp: QUIC is not up yet.
	ErrNotUp = errors.New("vault: the line is not up")
	// ErrSilent is why a line ended on which nothing was heard for 90 s.
	ErrSilent = errors.New("vault: nothing heard")
)

// orphanAfter is how long an attempt may live without becoming a channel: the
// 5 s of a handshake, and 5 s more for a new owner to come.
const orphanAfter = 10 * time.Second

// lingerFor is how long the link of an ended line stays.
const lingerFor = time.Second

// resetUnwanted is the code of a stream whose protocol is not allowed.
const resetUnwanted quicx.ResetCode = 1

// Watcher hears what happens to lines. The methods are called from goroutines
// of the vault and of the socket; they must not block.
type Watcher interface {
	// LineConfirmed: the initiator's first valid data datagram came.
	LineConfirmed(l *Line)
	// LineUp: QUIC is up and bound to the handshake.
	LineUp(l *Line)
	// LineClosed: the line is over, for that reason.
	LineClosed(l *Line, reason error)
	// LineControl: a frame came on the control stream.
	LineControl(l *Line, frame []byte)
	// LineStream: the peer opened a stream of an allowed protocol.
	LineStream(l *Line, protocol string, stream *quicx.Stream)
	// LinePath: probes, silence, moves.
	LinePath(l *Line, event mux.Event)
}

// Lines are all lines of a node, over one socket. It is safe for concurrent
// use.
type Lines struct {
	socket   *mux.Socket
	endpoint *quicx.Endpoint
	watcher  Watcher
	ctx      context.Context
	cancel   context.CancelFunc
	running  sync.WaitGroup

	mu       sync.Mutex
	closed   bool
	attempts map[messages.AttemptID]*Line
	channels map[messages.ChannelID]*Line
	links    map[*mux.Link]*Line
}

// NewLines runs QUIC over the socket, which stays the caller's to close, after
// the Lines.
func NewLines(socket *mux.Socket, watcher Watcher) (*Lines, error) {
	endpoint, err := quicx.New(socket)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	v := &Lines{
		socket: socket, endpoint: endpoint, watcher: watcher, ctx: ctx, cancel: cancel,
		attempts: make(map[messages.AttemptID]*Line),
		channels: make(map[messages.ChannelID]*Line),
		links:    make(map[*mux.Link]*Line),
	}
	v.running.Go(v.keepWarm)
	return v, nil
}

// Dial begins an attempt of ours: the link sends the hello before every early
// datagram, and QUIC dials at once.
func (v *Lines) Dial(attempt messages.AttemptID, config mux.LinkConfig) (*Line, error) {
	link, err := v.socket.Dial(config)
	if err != nil {
		return nil, err
	}
	l, err := v.add(attempt, link)
	if err != nil {
		return nil, err
	}
	v.start(func() {
		conn, err := v.endpoint.Dial(l.ctx, link)
		v.bring(l, conn, err)
	})
	return l, nil
}

// Accept begins an attempt of a peer, whose keys are known: Noise needs no
// more of the initiator before data flows.
func (v *Lines) Accept(attempt messages.AttemptID, config mux.LinkConfig, result messages.HandshakeResult) (*Line, error) {
	link, err := v.socket.Accept(config)
	if err != nil {
		return nil, err
	}
	l, err := v.add(attempt, link)
	if err != nil {
		return nil, err
	}
	if err := l.Install(result); err != nil {
		l.Close(quicx.CloseDone)
		return nil, err
	}
	v.start(func() {
		conn, err := v.endpoint.Accept(l.ctx, link)
		v.bring(l, conn, err)
	})
	return l, nil
}

func (v *Lines) add(attempt messages.AttemptID, link *mux.Link) (*Line, error) {
	l := &Line{
		lines: v, attempt: attempt, link: link, made: time.Now(),
		installed: make(chan struct{}), open: make(chan struct{}), full: make(chan struct{}),
	}
	l.ctx, l.cancel = context.WithCancelCause(v.ctx)
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed || v.attempts[attempt] != nil {
		link.Close()
		return nil, fmt.Errorf("vault: %v is there already", attempt)
	}
	v.attempts[attempt] = l
	v.links[link] = l
	v.running.Go(func() { v.mind(l) })
	return l, nil
}

// start runs a goroutine, but not once Close has begun, which waits for those that
// run: what was added by then ends without it.
func (v *Lines) start(run func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.closed {
		v.running.Go(run)
	}
}

// mind frees an attempt that nobody turns into a channel, and cleans up after
// every line. The link lingers, so that a close that was lost is said again.
func (v *Lines) mind(l *Line) {
	orphan := time.NewTimer(orphanAfter)
	defer orphan.Stop()
	select {
	case <-l.ctx.Done():
	case <-orphan.C:
		if l.Record() == nil {
			l.Close(quicx.CloseDone)
		}
		<-l.ctx.Done()
	}
	v.forget(l)
	v.watcher.LineClosed(l, context.Cause(l.ctx))
	l.hangUp()
	select {
	case <-time.After(lingerFor):
	case <-v.ctx.Done():
	}
	l.link.Close()
}

// bring binds QUIC to Noise and runs the line from then on.
func (v *Lines) bring(l *Line, conn *quicx.Conn, err error) {
	if err != nil {
		l.end(err)
		return
	}
	l.mu.Lock()
	l.conn = conn
	l.mu.Unlock()
	select {
	case <-l.installed:
	case <-l.ctx.Done():
		conn.Close(quicx.CloseDone)
		return
	}
	control, err := conn.Bind(l.ctx, l.Result().Hash)
	if err != nil {
		l.end(err)
		return
	}
	l.mu.Lock()
	l.control = control
	l.mu.Unlock()
	v.running.Go(func() { v.acceptStreams(l, conn) })
	v.watcher.LineUp(l)
	for {
		frame, err := control.Receive()
		if err != nil {
			l.end(err)
			return
		}
		v.watcher.LineControl(l, frame)
	}
}

// acceptStreams hands out the peer's streams once the line allows any.
func (v *Lines) acceptStreams(l *Line, conn *quicx.Conn) {
	select {
	case <-l.open:
	case <-l.ctx.Done():
		return
	}
	for {
		protocol, stream, err := conn.AcceptStream(l.ctx)
		if err != nil {
			l.end(err)
			return
		}
		switch {
		case l.allows(protocol):
			v.watcher.LineStream(l, protocol, stream)
		case l.holds():
			v.running.Go(func() { v.hold(l, protocol, stream) })
		default:
			stream.Reset(resetUnwanted)
		}
	}
}

// hold hands out a stream once the line allows all.
func (v *Lines) hold(l *Line, protocol string, stream *quicx.Stream) {
	select {
	case <-l.full:
		v.watcher.LineStream(l, protocol, stream)
	case <-l.ctx.Done():
	}
}

// Adopt makes a channel of an attempt. Doing it again changes nothing. The line
// must be that of the channel's handshake: when an actor dies that answered a
// hello, the next one may answer the same hello, and its attempt has the same id.
func (v *Lines) Adopt(attempt messages.AttemptID, record messages.ChannelRecord) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	l := v.attempts[attempt]
	if l == nil {
		return ErrNoLine
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.result.Hash != record.Transcript {
		return ErrNoLine
	}
	if l.record == nil {
		l.record = &record
		v.channels[record.Channel] = l
	}
	return nil
}

// Attempt finds the line of an attempt, also after it became a channel.
func (v *Lines) Attempt(id messages.AttemptID) (*Line, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	l, ok := v.attempts[id]
	return l, ok
}

// Channel finds the line of a channel.
func (v *Lines) Channel(id messages.ChannelID) (*Line, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	l, ok := v.channels[id]
	return l, ok
}

// Channels are all lines that became channels.
func (v *Lines) Channels() []*Line {
	v.mu.Lock()
	defer v.mu.Unlock()
	all := make([]*Line, 0, len(v.channels))
	for _, l := range v.channels {
		all = append(all, l)
	}
	return all
}

// Free ends the line of an attempt.
func (v *Lines) Free(attempt messages.AttemptID) {
	if l, ok := v.Attempt(attempt); ok {
		l.Close(quicx.CloseDone)
	}
}

// LinkEvent takes what the socket tells of its links.
func (v *Lines) LinkEvent(event mux.Event) {
	link := linkOf(event)
	v.mu.Lock()
	l := v.links[link]
	v.mu.Unlock()
	if l == nil {
		return
	}
	switch event.(type) {
	case mux.Confirmed:
		v.watcher.LineConfirmed(l)
	case mux.Dead:
		l.end(ErrSilent)
	default:
		v.watcher.LinePath(l, event)
	}
}

func linkOf(event mux.Event) *mux.Link {
	switch e := event.(type) {
	case mux.Confirmed:
		return e.Link
	case mux.ProbeReceived:
		return e.Link
	case mux.ProbeAnswered:
		return e.Link
	case mux.PathSilent:
		return e.Link
	case mux.PathHeard:
		return e.Link
	case mux.PathMoved:
		return e.Link
	case mux.Dead:
		return e.Link
	}
	return nil
}

// Close ends every line and waits for their goroutines.
func (v *Lines) Close() error {
	v.mu.Lock()
	v.closed = true
	v.mu.Unlock()
	v.cancel()
	err := v.endpoint.Close()
	v.running.Wait()
	return err
}

// Close ends the line from our side; the peer is told why.
func (l *Line) Close(reason quicx.CloseReason) {
	l.end(&quicx.ClosedError{Reason: reason})
}

// end ends the line for that reason, the first one given.
func (l *Line) end(reason error) { l.cancel(reason) }

// hangUp tells the peer that the line is over.
func (l *Line) hangUp() {
	l.mu.Lock()
	conn := l.conn
	l.mu.Unlock()
	if conn == nil {
		return
	}
	reason := quicx.CloseDone
	var closed *quicx.ClosedError
	if errors.As(context.Cause(l.ctx), &closed) && !closed.Remote {
		reason = closed.Reason
	} else if l.lines.ctx.Err() != nil {
		reason = quicx.CloseShutdown
	}
	conn.Close(reason)
}

// forget takes a line out of the tables.
func (v *Lines) forget(l *Line) {
	v.mu.Lock()
	defer v.mu.Unlock()
	record := l.Record() // under the lock of the tables: Adopt may be at it
	if v.attempts[l.attempt] == l {
		delete(v.attempts, l.attempt)
	}
	if record != nil && v.channels[record.Channel] == l {
		delete(v.channels, record.Channel)
	}
	delete(v.links, l.link)
}
