package mux

import (
	"sync/atomic"
	"time"
)

// Stats counts what happened at a socket since it was opened.
type Stats struct {
	// Datagrams and bytes of UDP payload.
	DatagramsIn, DatagramsOut uint64
	BytesIn, BytesOut         uint64
	// SendErrors counts writes that the system refused; to the protocols above
	// they are lost datagrams.
	SendErrors uint64
	// Dropped, by reason.
	DroppedUnknown     uint64 // a first byte or length that is none of ours
	DroppedIndex       uint64 // data for a key index that nobody holds
	DroppedUnopened    uint64 // does not open: forged, damaged, or an old key
	DroppedReplayed    uint64 // a counter that was seen or is too old
	DroppedHello       uint64 // a hello that no key opens, or nobody took
	DroppedEarly       uint64 // early data after the initiator's first data
	DroppedHeld        uint64 // held too long, or no room to hold it
	DroppedUndelivered uint64 // Deliver refused it
	DroppedFrame       uint64 // a frame of the mux that makes no sense here
	// HelloChecks counts AEAD checks spent on hellos.
	HelloChecks uint64
	// ProbesUnanswered counts probes above the limit of answers.
	ProbesUnanswered uint64
	// Links is how many are open now.
	Links int
}

// counters is Stats while it counts.
type counters struct {
	datagramsIn, datagramsOut, bytesIn, bytesOut, sendErrors            atomic.Uint64
	unknown, index, unopened, replayed, hello, early, held, undelivered atomic.Uint64
	frame, helloChecks, probesUnanswered                                atomic.Uint64
}

func (c *counters) snapshot() Stats {
	return Stats{
		DatagramsIn:        c.datagramsIn.Load(),
		DatagramsOut:       c.datagramsOut.Load(),
		BytesIn:            c.bytesIn.Load(),
		BytesOut:           c.bytesOut.Load(),
		SendErrors:         c.sendErrors.Load(),
		DroppedUnknown:     c.unknown.Load(),
		DroppedIndex:       c.index.Load(),
		DroppedUnopened:    c.unopened.Load(),
		DroppedReplayed:    c.replayed.Load(),
		DroppedHello:       c.hello.Load(),
		DroppedEarly:       c.early.Load(),
		DroppedHeld:        c.held.Load(),
		DroppedUndelivered: c.undelivered.Load(),
		DroppedFrame:       c.frame.Load(),
		HelloChecks:        c.helloChecks.Load(),
		ProbesUnanswered:   c.probesUnanswered.Load(),
	}
}

// LinkStats counts what a link carried: QUIC packets and frames of the mux,
// without envelope.
type LinkStats struct {
	BytesSent, BytesReceived         uint64
	DatagramsSent, DatagramsReceived uint64
	// LastReceive is when the last valid datagram came; zero: never.
	LastReceive time.Time
	// RTT is the smoothed round trip on the current path; zero: not known.
	RTT time.Duration
}
