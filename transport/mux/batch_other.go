//go:build !linux

package mux

import "net"

// newIO wires a socket to its connection. Here are no batched system calls.
func newIO(s *Socket, conn net.PacketConn) (sink, source, net.PacketConn) {
	return newPlainIO(s, conn)
}
