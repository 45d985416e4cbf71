package relay

import (
	"time"

	"github.com/waymeet/waymeet/messages"
)

// sweepEvery is how often used sessions are reported and old handshakes
// forgotten.
const sweepEvery = 5 * time.Second

// controlLoop does what costs a Diffie-Hellman or a decision, apart from the
// reader.
func (s *Server) controlLoop() {
	defer s.running.Done()
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		select {
		case <-s.stop:
			return
		case r := <-s.control:
			s.takeControl(time.Now(), r)
		case now := <-ticker.C:
			s.clients.sweep(now)
			if used := s.routes.takeUsed(); len(used) > 0 {
				s.deliver(messages.RelaySessionsUsed{Sessions: used})
			}
		}
	}
}

func (s *Server) takeControl(now time.Time, r received) {
	if kindOf(r.data) == kindHello {
		if welcome := s.clients.welcome(now, r.from, r.data); welcome != nil {
			s.queues.pushCopy(s.queues.unproved, endpointOf(r.from), welcome)
		}
		return
	}
	if c, control := s.clients.open(now, r.from, r.data); c != nil {
		s.deliver(messages.RelayRequest{Client: c.index, From: r.from, Handshake: c.hash, Control: control})
	}
}

func (s *Server) deliver(m messages.RelayForwarderMessage) {
	if !s.config.Deliver(m) {
		s.undelivered.Add(1)
	}
}
