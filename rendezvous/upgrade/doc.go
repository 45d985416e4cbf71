// Package upgrade decides over which path the datagrams of a pair go: the
// relay first, a direct path as soon as one is validated, the relay again on
// trouble (SPEC chapter 10). It moves no datagram and opens no socket.
//
// Connection is the machine of one (context, peer); the PeerConnectionActor
// hosts it. Network is the machine of the node's own network; the NetworkActor
// hosts it. The package imports messages and nothing else of Waymeet.
//
// Start reading at state.go and connection.go; then cycle.go for when an
// attempt is made, coordinate.go and probe.go for how, liveness.go for when a
// path is given up, and network.go for where generations come from.
package upgrade
