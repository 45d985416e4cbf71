package upgrade

import (
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// start is when every test begins.
var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

var (
	relayAddr  = netip.MustParseAddrPort("198.51.100.1:7342")
	relayPath  = messages.Path{Kind: messages.PathRelay, Addr: relayAddr, Session: messages.HopSession{1}}
	otherRelay = messages.Path{Kind: messages.PathRelay, Addr: relayAddr, Session: messages.HopSession{2}}
	peerAddr   = netip.MustParseAddrPort("203.0.113.9:51820")
	directPath = messages.Path{Kind: messages.PathDirect, Addr: peerAddr}
	channelOne = messages.ChannelID{1}
	channelTwo = messages.ChannelID{2}

	slotOne  = messages.LinkEndpoint{Protocol: messages.LinkRelayUDP, Address: relayAddr.String(), RelayKey: messages.PublicKey{7}, Slot: messages.SlotID{1}}
	slotTwo  = messages.LinkEndpoint{Protocol: messages.LinkRelayUDP, Address: "198.51.100.2:7342", RelayKey: messages.PublicKey{8}, Slot: messages.SlotID{2}}
	peerHost = messages.LinkEndpoint{Protocol: messages.LinkQUICReflexive, Address: peerAddr.String()}

	ethernet = messages.Binding{Interface: "eth0", Prefix: netip.MustParsePrefix("192.168.1.7/24"), Default: true}
)

func endpoints(generation messages.CandidateGeneration) messages.PeerEndpoints {
	return messages.PeerEndpoints{Candidates: generation, Endpoints: []messages.LinkEndpoint{slotOne, peerHost}}
}

func network(generation messages.NetworkGeneration, candidates messages.CandidateGeneration) messages.LocalNetwork {
	return messages.LocalNetwork{
		Network: generation, Candidates: candidates, Bindings: []messages.Binding{ethernet},
		Socket: netip.MustParseAddrPort("0.0.0.0:4000"),
	}
}

// node is a Connection with what its shell would do: keep the last Save, keep
// the clock.
type node struct {
	t     *testing.T
	now   time.Time
	c     *Connection
	saved Saved
	seed  uint64
	// last are the effects of the last step, all those of all steps.
	last, all []Effect
}

func newNode(t *testing.T) *node {
	n := &node{t: t, now: start, seed: 1}
	n.build()
	return n
}

// build makes the machine out of what was saved, as a restarted actor does.
func (n *node) build() {
	n.seed++
	n.c = New(Config{Jitter: rand.New(rand.NewPCG(n.seed, 2))}, n.saved, n.now)
}

func (n *node) step(event messages.PeerConnectionMessage) []Effect {
	n.last = n.c.Step(n.now, event)
	n.all = append(n.all, n.last...)
	for at, effect := range n.last {
		if probe, ok := effect.(Probe); ok && probe.ID>>63 != 0 {
			n.t.Fatalf("probe id %d is the transport's own", probe.ID)
		}
		if save, ok := effect.(Save); ok {
			if at != 0 {
				n.t.Fatalf("Save is effect %d; it must be performed first", at)
			}
			n.saved = save.Saved
		}
	}
	// What is saved is all that the next incarnation would know.
	if !reflect.DeepEqual(n.saved, n.c.saved) {
		n.t.Fatalf("after %T saved is %+v, and the machine has %+v", event, n.saved, n.c.saved)
	}
	if due := n.c.Deadline(); !due.IsZero() && !due.After(n.now) {
		n.t.Fatalf("after %T the deadline %s is not after now: the machine would spin", event, due.Sub(n.now))
	}
	return n.last
}

// tick goes to the deadline and steps.
func (n *node) tick() []Effect {
	due := n.c.Deadline()
	if due.IsZero() {
		n.t.Fatalf("no deadline in state %s", n.c.State())
	}
	n.now = due
	return n.step(messages.Tick{})
}

// tickUntil ticks until an effect of that type comes.
func tickUntil[E Effect](n *node) E {
	for range 100 {
		if found, ok := find[E](n.tick()); ok {
			return found
		}
	}
	n.t.Fatal("the effect did not come in 100 ticks")
	panic("unreachable")
}

func find[E Effect](effects []Effect) (E, bool) {
	for _, effect := range effects {
		if e, ok := effect.(E); ok {
			return e, true
		}
	}
	var none E
	return none, false
}

func count[E Effect](effects []Effect) int {
	return len(slices.DeleteFunc(slices.Clone(effects), func(e Effect) bool { _, ok := e.(E); return !ok }))
}

func must[E Effect](n *node, effects []Effect) E {
	n.t.Helper()
	found, ok := find[E](effects)
	if !ok {
		n.t.Fatalf("no %T in %#v", found, effects)
	}
	return found
}

// known has told the machine of both ends' candidates.
func known(t *testing.T) *node {
	n := newNode(t)
	n.step(endpoints(1))
	n.step(network(1, 1))
	return n
}

// relayed has a channel on the relay.
func relayed(t *testing.T, initiator bool) *node {
	n := known(t)
	n.step(messages.RelayReady{Endpoint: slotOne, Path: relayPath})
	n.step(messages.ChannelUp{Channel: channelOne, Initiator: initiator, Path: relayPath, RTT: 20 * time.Millisecond})
	return n
}

const relayRTT = 40 * time.Millisecond

// upgrading has an attempt that has probed; the initiator's.
func upgrading(t *testing.T) *node {
	n := relayed(t, true)
	tickUntil[Coordinate](n)
	n.now = n.now.Add(relayRTT)
	n.step(frame(messages.CoordinateEcho, 1))
	tickUntil[Probe](n)
	return n
}

// direct has been promoted.
func direct(t *testing.T) *node {
	n := upgrading(t)
	small := must[Probe](n, n.last)
	n.now = n.now.Add(10 * time.Millisecond)
	full := must[Probe](n, n.step(answer(small)))
	must[Promote](n, n.step(answer(full)))
	return n
}

// degraded has a direct path in doubt.
func degraded(t *testing.T) *node {
	n := direct(t)
	n.finishAttempt()
	must[SendBoth](n, n.step(messages.PathSilent{Path: directPath, For: time.Second}))
	return n
}

// finishAttempt lets the attempt that runs come to its end.
func (n *node) finishAttempt() {
	n.t.Helper()
	for range 100 {
		if n.c.attempt == nil {
			return
		}
		n.tick()
	}
	n.t.Fatal("the attempt never ends")
}

func frame(kind messages.CoordinationKind, number messages.AttemptNumber) messages.Coordination {
	return messages.Coordination{Kind: kind, Attempt: number, Sender: 1, Receiver: 1}
}

func answer(p Probe) messages.ProbeAnswered {
	return messages.ProbeAnswered{ID: p.ID, From: p.To, Size: p.Size, RTT: 18 * time.Millisecond}
}

// otherPeerAddr is an address of the peer that no descriptor names.
var otherPeerAddr = netip.MustParseAddrPort("203.0.113.77:1024")
