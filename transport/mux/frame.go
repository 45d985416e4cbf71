package mux

import (
	"encoding/binary"
	"net/netip"
)

// A plaintext whose first byte has this bit clear is the mux's own: QUIC packets
// always have it set (RFC 9000, 17.2 and 17.3.1).
const quicFixedBit byte = 0x40

// Frames of the mux.
//
//	0x00 keepalive
//	0x01 probe:  id 8 ‖ zeros up to the size asked for
//	0x02 answer: id 8 ‖ address 16 ‖ port 2 ‖ zeros up to the probe's size
//
// The address is that which the probe came from, IPv4 as ::ffff:a.b.c.d; zeros
// if it came through a relay.
const (
	frameKeepalive byte = 0x00
	frameProbe     byte = 0x01
	frameAnswer    byte = 0x02

	frameIDSize = 1 + 8
	// minProbe is the size of the smallest probe: as large as its answer, so
	// that no answer is larger than what asked for it.
	minProbe = frameIDSize + 16 + 2
)

// ProbeID tells the probes of a link apart. The upper half of the numbers is the
// mux's own.
type ProbeID uint64

// ownProbe is set in the ids of probes that the mux sends by itself.
const ownProbe ProbeID = 1 << 63

// appendProbe writes a probe of the given size, at least minProbe.
func appendProbe(b []byte, id ProbeID, size int) []byte {
	start := len(b)
	b = append(b, frameProbe)
	b = binary.BigEndian.AppendUint64(b, uint64(id))
	return append(b, make([]byte, size-(len(b)-start))...)
}

// parseProbe reads a probe; its size is that of the frame.
func parseProbe(f []byte) (id ProbeID, ok bool) {
	if len(f) < minProbe || f[0] != frameProbe {
		return 0, false
	}
	return ProbeID(binary.BigEndian.Uint64(f[1:])), true
}

// appendAnswer writes the answer to a probe of the given size that was seen
// coming from an address; the zero address writes zeros.
func appendAnswer(b []byte, id ProbeID, seen netip.AddrPort, size int) []byte {
	start := len(b)
	b = append(b, frameAnswer)
	b = binary.BigEndian.AppendUint64(b, uint64(id))
	var ip [16]byte
	if seen.IsValid() {
		ip = seen.Addr().As16()
	}
	b = append(b, ip[:]...)
	b = binary.BigEndian.AppendUint16(b, seen.Port())
	return append(b, make([]byte, size-(len(b)-start))...)
}

// parseAnswer reads an answer; its size is that of the frame.
func parseAnswer(f []byte) (id ProbeID, seen netip.AddrPort, ok bool) {
	if len(f) < minProbe || f[0] != frameAnswer {
		return 0, netip.AddrPort{}, false
	}
	id = ProbeID(binary.BigEndian.Uint64(f[1:]))
	ip := netip.AddrFrom16([16]byte(f[frameIDSize : frameIDSize+16])).Unmap()
	if port := binary.BigEndian.Uint16(f[frameIDSize+16:]); !ip.IsUnspecified() {
		seen = netip.AddrPortFrom(ip, port)
	}
	return id, seen, true
}
