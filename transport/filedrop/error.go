package filedrop

import (
	"errors"
	"fmt"

	"github.com/waymeet/waymeet/messages"
)

var (
	// ErrBroken reports a stream that ended before the file was acknowledged.
	// The receiver may or may not have it; sending it again is safe.
	ErrBroken = errors.New("the stream broke off")
	// ErrChanged reports a file that became shorter than it was announced, or
	// could not be read to its end. It is this node's fault.
	ErrChanged = errors.New("the file changed or could not be read while it was being sent")
	// ErrHash reports a peer that acknowledged other bytes than were sent.
	ErrHash = errors.New("the peer stored other bytes than were sent")
)

// RefusedError reports a file that was not taken, and why.
type RefusedError struct {
	// Name is what the sender called the file; from Receive it is a peer's
	// word, which Error escapes.
	Name   string
	Reason messages.FileRefusal
	// ByPeer: the peer refused our file; else we refused the peer's.
	ByPeer bool
	// Err is what failed here, if something did.
	Err error
}

// Error is one line, safe for a terminal.
func (e *RefusedError) Error() string {
	who := "refused the peer's file"
	if e.ByPeer {
		who = "the peer refused"
	}
	line := fmt.Sprintf("%s %q: %s", who, e.Name, e.Reason)
	if e.Err != nil {
		line += ": " + messages.Printable(e.Err.Error())
	}
	return line
}

// Unwrap is what failed here.
func (e *RefusedError) Unwrap() error { return e.Err }
