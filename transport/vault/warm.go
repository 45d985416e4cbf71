package vault

import (
	"time"

	"github.com/waymeet/waymeet/transport/mux"
)

// warmEvery is how often something goes over a relay path that stands behind a
// direct one: a relay lets go of a session after two minutes without traffic
// (SPEC 10.1: the relay "stays registered and warm").
const warmEvery = 45 * time.Second

// warmIDs bounds the ids of those probes; what is told of them means nothing to
// the machines, whose ids are random.
const warmIDs = 1 << 16

// keepWarm sends a small probe over every relay path that is not in use.
func (v *Lines) keepWarm() {
	ticker := time.NewTicker(warmEvery)
	defer ticker.Stop()
	for id := mux.ProbeID(0); ; {
		select {
		case <-v.ctx.Done():
			return
		case <-ticker.C:
		}
		for _, l := range v.Channels() {
			if relay := l.Relay(); !relay.IsZero() && relay != l.Path() {
				id = (id + 1) % warmIDs
				_ = l.link.Probe(id, relay, 0) // loss: the next one goes in a while
			}
		}
	}
}
