// Package mux is the data plane: one UDP socket that everything shares, and
// under it the layer that seals every datagram between two nodes.
//
//	app bytes → QUIC stream → mux: seal, pick path → one UDP socket
//
// A Link carries one attempt to establish a channel and then the channel. To
// QUIC it is one peer with one virtual address that never changes; which path
// the datagrams take (a relay, a direct address) is the mux's business and is
// changed by SetPath without QUIC noticing. The mux also does what QUIC should
// not do here: keepalive, probes, evidence of life and death, STUN and relay
// control on the same socket.
//
// Nothing that fails to open is ever answered (SPEC 8.2, 15.1); it is counted.
//
// Who reads: the socket's datagrams are received by whoever reads PacketConn,
// which is quic-go's transport (package quicx). The callbacks of Config run on
// that goroutine and must not block.
//
// The package imports messages, golang.org/x and the standard library; never
// rendezvous, never actors, never quic-go. Start reading at wire.go for the
// layout of datagrams, then socket.go, link.go, send.go and receive.go.
package mux
