//go:build !linux

package relay

import "net"

func newSystemSocket(conn *net.UDPConn) (socket, error) { return newPlainSocket(conn), nil }
