// Package relay decides what happens at both ends of a relay's control:
//
//   - Forwarder is the relay's side: who is registered at which slot, who may
//     reach whom, and when it ends (SPEC 11).
//   - Client is a node's side of one relay: handshake, registrations, dials,
//     keepalives, and coming back after a loss.
//
// Both are machines: Step(now, message) returns effects as values, Deadline
// says when to send messages.Tick. Nothing here holds a key, a socket or a
// clock, and no datagram of a channel passes through: the relay's transport
// forwards by the routes that Forwarder gives it.
//
// The package imports messages only. Start reading at forwarder.go.
package relay
