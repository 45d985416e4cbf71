package mux

import (
	"crypto/rand"
	"io"
	"net/netip"
	"time"
)

// Times of the data plane.
const (
	// keepAliveAfter is how long a path stays without traffic before a
	// keepalive goes out.
	keepAliveAfter = 15 * time.Second
	// deadAfter is how long nothing valid comes before a link is dead
	// (docs/wire.md: "Streams and protocol names": "90 s without a valid
	// datagram").
	deadAfter = 90 * time.Second
	// silentAgain is how often a silence that goes on is told.
	silentAgain = time.Second
	// idleSilentAfter is how long nothing comes on the path in use, though the
	// peer sends keepalives on it, before it is called silent.
	idleSilentAfter = 40 * time.Second
	// directSilentAfter and relaySilentAfter are the least times after which
	// unanswered traffic makes a path silent; three round trips if that is
	// more (SPEC 10.7).
	directSilentAfter = 150 * time.Millisecond
	relaySilentAfter  = time.Second
)

// Bounds of what is held and answered.
const (
	// heldPerAttempt, heldAttempts and heldFor bound what overtakes a hello or
	// message 2 (SPEC 7.2).
	heldPerAttempt = 8
	heldAttempts   = 64
	heldFor        = time.Second
	// helloAgainAfter is when a held data datagram makes the initiator repeat
	// its hello (SPEC 7.2).
	helloAgainAfter = 5 * time.Millisecond
	// defaultProbeAnswers is SPEC 10.6: "≤ 32 per /24 (/56) and minute".
	defaultProbeAnswers = 32
	// pendingProbes bounds the unanswered probes of a link.
	pendingProbes = 64
	// readErrors is how many reads may fail in a row before the socket gives
	// up.
	readErrors = 1000
)

// Config says who gets what a socket receives. The functions run on the
// goroutine that reads the socket (Event also on the one that watches paths):
// they must return at once and may call any method of Socket and Link but
// Socket.Close.
type Config struct {
	// Hello takes a hello that opened. False: not taken, dropped and counted.
	// Nil: all are dropped.
	Hello func(Hello) bool
	// Deliver takes STUN, relay control and LAN beacon datagrams. False: not
	// taken, dropped and counted. Nil: all are dropped.
	Deliver func(Control) bool
	// Event takes what happens to links. Nil: nobody is told.
	Event func(Event)
	// Random gives key indexes and probe ids. Nil: crypto/rand.
	Random io.Reader
	// ProbeAnswers bounds the answers to probes per minute toward one /24 or
	// /56 on which no link has its path; loopback is not counted. Zero: 32.
	ProbeAnswers int
}

// Control is a datagram that is not of a link: STUN, relay control, relay
// challenge or LAN beacon, as its first byte says.
type Control struct {
	From netip.AddrPort
	// Data is the whole datagram; it belongs to the receiver.
	Data []byte
}

func (c Config) random() io.Reader {
	if c.Random == nil {
		return rand.Reader
	}
	return c.Random
}

func (c Config) probeAnswers() int {
	if c.ProbeAnswers == 0 {
		return defaultProbeAnswers
	}
	return c.ProbeAnswers
}
