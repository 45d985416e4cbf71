package actors

import (
	"context"
	"crypto/ed25519"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waymeet/waymeet/actors/tree"
	"github.com/waymeet/waymeet/messages"
)

// newRelay runs a relay on loopback.
func newRelay(t *testing.T) (*Relay, messages.RelayURL) {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	relay, err := StartRelay(RelayConfig{Conn: conn, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = relay.Stop(context.Background()) })
	url := messages.RelayURL{Key: messages.PublicKey(key.Public().(ed25519.PublicKey)), Address: conn.LocalAddr().String()}
	return relay, url
}

func newNode(t *testing.T, dir string, relays ...messages.RelayURL) *Node {
	t.Helper()
	n, err := Start(Config{Dir: dir, Listen: netip.MustParseAddrPort("127.0.0.1:0"), Relays: relays, Debug: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stopNode(t, n) })
	return n
}

func stopNode(t *testing.T, n *Node) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := n.Stop(ctx); err != nil {
		t.Error(err)
	}
}

// eventually waits, within bounds, for what another goroutine makes true.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for range 6000 {
		if holds() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("not within a minute: %s", what)
}

func registered(n *Node) bool {
	return slices.ContainsFunc(n.Status().Relays, func(use messages.RelayUse) bool { return use.State == "registered" })
}

func TestRestartedFounderRegistersAtItsRelays(t *testing.T) {
	relay, url := newRelay(t)
	dir := t.TempDir()
	n := newNode(t, dir, url)
	if _, err := n.Found(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "registered", func() bool { return registered(n) })
	stopNode(t, n)
	eventually(t, "the relay forgot the node", func() bool { return relay.Status().Slots == 0 })
	again := newNode(t, dir, url)
	eventually(t, "registered again", func() bool { return registered(again) && relay.Status().Slots == 1 })

	again.Kill("/network/relays")
	eventually(t, "the relays' clients run again", func() bool {
		return slices.ContainsFunc(again.Status().Actors, func(a messages.ActorStatus) bool {
			return strings.HasPrefix(a.Path, tree.AtRelays+"/") && a.Incarnation != 0
		})
	})
}

// What a sync session holds goes with it, whichever side ended it.
func TestSyncSessionsLeaveNothing(t *testing.T) {
	_, url := newRelay(t)
	inviter, joiner := newNode(t, t.TempDir(), url), newNode(t, t.TempDir(), url)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cx, err := inviter.Found(ctx)
	if err != nil {
		t.Fatal(err)
	}
	ticket, err := inviter.Invite(ctx, cx, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := joiner.Join(ctx, ticket); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if _, err := inviter.Append(ctx, cx, messages.ApplicationFact{Type: messages.FactApplication, Body: []byte("said")}); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range []*Node{inviter, joiner} {
		eventually(t, "no session left", func() bool {
			n.sessions.mu.Lock()
			defer n.sessions.mu.Unlock()
			return len(n.sessions.open) == 0
		})
	}
}

// A ticket that was asked for is made, whoever dies meanwhile.
func TestInviteOutlivesTheInviter(t *testing.T) {
	_, url := newRelay(t)
	n := newNode(t, t.TempDir(), url)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cx, err := n.Found(ctx)
	if err != nil {
		t.Fatal(err)
	}
	n.KillNext(tree.AtInviter, 1) // after the first effect: the ticket is half made
	if _, err := n.Invite(ctx, cx, 0); err != nil {
		t.Fatal(err)
	}
	for _, actor := range n.Status().Actors {
		if actor.Path == tree.AtInviter && actor.Restarts != 1 {
			t.Errorf("the inviter was restarted %d times, want once: it was not killed meanwhile", actor.Restarts)
		}
	}
}

// Who is not there yet is held on the relay too.
func TestHoldRelayHoldsWhoComesLater(t *testing.T) {
	_, url := newRelay(t)
	inviter, joiner := newNode(t, t.TempDir(), url), newNode(t, t.TempDir(), url)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	inviter.HoldRelay(true)
	joiner.HoldRelay(true)
	cx, err := inviter.Found(ctx)
	if err != nil {
		t.Fatal(err)
	}
	ticket, err := inviter.Invite(ctx, cx, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := joiner.Join(ctx, ticket); err != nil {
		t.Fatal(err)
	}
	held := func(n *Node) bool {
		pairs := n.pairs()
		if len(pairs) != 1 {
			return false
		}
		saved, _ := n.savedConnections.Load(pairs[0])
		return saved.Held
	}
	for _, n := range []*Node{inviter, joiner} {
		eventually(t, "held", func() bool { return held(n) })
		n.HoldRelay(false)
		n.Kill(tree.AtPairs + "/*")
		eventually(t, "let go", func() bool { return !held(n) })
	}
}
