// Package stun tells and asks for reflexive addresses with STUN Binding
// (RFC 8489), on sockets that carry other traffic too: it neither opens a
// socket nor starts a goroutine.
//
// A Responder turns a request datagram into an answer; NewRequest and
// ParseResponse are the asking side. Limiter bounds, per address, what is
// answered to somebody who has proved nothing; a relay uses it for its
// handshakes as well.
//
// The package imports pion/stun and x/time/rate, and nothing of Waymeet. Start
// reading at responder.go.
package stun
