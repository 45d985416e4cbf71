package quicx

import (
	"errors"
	"fmt"

	"github.com/quic-go/quic-go"
)

// CloseReason says why a connection was closed; it travels as QUIC's
// application error code. Numbers are never used again.
type CloseReason uint64

// The reasons of a close.
const (
	// CloseDone: its owner needs it no more.
	CloseDone CloseReason = 0
	// CloseBind: the connection is not bound to the handshake (SPEC 7.4).
	CloseBind CloseReason = 1
	// CloseProtocol: the peer broke the rules of control frames or streams.
	CloseProtocol CloseReason = 2
	// CloseLink: the link under the connection is gone.
	CloseLink CloseReason = 3
	// CloseRefused: the guard refused the channel at its completion (SPEC 6.2).
	CloseRefused CloseReason = 4
	// CloseSuperseded: another channel of the pair took its place (SPEC 8.5).
	CloseSuperseded CloseReason = 5
	// CloseRemoved: the peer is no member any more (SPEC 8.4).
	CloseRemoved CloseReason = 6
	// CloseShutdown: the node stops.
	CloseShutdown CloseReason = 7
)

var reasonNames = map[CloseReason]string{
	CloseDone:       "done",
	CloseBind:       "not bound to its handshake",
	CloseProtocol:   "the peer broke the protocol",
	CloseLink:       "the link is gone",
	CloseRefused:    "refused at completion",
	CloseSuperseded: "superseded by another channel",
	CloseRemoved:    "the peer was removed",
	CloseShutdown:   "the node stops",
}

// String says the reason in words.
func (r CloseReason) String() string {
	if name, ok := reasonNames[r]; ok {
		return name
	}
	return fmt.Sprintf("reason %d", uint64(r))
}

// ClosedError is what everything on a closed connection returns.
type ClosedError struct {
	Reason CloseReason
	// Remote is set when the peer closed.
	Remote bool
}

// Error says who closed and why.
func (e *ClosedError) Error() string {
	who := "us"
	if e.Remote {
		who = "the peer"
	}
	return fmt.Sprintf("quicx: closed by %s: %v", who, e.Reason)
}

// ResetError is what a stream returns that was cut off in one direction.
type ResetError struct {
	Code ResetCode
	// Remote is set when the peer did it.
	Remote bool
}

// ResetCode is the application's number for a reset.
type ResetCode uint64

// Error says who reset the stream.
func (e *ResetError) Error() string {
	who := "us"
	if e.Remote {
		who = "the peer"
	}
	return fmt.Sprintf("quicx: stream reset by %s: code %d", who, uint64(e.Code))
}

// translate makes quic-go's errors ours; io.EOF, timeouts and context errors
// stay as they are.
func translate(err error) error {
	var application *quic.ApplicationError
	if errors.As(err, &application) {
		return &ClosedError{Reason: CloseReason(application.ErrorCode), Remote: application.Remote}
	}
	var stream *quic.StreamError
	if errors.As(err, &stream) {
		return &ResetError{Code: ResetCode(stream.ErrorCode), Remote: stream.Remote}
	}
	return err
}
