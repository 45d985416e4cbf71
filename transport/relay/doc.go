// Package relay moves bytes at both ends of a relay hop (SPEC 11).
//
//   - Server is a relay's socket: it forwards hop datagrams by a table of
//     routes that it is given as plain values, opens and seals control, and
//     answers STUN on the same port. What control means is decided elsewhere:
//     Server delivers the requests and is told what to answer.
//   - ClientControl builds and opens a node's control datagrams. It has no
//     socket and no goroutine: its datagrams share the node's one socket.
//
// Control is Noise IK to the relay's key, then sealed datagrams with a counter
// (control.go has the layouts). Whoever does not know the relay's key, and
// random bytes, get no answer.
//
// The package imports messages, transport/stun, flynn/noise with circl's
// X25519, edwards25519, x/net and x/sys; never rendezvous and never actors.
// Start reading at control.go, then server.go.
package relay
