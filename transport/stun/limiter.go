package stun

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxLimited is how many addresses are told apart at once; beyond it, the
// oldest half starts over.
const maxLimited = 8192

// Limiter is a token bucket per IPv4 address or IPv6 /64, in bounded memory.
// Safe for concurrent use.
type Limiter struct {
	mu    sync.Mutex
	limit rate.Limit
	burst int
	// recent and older hold the buckets; when recent is full it becomes older,
	// and what older held is forgotten. Who keeps sending stays in recent.
	recent, older map[netip.Prefix]*rate.Limiter
}

// NewLimiter allows each address perSecond events a second, and burst at once.
func NewLimiter(perSecond float64, burst int) *Limiter {
	return &Limiter{
		limit: rate.Limit(perSecond), burst: burst,
		recent: map[netip.Prefix]*rate.Limiter{},
	}
}

// Allow takes one token of the address, if there is one.
func (l *Limiter) Allow(now time.Time, from netip.AddrPort) bool {
	addr, bits := from.Addr().Unmap().WithZone(""), 32
	if addr.Is6() {
		bits = 64
	}
	prefix, err := addr.Prefix(bits)
	if err != nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bucket(prefix).AllowN(now, 1)
}

func (l *Limiter) bucket(prefix netip.Prefix) *rate.Limiter {
	if b, ok := l.recent[prefix]; ok {
		return b
	}
	b, ok := l.older[prefix]
	if !ok {
		b = rate.NewLimiter(l.limit, l.burst)
	}
	if len(l.recent) >= maxLimited/2 {
		l.older, l.recent = l.recent, map[netip.Prefix]*rate.Limiter{}
	}
	l.recent[prefix] = b
	return b
}
