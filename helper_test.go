package waymeet_test

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/waymeet/waymeet"
)

// patience bounds whatever a test waits for. Nothing is timed by it.
const patience = 30 * time.Second

// loopback is an address of this machine alone, with a port that is free.
var loopback = netip.MustParseAddrPort("127.0.0.1:0")

// patient is a context for one test.
func patient(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// startRelay runs a relay until the test ends. What config leaves open is
// filled in.
func startRelay(t *testing.T, config waymeet.RelayConfig) *waymeet.Relay {
	t.Helper()
	if config.StateDir == "" {
		config.StateDir = t.TempDir()
	}
	if !config.Listen.IsValid() {
		config.Listen = loopback
	}
	relay, err := waymeet.StartRelay(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, relay) })
	return relay
}

// startNode runs a node until the test ends. What config leaves open is filled
// in.
func startNode(t *testing.T, config waymeet.Config) *waymeet.Node {
	t.Helper()
	if config.StateDir == "" {
		config.StateDir = t.TempDir()
	}
	if !config.Listen.IsValid() {
		config.Listen = loopback
	}
	node, err := waymeet.Start(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, node) })
	return node
}

// stop stops a node or a relay. Doing so twice is safe.
func stop(t *testing.T, running interface{ Stop(context.Context) error }) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := running.Stop(ctx); err != nil {
		t.Errorf("stop: %v", err)
	}
}

// meeting is two nodes in one context: anna founded it, ben joined with a
// ticket.
type meeting struct {
	anna, ben *waymeet.Node
	ticket    string
	// here and there are the context as anna and as ben see it.
	here, there waymeet.Context
	// toBen is ben as anna sees him, toAnna the other way round.
	toBen, toAnna waymeet.Peer
}

// meet brings two nodes together.
func meet(t *testing.T, anna, ben *waymeet.Node) meeting {
	t.Helper()
	here, ticket := invite(t, anna)
	there, err := ben.Join(patient(t), ticket)
	if err != nil {
		t.Fatal(err)
	}
	return meeting{
		anna: anna, ben: ben, ticket: ticket, here: here, there: there,
		toBen: here.Peer(ben.Authority()), toAnna: there.Peer(anna.Authority()),
	}
}

// invite founds a context and makes a ticket into it.
func invite(t *testing.T, inviter *waymeet.Node) (founded waymeet.Context, ticket string) {
	t.Helper()
	founded, err := inviter.Found(patient(t))
	if err != nil {
		t.Fatal(err)
	}
	ticket, err = founded.Invite(patient(t), 0)
	if err != nil {
		t.Fatal(err)
	}
	return founded, ticket
}

// openStream opens a stream and gives both its ends.
func openStream(t *testing.T, from, to waymeet.Peer, protocol string) (opened, accepted *waymeet.Stream) {
	t.Helper()
	opened, err := from.OpenStream(patient(t), protocol)
	if err != nil {
		t.Fatal(err)
	}
	named, accepted, err := to.AcceptStream(patient(t))
	if err != nil || named != protocol {
		t.Fatalf("accepted %q: %v", named, err)
	}
	for _, stream := range []*waymeet.Stream{opened, accepted} {
		if err := stream.SetDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
	}
	return opened, accepted
}

// holdRelay keeps the channels of nodes on their relay, or lets them go, as the
// command line does.
func holdRelay(t *testing.T, on bool, stateDirs ...string) {
	t.Helper()
	for _, dir := range stateDirs {
		client, err := waymeet.Connect(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		if err := client.HoldRelay(patient(t), on); err != nil {
			t.Fatal(err)
		}
	}
}

// eventually waits until it is so.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// peerStatus is how a node stands with its one peer.
func peerStatus(t *testing.T, node *waymeet.Node) waymeet.PeerStatus {
	t.Helper()
	peers := node.Status().Peers
	if len(peers) != 1 {
		t.Fatalf("%d peers, not one: %+v", len(peers), peers)
	}
	return peers[0]
}

// contextStatus is how the one context of a node stands.
func contextStatus(t *testing.T, node *waymeet.Node) waymeet.ContextStatus {
	t.Helper()
	contexts := node.Status().Contexts
	if len(contexts) != 1 {
		t.Fatalf("%d contexts, not one: %+v", len(contexts), contexts)
	}
	return contexts[0]
}

// problem is the error that a person would read.
func problem(t *testing.T, err error) waymeet.Problem {
	t.Helper()
	var p waymeet.Problem
	if !errors.As(err, &p) {
		t.Fatalf("%v is no Problem", err)
	}
	return p
}
