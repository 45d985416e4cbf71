package actors_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waymeet/waymeet/actors"
	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/supervision"
	"github.com/waymeet/waymeet/transport/memory"
)

// lockedBuffer is what the loggers of several nodes write to.
type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

// settle is how much virtual time the nodes get to come to rest.
const settle = 30 * time.Second

// world is a network in memory with a relay and nodes on it, in virtual time.
type world struct {
	t       *testing.T
	network *memory.Network
	relay   *actors.Relay
	url     messages.RelayURL
	nodes   []*actors.Node
	// log is what the nodes logged, for a run that fails; killed says where an
	// actor was killed.
	log    lockedBuffer
	killed func() string
}

// relayAddr is where the relay of every world is, and relaySeed makes its key.
var (
	relayAddr = netip.MustParseAddrPort("10.0.9.9:7342")
	relaySeed = [32]byte{1, 2, 3}
)

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, network: memory.New(1, memory.Link{Delay: 10 * time.Millisecond})}
	conn, err := w.network.Listen(relayAddr)
	if err != nil {
		t.Fatal(err)
	}
	key := ed25519.NewKeyFromSeed(relaySeed[:])
	if w.relay, err = actors.StartRelay(actors.RelayConfig{Conn: conn, Key: key}); err != nil {
		t.Fatal(err)
	}
	w.url = messages.RelayURL{Key: messages.PublicKey(key.Public().(ed25519.PublicKey)), Address: relayAddr.String()}
	return w
}

// start runs one more node on its state directory.
func (w *world) start(dir string, kill func(supervision.Point) bool) *actors.Node {
	w.t.Helper()
	w.nodes = append(w.nodes, w.startAt(len(w.nodes), dir, kill))
	return w.nodes[len(w.nodes)-1]
}

func (w *world) stop() {
	w.t.Helper()
	if w.t.Failed() && w.killed != nil {
		w.t.Logf("killed: %s\n%s", w.killed(), &w.log)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, node := range w.nodes {
		if err := node.Stop(ctx); err != nil {
			w.t.Error(err)
		}
	}
	if err := w.relay.Stop(ctx); err != nil {
		w.t.Error(err)
	}
	time.Sleep(time.Minute) // what lingers ends
}

// joined makes the state directories of two members of one context.
func joined(t *testing.T) (a, b string) {
	a, b = t.TempDir(), t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		w.invite(w.start(a, nil), w.start(b, nil))
	})
	return a, b
}

func TestTwoNodesMeetInVirtualTime(t *testing.T) {
	a, b := joined(t)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		time.Sleep(2 * time.Minute)
		w.start(a, nil)
		w.start(b, nil)
		time.Sleep(settle)
		w.checkMet()
	})
}

// checkMet checks that the two nodes have one channel that works.
func (w *world) checkMet() {
	w.t.Helper()
	a, b := w.nodes[0].Status(), w.nodes[1].Status()
	if len(a.Peers) != 1 || len(b.Peers) != 1 || a.Peers[0].Channel.IsZero() || a.Peers[0].Channel != b.Peers[0].Channel {
		w.t.Errorf("no common channel:\n%+v\n%+v", a.Peers, b.Peers)
		return
	}
	if a.Contexts[0].Fingerprint != b.Contexts[0].Fingerprint {
		w.t.Errorf("journals differ: %+v %+v", a.Contexts, b.Contexts)
	}
	for _, status := range []messages.Status{a, b} {
		peer := status.Peers[0]
		if peer.Attempts.Used > peer.Attempts.Max {
			w.t.Errorf("attempts %v: more than the budget", peer.Attempts)
		}
		if peer.Path.Kind != messages.PathDirect {
			w.t.Errorf("still on %v, the upgrade did not end: %+v", peer.Path.Kind, peer)
		}
	}
	w.exchange([]byte(strings.Repeat("said over the channel ", 1000)))
}

// exchange sends bytes from the first node to the second and back.
func (w *world) exchange(said []byte) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	a, b := w.nodes[0], w.nodes[1]
	cx := a.Contexts()[0]
	var echo sync.WaitGroup
	echo.Go(func() {
		accepted, err := b.AcceptStream(ctx, actors.Pair{Context: cx, Peer: a.Authority()})
		if err != nil {
			w.t.Error(err)
			return
		}
		if _, err := io.Copy(accepted.Stream, accepted.Stream); err != nil {
			w.t.Error(err)
		}
		accepted.Stream.Close()
	})
	stream, err := a.OpenStream(ctx, actors.Pair{Context: cx, Peer: b.Authority()}, "echo/1")
	if err != nil {
		w.t.Fatal(err)
	}
	go func() {
		_, _ = stream.Write(said)
		_ = stream.CloseWrite()
	}()
	heard, err := io.ReadAll(stream)
	if err != nil || !bytes.Equal(heard, said) {
		w.t.Errorf("heard %d bytes of %d: %v", len(heard), len(said), err)
	}
	stream.Close()
	echo.Wait()
}

func copyDir(t *testing.T, from string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "state")
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(to, "identity.key"), 0o600); err != nil {
		t.Fatal(err)
	}
	return to
}

// step is one place at which an actor of one of the nodes can be killed: a
// message before or after its handler, an effect before or after it was
// performed, a start or a stop.
type step struct {
	node  int
	actor string
	seq   uint64
}

