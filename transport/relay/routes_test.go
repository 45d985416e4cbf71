package relay

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/transport/stun"
)

var (
	diallers = messages.HopSession{1, 1, 1, 1}
	owners   = messages.HopSession{2, 2, 2, 2}
	route    = messages.RelayRoute{
		Dialler: messages.RelayRouteEnd{Client: 1, Session: diallers},
		Owner:   messages.RelayRouteEnd{Client: 2, Session: owners},
		Slot:    messages.SlotID{7},
	}
)

// forwarding is a server without a socket, with the dialler here and the owner
// there.
func forwarding() *Server {
	s := &Server{clients: newClientTable(relayKey), queues: newQueues(), stun: stun.NewResponder()}
	for index, at := range []*endpoint{endpointOf(here), endpointOf(there), endpointOf(there)} {
		c := &serverClient{index: messages.RelayClientIndex(index + 1), queue: &queue{}}
		c.address.Store(at)
		s.clients.byIndex[c.index] = c
	}
	return s
}

// hop forwards one datagram and says what came out: "ADDRESS SESSION INNER".
func (s *Server) hop(from *endpoint, session messages.HopSession, inner string) string {
	s.forward(noon, from.addr, messages.AppendHop(nil, session, []byte(inner)), 5+len(inner))
	out := s.queues.takeNow(nil, 1)
	if len(out) == 0 {
		return ""
	}
	to, body, _ := messages.ParseHop(out[0].data())
	return fmt.Sprintf("%v %x %s", out[0].to.addr, to, body)
}

// docs/wire.md: "Relay control": "valid only from the address of the client it
// was given to". And docs/wire.md: "Relay control": "Nothing flows to the
// dialler before its first hop datagram."
func TestForwardObeysTheRoute(t *testing.T) {
	s := forwarding()
	s.SetRoute(route)
	dialler, owner, stranger := endpointOf(here), endpointOf(there), endpointOf(noPlace)
	for i, step := range []struct {
		from    *endpoint
		session messages.HopSession
		want    string
	}{
		{owner, owners, ""},                               // the dialler has not spoken
		{stranger, diallers, ""},                          // not its address, and opens nothing
		{owner, diallers, ""},                             // nor the other client's
		{owner, owners, ""},                               // still closed
		{dialler, diallers, "192.0.2.2:2000 02020202 hi"}, // opens
		{owner, owners, "192.0.2.1:1000 01010101 hi"},     // open
		{stranger, owners, ""},                            // not its address
		{dialler, messages.HopSession{9, 9, 9, 9}, ""},    // no route
		{dialler, messages.HopSession{1, 1, 1, 2}, ""},    // no route, same shard
	} {
		if got := s.hop(step.from, step.session, "hi"); got != step.want {
			t.Errorf("step %d: %q, want %q", i, got, step.want)
		}
	}
	if got := s.Counters(); got.ForwardedDatagrams != 2 || got.ForwardedBytes != 14 || got.Dropped != 7 || got.Sessions != 1 {
		t.Errorf("counters %+v", got)
	}
	s.DropRoute(diallers)
	if got := s.hop(dialler, diallers, "hi") + s.hop(owner, owners, "hi"); got != "" || s.Counters().Sessions != 0 {
		t.Errorf("a dropped route carries %q", got)
	}
}

func TestSetRouteMovesAnEndAndStaysOpen(t *testing.T) {
	s := forwarding()
	s.SetRoute(route)
	s.hop(endpointOf(here), diallers, "opens")
	moved := route
	moved.Owner.Client = 3
	s.clients.byIndex[3].address.Store(endpointOf(noPlace))
	s.SetRoute(moved)
	if got := s.hop(endpointOf(there), owners, "old"); got != "" {
		t.Errorf("the old owner still speaks: %q", got)
	}
	if got := s.hop(endpointOf(noPlace), owners, "new"); !strings.HasSuffix(got, "new") {
		t.Error("the route closed when it moved")
	}
	if s.routes.count() != 1 {
		t.Errorf("%d routes", s.routes.count())
	}
}

func TestSetRouteToAClientThatIsGoneSetsNothing(t *testing.T) {
	s := forwarding()
	s.SetRoute(route)
	s.DropClient(2)
	s.SetRoute(route)
	if got := s.hop(endpointOf(here), diallers, "x"); got != "" || s.routes.count() != 0 {
		t.Errorf("got %q", got)
	}
}

