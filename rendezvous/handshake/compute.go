package handshake

import (
	"io"

	"github.com/waymeet/waymeet/messages"
)

// Work names one of the three computations of a handshake.
type Work uint8

const (
	// WorkInitiate makes message 1.
	WorkInitiate Work = iota + 1
	// WorkRespond reads message 1 and makes message 2.
	WorkRespond
	// WorkFinish reads message 2.
	WorkFinish
)

// Run does what a Compute effect asks for and returns the event that answers
// it. It takes a third of a millisecond at most and touches nothing but its
// arguments: the actor runs it in a task, never in its own turn.
func Run(c Compute, local Static, random io.Reader) messages.HandshakerMessage {
	switch c.Work {
	case WorkInitiate:
		ephemeral, message, failure := Initiate(local, c.Terms, random)
		if failure == 0 {
			return messages.MessageOneMade{Ephemeral: ephemeral, Noise: message}
		}
		return messages.ComputeFailed{Failure: failure}
	case WorkRespond:
		message, result, failure := Respond(local, c.Terms, c.Message, random)
		if failure == 0 {
			return messages.MessageTwoMade{Noise: message, Result: result}
		}
		return messages.ComputeFailed{Failure: failure}
	case WorkFinish:
		result, failure := Finish(local, c.Terms, c.Ephemeral, c.Message)
		if failure == 0 {
			return messages.MessageTwoRead{Result: result}
		}
		return messages.ComputeFailed{Failure: failure}
	}
	return messages.ComputeFailed{Failure: messages.FailTerms}
}
