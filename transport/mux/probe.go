package mux

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// pendingProbe is a probe that waits for its answer.
type pendingProbe struct {
	to   Path
	sent moment
	size int
}

// Probe asks over a path for an answer of the same size; it comes as
// ProbeAnswered. The size is that of the sealed plaintext, comparable with
// PacketSize, and is raised to the smallest there is. The owner bounds how
// often it asks whom (SPEC 10.6). Asking twice with one id forgets the first.
//
// ErrNotReady before Install, ErrTooLong above PacketSize.
func (l *Link) Probe(id ProbeID, to Path, size int) error {
	if id&ownProbe != 0 {
		return fmt.Errorf("mux: probe id %d is the mux's own", id)
	}
	return l.probe(id, to, size)
}

func (l *Link) probe(id ProbeID, to Path, size int) error {
	if size > PacketSize {
		return fmt.Errorf("%w: probe of %d bytes", ErrTooLong, size)
	}
	size = max(size, minProbe)
	l.mu.Lock()
	if l.probes == nil && !l.closed {
		l.probes = make(map[ProbeID]pendingProbe)
	}
	if !l.closed {
		if len(l.probes) >= pendingProbes {
			l.forgetOldestProbe()
		}
		l.probes[id] = pendingProbe{to: to, sent: l.socket.now(), size: size}
	}
	l.mu.Unlock()
	return l.sendFrame(appendProbe(nil, id, size), to)
}

// forgetOldestProbe makes room. The link is locked.
func (l *Link) forgetOldestProbe() {
	var oldest ProbeID
	var at moment
	for id, p := range l.probes {
		if at == 0 || p.sent < at {
			oldest, at = id, p.sent
		}
	}
	delete(l.probes, oldest)
}

// handleFrame acts on a frame of the mux that came by a path. It runs on the
// reader.
func (l *Link) handleFrame(f []byte, from Path, now moment) {
	switch f[0] {
	case frameKeepalive:
		return
	case frameProbe:
		if id, ok := parseProbe(f); ok {
			l.answerProbe(id, from, len(f), now)
			return
		}
	case frameAnswer:
		if id, seen, ok := parseAnswer(f); ok && l.probeAnswered(id, seen, from, len(f), now) {
			return
		}
	}
	l.socket.count.frame.Add(1)
}

// answerProbe answers with the same size and only to where the probe came from
// (SPEC 10.6). On a path in use nothing needs a limit: the link sends there
// anyway.
func (l *Link) answerProbe(id ProbeID, from Path, size int, now moment) {
	s := l.socket
	if !l.routes.Load().inUse(from) && !s.limit.allow(from.Addr.Addr(), now, s.config.probeAnswers()) {
		s.count.probesUnanswered.Add(1)
	} else {
		var seen netip.AddrPort
		if from.Kind == messages.PathDirect {
			seen = from.Addr
		}
		l.sendFrame(appendAnswer(nil, id, seen, size), from)
	}
	if id&ownProbe == 0 {
		s.tell(ProbeReceived{Link: l, From: from, Size: size})
	}
}

// probeAnswered matches an answer with its probe; false: there is none.
func (l *Link) probeAnswered(id ProbeID, seen netip.AddrPort, from Path, size int, now moment) bool {
	l.mu.Lock()
	p, ok := l.probes[id]
	delete(l.probes, id)
	l.mu.Unlock()
	if !ok {
		return false
	}
	rtt := now.since(p.sent)
	if t := l.routes.Load().find(p.to); t != nil {
		t.measure(rtt)
	}
	if id&ownProbe == 0 {
		l.socket.tell(ProbeAnswered{Link: l, ID: id, To: p.to, From: from, Observed: seen, Size: min(size, p.size), RTT: rtt})
	}
	return true
}

// limiter bounds answers per network prefix and minute. The zero limiter is
// ready. Only the reader uses it.
type limiter struct {
	networks map[netip.Prefix]answered
}

type answered struct {
	since moment
	count int
}

// limitedNetworks bounds the table; when it is full, new networks wait.
const limitedNetworks = 1024

// allow counts one answer to an address. SPEC 10.6: "≤ 32 per /24 (/56) and
// minute". Loopback is no third party and is not limited.
func (l *limiter) allow(to netip.Addr, now moment, most int) bool {
	if to.IsLoopback() {
		return true
	}
	bits := 56
	if to.Is4() {
		bits = 24
	}
	network, err := to.Prefix(bits)
	if err != nil {
		return false
	}
	a, known := l.networks[network]
	if !known && len(l.networks) >= limitedNetworks && !l.prune(now) {
		return false
	}
	if !known || now.since(a.since) >= time.Minute {
		a = answered{since: now}
	}
	if a.count >= most {
		return false
	}
	a.count++
	if l.networks == nil {
		l.networks = make(map[netip.Prefix]answered)
	}
	l.networks[network] = a
	return true
}

// prune forgets networks whose minute is over; false: there was none.
func (l *limiter) prune(now moment) bool {
	for network, a := range l.networks {
		if now.since(a.since) >= time.Minute {
			delete(l.networks, network)
		}
	}
	return len(l.networks) < limitedNetworks
}