func TestUsedSessionsAreReportedOnce(t *testing.T) {
	s := forwarding()
	s.SetRoute(route)
	s.hop(endpointOf(here), diallers, "x")
	s.hop(endpointOf(here), diallers, "x")
	if got := s.routes.takeUsed(); !slices.Equal(got, []messages.HopSession{diallers}) {
		t.Errorf("used %x", got)
	}
	if got := s.routes.takeUsed(); len(got) != 0 {
		t.Errorf("used again %x", got)
	}
}

// SPEC 11.4: "per slot … token buckets": all sessions of a slot share one.
func TestSessionsOfASlotShareItsRate(t *testing.T) {
	s := forwarding()
	limited := route
	limited.Rate = messages.RelayRate{BytesPerSecond: 1}
	s.SetRoute(limited)
	second := limited
	second.Dialler.Session, second.Owner.Session = messages.HopSession{3}, messages.HopSession{4}
	s.SetRoute(second)
	big := string(bytes.Repeat([]byte{1}, 40_000))
	if s.hop(endpointOf(here), diallers, big) == "" {
		t.Fatal("the first burst was refused")
	}
	if s.hop(endpointOf(here), messages.HopSession{3}, big) != "" {
		t.Error("the second session has a bucket of its own")
	}
	s.DropRoute(diallers)
	s.DropRoute(messages.HopSession{3})
	if len(s.routes.meters) != 0 {
		t.Error("a bucket outlived its sessions")
	}
}

// SPEC 11.4: "global token buckets".
func TestAllTrafficSharesTheGlobalRate(t *testing.T) {
	s := forwarding()
	s.rate = newMeter(messages.RelayRate{DatagramsPerSecond: 1})
	s.SetRoute(route)
	passed := 0
	for range 100 {
		if s.hop(endpointOf(here), diallers, "x") != "" {
			passed++
		}
	}
	if passed != 64 {
		t.Errorf("%d of 100 passed a bucket of 64", passed)
	}
}

// One read may bring datagrams of several sessions, and of other kinds.
func TestTakeSortsWhatOneReadBrings(t *testing.T) {
	s := forwarding()
	s.SetRoute(route)
	var data []byte
	for _, session := range []messages.HopSession{diallers, diallers, {9}, diallers} {
		data = messages.AppendHop(data, session, []byte("abc"))
	}
	s.take(noon, received{data: append(data, 8, 1, 1), segment: 8, from: here})
	var got []string
	for _, b := range s.queues.takeNow(nil, 10) {
		got = append(got, string(b.data()))
	}
	one := "\x08\x02\x02\x02\x02abc"
	if !slices.Equal(got, []string{one + one, one}) {
		t.Errorf("forwarded %q", got)
	}
	if s.Counters().Dropped != 2 {
		t.Errorf("dropped %d, want the unknown session and the stump", s.Counters().Dropped)
	}
}

// Whatever comes, nothing panics, and only known sessions are forwarded.
func FuzzServerTake(f *testing.F) {
	f.Add(messages.AppendHop(nil, diallers, []byte("hello")), 10)
	f.Add(messages.AppendHop(messages.AppendHop(nil, diallers, []byte("abc")), owners, []byte("abc")), 8)
	f.Add(newControl(f).Start(), HelloSize)
	_, request := stun.NewRequest()
	f.Add(request, len(request))
	f.Add([]byte{0x0a, 3, 0, 0, 0, 1}, 6)
	f.Fuzz(func(t *testing.T, data []byte, segment int) {
		if segment < 1 || len(data) == 0 || len(data) > maxRead {
			return
		}
		s := forwarding()
		s.SetRoute(route)
		s.control = make(chan received, 8)
		s.take(noon, received{data: bytes.Clone(data), segment: segment, from: here})
		for _, b := range s.queues.takeNow(nil, 1000) {
			if stun.Is(b.data()) {
				continue
			}
			if to, _, ok := messages.ParseHop(b.data()); !ok || to != owners || b.to.addr != there {
				t.Fatalf("%x came out as %x", data, b.data())
			}
		}
	})
}