// actorKind is the kind of the actor at a path: "store", "manager", "pair".
func actorKind(path string) string {
	switch {
	case strings.HasPrefix(path, "/contexts/"):
		return path[strings.LastIndexByte(path, '/')+1:]
	case strings.HasPrefix(path, "/channels/pairs/"):
		return "pair"
	case strings.HasPrefix(path, "/channels/handshakes/"):
		return "handshaker"
	case strings.HasPrefix(path, "/network/relays/"):
		return "relay client"
	}
	return path[strings.LastIndexByte(path, '/')+1:]
}

// steps runs the nodes once and lists every step until the channel is up and
// has settled: per kind of actor, in order. The steps of a node's own start are
// not among them: a kill there is a node that did not start.
func steps(t *testing.T, a, b string, away time.Duration) map[string][]step {
	found := make(map[string][]step)
	var mu sync.Mutex
	var watching [2]bool
	watch := func(node int, on bool) {
		mu.Lock()
		defer mu.Unlock()
		watching[node] = on
	}
	record := func(node int) func(supervision.Point) bool {
		counts := make(map[string]uint64)
		return func(p supervision.Point) bool {
			mu.Lock()
			defer mu.Unlock()
			kind := actorKind(p.Path)
			counts[kind]++
			if watching[node] {
				found[kind] = append(found[kind], step{node, kind, counts[kind]})
			}
			return false
		}
	}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		time.Sleep(away)
		w.start(copyDir(t, a), record(0))
		watch(0, true)
		w.start(copyDir(t, b), record(1))
		watch(1, true)
		time.Sleep(settle)
		watch(0, false)
		watch(1, false)
	})
	return found
}

// killer kills once, at the step; it does not begin before the node runs, for
// a node whose first start fails does not run at all.
type killer struct {
	at      step
	ratchet ratchet
	mu      sync.Mutex
	armed   bool
	count   uint64
	killed  string
}

func (k *killer) arm(node int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.armed = k.armed || node == k.at.node
}

func (k *killer) hook(node int) func(supervision.Point) bool {
	return func(p supervision.Point) bool {
		k.ratchet.watch(node, p)
		if node != k.at.node || actorKind(p.Path) != k.at.actor {
			return false
		}
		k.mu.Lock()
		defer k.mu.Unlock()
		k.count++
		if !k.armed || k.killed != "" || k.count < k.at.seq {
			return false
		}
		k.killed = fmt.Sprintf("%s %v %s", p.Path, p.Phase, p.Message)
		return true
	}
}

// SPEC 15.3: "Killing any actor at any instant loses no acknowledged fact, no
// stream byte, no budget, no generation".
func TestKillEveryActorAtEveryStep(t *testing.T) {
	killEach(t, 2*time.Minute, stepsPerKind())
}

// killEach runs two members that were away for a while, once for each step,
// and at most so often for each kind of actor.
func killEach(t *testing.T, away time.Duration, most int) {
	t.Helper()
	a, b := joined(t)
	kinds := steps(t, a, b, away)
	runs, four := 0, 0
	for _, kind := range []string{"manager", "pair", "handshaker", "sync", "store", "publisher", "generations", "relay client"} {
		killed := 0
		for _, at := range spread(kinds[kind], most) {
			if killOnce(t, a, b, away, at) {
				killed++
			}
		}
		runs += killed
		if slices.Contains(theFour, kind) {
			four += killed
		}
		t.Logf("%-12s killed at %d of %d steps", kind, killed, len(kinds[kind]))
	}
	t.Logf("chaos: %d runs with one kill each, %d of them of the four actors; every one ended with the channel up", runs, four)
	if four < min(4*40, 3*most) {
		t.Errorf("only %d kills of the four actors: the steps of establishing a channel were not found", four)
	}
}

// theFour are the kinds of the PeerConnectionActor, the HandshakerActor, the
// JournalSyncActor and the ChannelManagerActor.
var theFour = []string{"pair", "handshaker", "sync", "manager"}

// long asks for every step instead of a sample: make
// kill-every-step.
var long = flag.Bool("long", false, "kill at every step, not at a sample of them")

// stepsPerKind bounds the runs of a test that is not the long one.
func stepsPerKind() int {
	if *long {
		return 1 << 20
	}
	if testing.Short() {
		return 8
	}
	return 60
}

// spread is at most so many of the steps, evenly over all of them.
func spread(all []step, most int) []step {
	if len(all) <= most {
		return all
	}
	some := make([]step, 0, most)
	for i := range most {
		some = append(some, all[i*len(all)/most])
	}
	return some
}

// killOnce runs the nodes with one kill and checks that all ends well; it
// reports whether the step came.
func killOnce(t *testing.T, a, b string, away time.Duration, at step) (killed bool) {
	t.Helper()
	k := &killer{at: at}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.killed = func() string { return k.killed }
		defer w.stop()
		time.Sleep(away)
		k.ratchet.node(0, w.start(copyDir(t, a), k.hook(0)))
		k.arm(0)
		k.ratchet.node(1, w.start(copyDir(t, b), k.hook(1)))
		k.arm(1)
		time.Sleep(settle)
		w.checkMet()
		k.ratchet.check(t)
	})
	if t.Failed() {
		t.Fatalf("after a kill of node %d at %s", at.node, k.killed)
	}
	return k.killed != ""
}
