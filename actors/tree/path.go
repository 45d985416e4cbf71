package tree

import (
	"fmt"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/channel"
)

// Where the actors stand. References go by path, so they survive every restart.
const (
	AtContexts   = "/contexts"
	AtRelays     = "/network/relays"
	AtNetwork    = "/network/generations"
	AtPairs      = "/channels/pairs"
	AtHandshakes = "/channels/handshakes"
	AtManager    = "/channels/manager"
	AtInviter    = "/bootstrap/inviter"
	AtJoins      = "/bootstrap/joins"
	AtHost       = "/host"
)

// AtContext is where the subtree of a context stands.
func AtContext(cx messages.ContextID) string { return AtContexts + "/" + cx.String() }

// AtStore is where a context's only writer stands.
func AtStore(cx messages.ContextID) string { return AtContext(cx) + "/store" }

// AtSync is where a context's JournalSyncActor stands.
func AtSync(cx messages.ContextID) string { return AtContext(cx) + "/sync" }

// AtPublisher is where a context's publisher stands.
func AtPublisher(cx messages.ContextID) string { return AtContext(cx) + "/publisher" }

// AtPair is where the PeerConnectionActor of a pair stands.
func AtPair(p channel.Pair) string { return AtPairs + "/" + pairName(p) }

// AtHandshake is where the HandshakerActor of an attempt stands: two attempts
// never share a place.
func AtHandshake(a messages.AttemptID) string { return AtHandshakes + "/" + handshakeName(a) }

// AtRelay is where the client of one use of a relay stands.
func AtRelay(name string) string { return AtRelays + "/" + name }

// AtJoin is where a join stands.
func AtJoin(name string) string { return AtJoins + "/" + name }

// AtHostActor is where an actor of the host program stands.
func AtHostActor(name string) string { return AtHost + "/" + name }

func pairName(p channel.Pair) string { return p.Context.String() + "." + p.Peer.String() }

func handshakeName(a messages.AttemptID) string {
	if a.Inbound() {
		return fmt.Sprintf("from-%x-%d-%d-%x", a.Peer[:8], a.Boot, a.N, a.Hello[:8])
	}
	return fmt.Sprintf("to-%x-%x-%d-%d", a.Context[:8], a.Peer[:8], a.Boot, a.N)
}
