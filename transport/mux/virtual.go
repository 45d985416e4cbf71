package mux

import (
	"encoding/binary"
	"net"
)

// virtualPort is the port of every virtual address; it says nothing.
const virtualPort = 7

// Virtual addresses carry the number of their link in the last four bytes:
// 240.0.0.0/4, which no host has, on an IPv4 socket, and fd77::/64 on an IPv6
// one. quic-go chooses control messages by the family, so it is the socket's.
const (
	virtualBits  = 28
	virtualClass = 0xf << virtualBits
)

// virtualAddr is the address under which quic-go knows a link. Number 0 is the
// socket's own.
func virtualAddr(number uint32, v6 bool) *net.UDPAddr {
	ip := make(net.IP, net.IPv4len, net.IPv6len)
	if v6 {
		ip = ip[:net.IPv6len]
		ip[0], ip[1] = 0xfd, 0x77
	}
	binary.BigEndian.PutUint32(ip[len(ip)-4:], virtualClass|number)
	return &net.UDPAddr{IP: ip, Port: virtualPort}
}

// virtualNumber reads the number back. An IPv4 address may come back in 16
// bytes, so only the last four count.
func virtualNumber(ip net.IP) (uint32, bool) {
	if len(ip) < net.IPv4len {
		return 0, false
	}
	last := binary.BigEndian.Uint32(ip[len(ip)-4:])
	return last &^ virtualClass, last&virtualClass == virtualClass
}
