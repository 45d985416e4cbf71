package actors

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waymeet/waymeet/actors/tree"
	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/transport/memory"
	"github.com/waymeet/waymeet/transport/mux"
	"github.com/waymeet/waymeet/transport/netwatch"
)

// dialler hears what becomes of dials.
type dialler struct {
	mu                  sync.Mutex
	ready, failed, lost int
}

func (d *dialler) count(what *int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	*what++
}

func (d *dialler) sessionReady(messages.LinkEndpoint, messages.Path) { d.count(&d.ready) }
func (d *dialler) sessionFailed(messages.LinkEndpoint, string)       { d.count(&d.failed) }
func (d *dialler) sessionLost(messages.Path, string)                 { d.count(&d.lost) }

func (d *dialler) heard() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return fmt.Sprintf("%d ready, %d failed, %d lost", d.ready, d.failed, d.lost)
}

// nobodySlot is a slot that nobody is told about.
type nobodySlot struct{}

func (nobodySlot) slotUp(messages.LinkEndpoint)           {}
func (nobodySlot) slotDown(messages.LinkEndpoint, string) {}

// relayKeyOf makes the n-th key.
func relayKeyOf(n int) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(append(make([]byte, 31), byte(n)))
}

// deadRelay is the n-th slot, at a relay that does not answer.
func deadRelay(n int) messages.LinkEndpoint {
	key := messages.PublicKey(relayKeyOf(n).Public().(ed25519.PublicKey))
	return messages.RelayURL{Key: key, Address: "10.0.9.8:7342"}.Endpoint(messages.SlotID{byte(n)})
}

// atRelay runs a test with one node and one relay, in virtual time.
func atRelay(t *testing.T, test func(t *testing.T, n *Node, relay messages.RelayURL)) {
	synctest.Test(t, func(t *testing.T) {
		network := memory.New(1, memory.Link{Delay: 10 * time.Millisecond})
		at := netip.MustParseAddrPort("10.0.9.9:7342")
		conn, err := network.Listen(at)
		if err != nil {
			t.Fatal(err)
		}
		relay, err := StartRelay(RelayConfig{Conn: conn, Key: relayKeyOf(0)})
		if err != nil {
			t.Fatal(err)
		}
		n, err := Start(Config{
			Dir: t.TempDir(), Listen: netip.MustParseAddrPort("10.0.0.1:4000"), Seed: 1,
			Open: func(listen netip.AddrPort, config mux.Config) (*mux.Socket, error) {
				conn, err := network.Listen(listen)
				if err != nil {
					return nil, err
				}
				return mux.New(conn, config), nil
			},
			Watch: func(ctx context.Context, _ func(netwatch.Change)) error {
				<-ctx.Done()
				return nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		test(t, n, messages.RelayURL{Key: messages.PublicKey(relayKeyOf(0).Public().(ed25519.PublicKey)), Address: at.String()})
		if err := n.Stop(context.Background()); err != nil {
			t.Error(err)
		}
		if err := relay.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// held are the dials of somebody in a scope.
func (n *Node) held(scope relayScope, told sessionWatcher) []heldDial {
	n.relays.mu.Lock()
	defer n.relays.mu.Unlock()
	return n.relays.dialled(scope, told)
}

// clients are the relay clients that run.
func clients(n *Node) (running int) {
	for _, actor := range n.tree().Inspect() {
		if strings.HasPrefix(actor.Path, tree.AtRelays+"/") {
			running++
		}
	}
	return running
}

func TestRelaysThatPeersNameAreBounded(t *testing.T) {
	atRelay(t, func(t *testing.T, n *Node, _ messages.RelayURL) {
		one := &dialler{}
		for i := range 100 {
			n.dialSlot(relayScope{1}, deadRelay(i), one)
		}
		if held := n.held(relayScope{1}, one); len(held) != maxDials {
			t.Errorf("one peer holds %d dials", len(held))
		}
		many := make([]dialler, 100)
		for i := range many {
			n.dialSlot(relayScope{1}, deadRelay(100+i), &many[i])
		}
		if used := len(n.relays.all()); used != maxRelays {
			t.Errorf("%d relays are used", used)
		}
		n.dialSlot(relayScope{2}, deadRelay(1), one)
		if used := len(n.relays.all()); used != maxRelays+1 {
			t.Errorf("%d relays are used: a scope takes from another", used)
		}
		time.Sleep(time.Minute)
		if used, running := len(n.relays.all()), clients(n); used+running != 0 || one.heard() != "0 ready, 101 failed, 0 lost" {
			t.Errorf("%d uses and %d clients are left, and %s", used, running, one.heard())
		}
	})
}

// A use that is ended and begun again at once gets an actor: the joiner does so
// at every try.
func TestRelayIsLeftAndUsedAgain(t *testing.T) {
	atRelay(t, func(t *testing.T, n *Node, _ messages.RelayURL) {
		told := &dialler{}
		for range 3 {
			n.dialSlot(relayScope{1}, deadRelay(1), told)
			synctest.Wait()
			n.leaveRelays(relayScope{1})
		}
		n.dialSlot(relayScope{1}, deadRelay(1), told)
		time.Sleep(10 * time.Second)
		if held := n.held(relayScope{1}, told); len(held) != 0 || told.heard() != "0 ready, 4 failed, 0 lost" {
			t.Errorf("the last dial is without an answer: %s", told.heard())
		}
	})
}

// The client of a relay is done only when no session is left: so one that was
// dialled again, or dropped, must be ended.
func TestDialsEndTheirSessions(t *testing.T) {
	atRelay(t, func(t *testing.T, n *Node, relay messages.RelayURL) {
		slot := relayKeyOf(7)
		if err := n.registerSlot(relayKey{relay, relayScope{9}}, slot, nobodySlot{}); err != nil {
			t.Fatal(err)
		}
		endpoint := relay.Endpoint(messages.SlotOf(messages.PublicKey(slot.Public().(ed25519.PublicKey))))
		pair := Pair{Context: messages.ContextID{1}, Peer: messages.AuthorityID{2}}
		told := pairSessions{n, pair}
		for range 3 {
			time.Sleep(time.Second)
			n.dialSlot(relayScope(pair.Context), endpoint, told)
		}
		time.Sleep(5 * time.Minute)
		held := n.held(relayScope(pair.Context), told)
		if len(held) != 1 || !held[0].ready {
			t.Fatalf("%+v", held)
		}
		n.reach.Save(pair, 1, held[0].path())
		n.endOldDials(pair, nil)
		n.reach.Delete(pair)
		n.endOldDials(pair, []messages.LinkEndpoint{endpoint})
		if held := n.held(relayScope(pair.Context), told); len(held) != 1 {
			t.Error("a session that runs, or is named, was dropped")
		}
		n.endOldDials(pair, nil)
		if held := n.held(relayScope(pair.Context), told); len(held) != 0 {
			t.Error("a session that is named no longer was kept")
		}
		n.dialSlot(relayScope(pair.Context), endpoint, told)
		time.Sleep(time.Second)
		n.stopPair(pair)
		time.Sleep(time.Minute)
		if used := n.relays.all(); len(used) != 1 || used[0].key.scope != (relayScope{9}) || clients(n) != 1 {
			t.Errorf("%d uses and %d clients are left", len(used), clients(n))
		}
	})
}
