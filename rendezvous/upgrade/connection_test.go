package upgrade

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// TestProduct walks every state with every message. Every cell says which
// state follows and what is done, Save aside; an empty list is a decision too.
func TestProduct(t *testing.T) {
	states := []struct {
		name string
		make func(*testing.T) *node
	}{
		{"no channel", known},
		{"relay only", func(t *testing.T) *node { return relayed(t, true) }},
		{"relay only, responder", func(t *testing.T) *node { return relayed(t, false) }},
		{"upgrading", upgrading},
		{"direct", func(t *testing.T) *node { n := direct(t); n.finishAttempt(); return n }},
		{"degraded", degraded},
	}
	for _, message := range productMessages {
		for at, state := range states {
			t.Run(state.name+"/"+message.name, func(t *testing.T) {
				n := state.make(t)
				got := outline(n.step(message.event), n.c.State())
				if got != message.want[at] {
					t.Errorf("got  %q\nwant %q", got, message.want[at])
				}
			})
		}
	}
}

// TestProductCoversInbox fails when the inbox has a message that the product
// does not walk.
func TestProductCoversInbox(t *testing.T) {
	walked := map[reflect.Type]bool{}
	for _, m := range productMessages {
		walked[reflect.TypeOf(m.event)] = true
	}
	inbox := []messages.PeerConnectionMessage{
		messages.Tick{}, messages.PeerEndpoints{}, messages.LocalNetwork{}, messages.RelayReady{}, messages.RelayFailed{},
		messages.RelayLost{}, messages.PathUnanswered{}, messages.ChannelUp{}, messages.ChannelDown{}, messages.Coordination{}, messages.ProbeAnswered{},
		messages.ProbeReceived{}, messages.PathSilent{}, messages.PathHeard{}, messages.HoldRelay{},
	}
	for _, m := range inbox {
		if !walked[reflect.TypeOf(m)] {
			t.Errorf("%T is not in the product", m)
		}
	}
}

// outline is the state and the types of the effects: "direct: Promote Announce".
func outline(effects []Effect, state State) string {
	words := []string{state.String() + ":"}
	for _, e := range effects {
		if _, ok := e.(Save); !ok {
			words = append(words, strings.TrimPrefix(fmt.Sprintf("%T", e), "upgrade."))
		}
	}
	return strings.Join(words, " ")
}

type productRow struct {
	name  string
	event messages.PeerConnectionMessage
	// want is per state: no channel, relay only (initiator), relay only
	// (responder), upgrading, direct, degraded.
	want [6]string
}

var stranger = messages.ProbeReceived{From: peerAddr, Size: 64}

var productMessages = []productRow{
	{"tick", messages.Tick{}, [6]string{
		"relay only:", "relay only:", "relay only:", "upgrading:", "direct:", "degraded:"}},
	{"newer candidates of the peer", endpoints(2), [6]string{
		"relay only:", "relay only:", "relay only:", "relay only: BudgetReset", "direct: BudgetReset", "degraded: BudgetReset"}},
	{"equal candidates of the peer", endpoints(1), [6]string{
		"relay only:", "relay only:", "relay only:", "upgrading:", "direct:", "degraded:"}},
	{"newer network", network(2, 1), [6]string{
		"relay only:", "relay only:", "relay only:", "relay only: BudgetReset", "degraded: SendBoth BudgetReset", "degraded: BudgetReset"}},
	{"newer candidates of ours", network(1, 2), [6]string{
		"relay only:", "relay only:", "relay only:", "relay only: BudgetReset", "direct: BudgetReset", "degraded: BudgetReset"}},
	{"equal network", network(1, 1), [6]string{
		"relay only:", "relay only:", "relay only:", "upgrading:", "direct:", "degraded:"}},
	{"older network", network(0, 0), [6]string{
		"relay only:", "relay only:", "relay only:", "upgrading:", "direct:", "degraded:"}},
	{"relay ready", messages.RelayReady{Endpoint: slotOne, Path: otherRelay}, [6]string{
		"relay only: PathReady", "relay only:", "relay only:", "upgrading:", "direct:", "degraded:"}},
	{"relay failed", messages.RelayFailed{Endpoint: slotOne}, [6]string{
		"relay only: PathReady", "relay only:", "relay only:", "upgrading:", "direct:", "degraded:"}},
	{"relay lost", messages.RelayLost{Path: relayPath}, [6]string{
		"relay only:", "relay only: OpenRelay", "relay only: OpenRelay", "upgrading: OpenRelay", "direct: OpenRelay", "degraded: OpenRelay"}},
	{"a call over the relay unanswered", messages.PathUnanswered{Path: relayPath}, [6]string{
		"relay only:", "relay only:", "relay only:", "upgrading:", "direct: OpenRelay", "degraded: OpenRelay"}},
	{"channel up", messages.ChannelUp{Channel: channelTwo, Path: otherRelay}, [6]string{
		"relay only:", "relay only:", "relay only:", "relay only:", "relay only:", "relay only:"}},
	{"the same channel up", messages.ChannelUp{Channel: channelOne, Path: otherRelay}, [6]string{
		"relay only:", "relay only:", "relay only:", "upgrading:", "direct:", "degraded:"}},
	{"channel down", messages.ChannelDown{Channel: channelOne}, [6]string{
		"relay only:", "relay only: PathReady", "relay only: PathReady", "relay only: PathReady", "relay only: PathReady", "relay only: PathReady"}},
	{"ask", frame(messages.CoordinateAsk, 0), [6]string{
		"relay only:", "relay only:", "relay only:", "upgrading:", "direct:", "degraded:"}},
	{"offer", frame(messages.CoordinateOffer, 9), [6]string{
		"relay only:", "relay only:", "upgrading: Coordinate", "upgrading:", "direct:", "degraded:"}},
	{"echo", frame(messages.CoordinateEcho, 1), [6]string{
		"relay only:", "relay only:", "relay only:", "upgrading:", "direct:", "degraded:"}},
	{"fire", frame(messages.CoordinateFire, 1), [6]string{
		"relay only:", "relay only:", "relay only:", "upgrading:", "direct:", "degraded:"}},
	{"unknown answer", messages.ProbeAnswered{ID: 1, From: peerAddr, Size: DefaultFullSize}, [6]string{
		"relay only:", "relay only:", "relay only:", "upgrading:", "direct:", "degraded:"}},
	{"probe from a known address", stranger, [6]string{
		"relay only:", "relay only:", "relay only:", "upgrading:", "direct:", "degraded:"}},
	{"probe from a stranger", messages.ProbeReceived{From: otherPeerAddr, Size: 64}, [6]string{
		"relay only:", "relay only:", "relay only:", "upgrading: Probe", "direct:", "degraded:"}},
	{"direct silent", messages.PathSilent{Path: directPath, For: time.Second}, [6]string{
		"relay only:", "relay only:", "relay only:", "upgrading:", "degraded: SendBoth", "degraded:"}},
	{"relay silent", messages.PathSilent{Path: relayPath, For: time.Second}, [6]string{
		"relay only:", "relay only:", "relay only:", "upgrading:", "direct:", "degraded:"}},
	{"direct heard", messages.PathHeard{Path: directPath}, [6]string{
		"relay only:", "relay only:", "relay only:", "upgrading:", "direct: RepeatLast", "direct: RepeatLast SendBoth"}},
	{"relay heard", messages.PathHeard{Path: relayPath}, [6]string{
		"relay only:", "relay only: RepeatLast", "relay only: RepeatLast", "upgrading: RepeatLast", "direct:", "degraded:"}},
	{"other relay heard", messages.PathHeard{Path: otherRelay}, [6]string{
		"relay only:", "relay only:", "relay only:", "upgrading:", "direct:", "degraded:"}},
	{"hold", messages.HoldRelay{On: true}, [6]string{
		"relay only:", "relay only: Announce", "relay only: Announce", "relay only: Announce",
		"relay only: FailOver RepeatLast Announce", "relay only: FailOver RepeatLast Announce"}},
	{"release", messages.HoldRelay{On: false}, [6]string{
		"relay only:", "relay only:", "relay only:", "upgrading:", "direct:", "degraded:"}},
}

