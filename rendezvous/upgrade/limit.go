package upgrade

import (
	"net/netip"
	"slices"
	"time"
)

// Limits of probing (SPEC 10.6).
const (
	maxProbesPerAddress = 3
	maxSmallPerAddress  = 2
	maxProbesPerNetwork = 32
	probeLimitSpan      = time.Minute
)

// NetworkPrefix is the /24 or /56 that an address lies in.
type NetworkPrefix netip.Prefix

func networkOf(addr netip.Addr) NetworkPrefix {
	bits := 24
	if addr.Is6() {
		bits = 56
	}
	// Prefix fails on a zone or a length beyond the address; probeable
	// addresses have no zone.
	prefix, _ := addr.Prefix(bits)
	return NetworkPrefix(prefix)
}

// allowProbe marks a probe to the address at now, if the limit allows it.
//
// SPEC 10.6: "≤ 32 per /24 (/56) and minute".
func (s *Saved) allowProbe(addr netip.Addr, now time.Time) bool {
	s.Probed = slices.DeleteFunc(s.Probed, func(m ProbeMark) bool { return now.Sub(m.At) >= probeLimitSpan })
	network, count := networkOf(addr), 0
	for _, mark := range s.Probed {
		if mark.Network == network {
			count++
		}
	}
	if count >= maxProbesPerNetwork {
		return false
	}
	s.Probed = append(s.Probed, ProbeMark{Network: network, At: now})
	return true
}
