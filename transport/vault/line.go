package vault

import (
	"context"
	"sync"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/transport/mux"
	"github.com/waymeet/waymeet/transport/quicx"
)

// Line is one attempt to establish a channel and then the channel: a link of
// the mux, the QUIC connection in it, and what its owner needs to find again
// after a crash. It is safe for concurrent use.
//
// Invariants:
//  1. up is closed at most once, after QUIC is up and bound to the handshake.
//  2. No stream is handed out before its protocol was allowed.
//  3. A closed line holds no link and no connection.
type Line struct {
	lines   *Lines
	attempt messages.AttemptID
	link    *mux.Link
	ctx     context.Context
	cancel  context.CancelCauseFunc
	made    time.Time

	mu sync.Mutex
	// result is what Noise left; installed is closed when it is there.
	result    messages.HandshakeResult
	installed chan struct{}
	// answer is message 2 as it was sent, for the same hello again.
	answer []byte
	conn   *quicx.Conn
	// control is there once QUIC is up and bound.
	control *quicx.Control
	// record is set when the line became a channel.
	record  *messages.ChannelRecord
	allowed map[string]bool
	open    chan struct{}
	opened  bool
	// patient: streams of protocols that are not allowed yet wait for full,
	// which is closed when all are; held counts them.
	patient bool
	full    chan struct{}
	held    int
	relay   mux.Path
}

// Attempt is the attempt that the line began as.
func (l *Line) Attempt() messages.AttemptID { return l.attempt }

// Path is the path that the line sends on.
func (l *Line) Path() messages.Path {
	first, _ := l.link.Paths()
	return first
}

// Link is the line's link.
func (l *Line) Link() *mux.Link { return l.link }

// Made is when the attempt began.
func (l *Line) Made() time.Time { return l.made }

// Done is closed when the line is.
func (l *Line) Done() <-chan struct{} { return l.ctx.Done() }

// Record is what the channel's owner put beside it; nil while the line is an
// attempt.
func (l *Line) Record() *messages.ChannelRecord {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.record == nil {
		return nil
	}
	record := *l.record
	return &record
}

// Result is what Noise left, once Install was called.
func (l *Line) Result() messages.HandshakeResult {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.result
}

// Install hands the keys of the handshake to the link. A second call changes
// nothing.
func (l *Line) Install(result messages.HandshakeResult) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.installed:
		return nil
	default:
	}
	l.result = result
	defer close(l.installed)
	return l.link.Install(mux.DataKeys{
		Send: result.Send, Receive: result.Receive,
		SendIndex: result.SendIndex, ReceiveIndex: result.ReceiveIndex,
	})
}

// KeepAnswer keeps message 2 as it was sent.
func (l *Line) KeepAnswer(datagram []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.answer = datagram
}

// Answer is message 2 as it was sent, or nil.
func (l *Line) Answer() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.answer
}

// KeepRelay keeps the relay path that stays warm behind a direct one.
func (l *Line) KeepRelay(path mux.Path) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.relay = path
}

// Relay is the path last given to KeepRelay.
func (l *Line) Relay() mux.Path {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.relay
}

// Allow hands out streams of these protocols from now on. With none it allows
// all.
func (l *Line) Allow(protocols ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.allowed == nil {
		l.allowed = make(map[string]bool)
	}
	for _, protocol := range protocols {
		l.allowed[protocol] = true
	}
	if len(protocols) == 0 && !l.allowed[everything] {
		l.allowed[everything] = true
		close(l.full)
	}
	if !l.opened {
		l.opened = true
		close(l.open)
	}
}

// AllowFirst hands out streams of these protocols from now on. Those of others,
// which the peer may open before we are ready for them, wait for Allow.
func (l *Line) AllowFirst(protocols ...string) {
	l.mu.Lock()
	l.patient = true
	l.mu.Unlock()
	l.Allow(protocols...)
}

// everything stands for all protocols.
const everything = "*"

// maxHeld bounds the streams of a line that wait for Allow.
const maxHeld = 64

// holds reports whether one more stream may wait for Allow.
func (l *Line) holds() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.patient || l.held >= maxHeld {
		return false
	}
	l.held++
	return true
}

func (l *Line) allows(protocol string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.allowed[everything] || l.allowed[protocol]
}

// OpenStream opens a stream of the protocol toward the peer. It waits until
// the line allows streams.
func (l *Line) OpenStream(ctx context.Context, protocol string) (*quicx.Stream, error) {
	select {
	case <-l.open:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-l.ctx.Done():
		return nil, context.Cause(l.ctx)
	}
	l.mu.Lock()
	conn := l.conn
	l.mu.Unlock()
	if conn == nil {
		return nil, ErrNotUp
	}
	return conn.OpenStream(ctx, protocol)
}

// SendControl writes a frame on the control stream.
func (l *Line) SendControl(frame []byte) error {
	l.mu.Lock()
	control := l.control
	l.mu.Unlock()
	if control == nil {
		return ErrNotUp
	}
	return control.Send(frame)
}

// Up reports whether QUIC is up and bound to the handshake.
func (l *Line) Up() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.control != nil
}

// MarkOpen sets Open in the record.
func (l *Line) MarkOpen() { l.mark(func(r *messages.ChannelRecord) { r.Open = true }) }

// MarkDraining sets Draining in the record.
func (l *Line) MarkDraining() { l.mark(func(r *messages.ChannelRecord) { r.Draining = true }) }

func (l *Line) mark(set func(*messages.ChannelRecord)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.record != nil {
		set(l.record)
	}
}