// SPEC 10.8: "Every change of path is an event with a reason".
func TestReasons(t *testing.T) {
	n := direct(t)
	want := "relay → direct (validated 203.0.113.9:51820, 18 ms)"
	if got := must[Announce](n, n.last).Change.String(); got != want {
		t.Errorf("promotion: %q, want %q", got, want)
	}
	n.finishAttempt()
	n.step(messages.PathSilent{Path: directPath, For: 170 * time.Millisecond})
	want = "direct → relay (no answer 320 ms)"
	if got := tickUntil[Announce](n).Change.String(); got != want {
		t.Errorf("failover: %q, want %q", got, want)
	}
	n = direct(t)
	want = "direct → relay (held on relay (debug))"
	if got := must[Announce](n, n.step(messages.HoldRelay{On: true})).Change.String(); got != want {
		t.Errorf("hold: %q, want %q", got, want)
	}
	if s := n.c.Status(); s.Reason != "held on relay (debug)" || s.Path != relayPath || !s.Held {
		t.Errorf("the status does not tell why: %+v", s)
	}
}

// A restarted actor takes up what the vault holds, and knows why it is so.
func TestRestartKeepsPathAndReason(t *testing.T) {
	n := degraded(t)
	n.build()
	n.step(messages.ChannelUp{Channel: channelOne, Initiator: true, Path: directPath, Relay: relayPath, RTT: 18 * time.Millisecond})
	if off := must[SendBoth](n, n.last); off.On {
		t.Error("a doubt that died with its actor must not send on both for ever")
	}
	n.step(endpoints(1))
	n.step(network(1, 1))
	s := n.c.Status()
	if s.State != Direct || s.Reason != "validated 203.0.113.9:51820, 18 ms" || s.Since.IsZero() {
		t.Errorf("after a restart: %+v", s)
	}
	if slices.ContainsFunc(n.all[len(n.all)-len(n.last):], func(e Effect) bool { _, ok := e.(OpenRelay); return ok }) {
		t.Error("the warm relay was not adopted")
	}
	// The doubt comes back by itself, and so does the failover.
	n.step(messages.PathSilent{Path: directPath, For: time.Second})
	if over := tickUntil[FailOver](n); over.To != relayPath {
		t.Errorf("failed over to %s", over.To)
	}
}

func TestHoldSurvivesRestart(t *testing.T) {
	n := relayed(t, true)
	n.step(messages.HoldRelay{On: true})
	n.build()
	n.step(messages.ChannelUp{Channel: channelOne, Initiator: true, Path: relayPath})
	n.step(endpoints(1))
	n.step(network(1, 1))
	if due := n.c.Deadline(); !due.IsZero() {
		t.Errorf("held, and yet something is due in %s", due.Sub(n.now))
	}
	n.step(messages.HoldRelay{On: false})
	tickUntil[Coordinate](n)
}
