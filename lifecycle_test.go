package waymeet_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"io/fs"
	"maps"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/waymeet/waymeet"
	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/transport/store"
)

// SPEC 15.3: "the process never hangs at shutdown."
func TestNodesStopWithoutTrace(t *testing.T) {
	ignored := goleak.IgnoreCurrent()
	relay := startRelay(t, waymeet.RelayConfig{})
	start := func() *waymeet.Node { return startNode(t, waymeet.Config{Relays: []string{relay.URL()}}) }
	for range 40 {
		node := start()
		if _, err := node.Found(patient(t)); err != nil {
			t.Fatal(err)
		}
		stop(t, node)
	}
	for range 5 { // with a live peer, which the second of them loses
		m := meet(t, start(), start())
		openStream(t, m.toBen, m.toAnna, "open/1")
		stop(t, m.anna)
		stop(t, m.ben)
	}
	stop(t, relay)
	goleak.VerifyNone(t, ignored)
}

func TestStoppingTwiceIsSafe(t *testing.T) {
	t.Parallel()
	relay := startRelay(t, waymeet.RelayConfig{})
	node := startNode(t, waymeet.Config{Relays: []string{relay.URL()}})
	events := node.Events(t.Context())
	for range 2 {
		stop(t, node)
		stop(t, relay)
	}
	<-node.Done()
	<-relay.Done()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for range 20 {
		if err := node.Stop(ended); err != nil {
			t.Fatalf("it has stopped, and says %v", err)
		}
	}
	if node.Err() != nil || relay.Err() != nil {
		t.Errorf("asked to stop, and yet %v, %v", node.Err(), relay.Err())
	}
	for range events { // ends: the channel is closed
	}
	for range node.Events(t.Context()) { // ends, though it begins after the stop
	}
}

// A stop without a context is a stop without a limit.
func TestStopWithoutAContext(t *testing.T) {
	t.Parallel()
	relay := startRelay(t, waymeet.RelayConfig{})
	node := startNode(t, waymeet.Config{Relays: []string{relay.URL()}})
	for range 2 {
		for _, running := range []interface{ Stop(context.Context) error }{node, relay} {
			//lint:ignore SA1012 hosts do so
			if err := running.Stop(nil); err != nil {
				t.Error(err)
			}
		}
	}
	<-node.Done()
	<-relay.Done()
}

// Whatever waits ends with the node, also when its caller would wait for ever.
func TestWaitingEndsWithTheNode(t *testing.T) {
	t.Parallel()
	relay := startRelay(t, waymeet.RelayConfig{})
	node := startNode(t, waymeet.Config{Relays: []string{relay.URL()}})
	founded, ticket := invite(t, startNode(t, waymeet.Config{Relays: []string{relay.URL()}}))
	ticket = forge(t, ticket)
	own, err := node.Found(patient(t))
	if err != nil {
		t.Fatal(err)
	}
	forever := context.Background()
	stranger := own.Peer(waymeet.AuthorityID{1})
	waits := map[string]func() error{
		"join":          func() error { _, err := node.Join(forever, ticket); return err },
		"open stream":   func() error { _, err := stranger.OpenStream(forever, "never/1"); return err },
		"accept stream": func() error { _, _, err := stranger.AcceptStream(forever); return err },
		"send file": func() error {
			_, err := stranger.SendFile(forever, "name", 1, strings.NewReader("x"))
			return err
		},
		"found":               func() error { _, err := node.Found(forever); return err },
		"invite":              func() error { _, err := own.Invite(forever, 0); return err },
		"append":              func() error { _, err := own.Append(forever, waymeet.FactApplication, nil); return err },
		"rotate":              func() error { return own.Rotate(forever) },
		"remove":              func() error { return own.Remove(forever, waymeet.AuthorityID{1}) },
		"join with no ticket": func() error { _, err := node.Join(forever, "no ticket"); return err },
	}
	ended := make(chan error, len(waits))
	for _, what := range []string{"join", "open stream", "accept stream", "send file"} {
		go func() { ended <- waits[what]() }()
	}
	eventually(t, "the join waits", func() bool {
		return slices.ContainsFunc(node.Status().Actors, func(a waymeet.ActorStatus) bool {
			return strings.HasPrefix(a.Path, "/bootstrap/joins/")
		})
	})
	stop(t, node)
	for range 4 {
		if err := <-ended; !errors.Is(err, waymeet.ErrStopped) {
			t.Errorf("something waited, the node stopped, and it says %v", err)
		}
	}
	for what, call := range waits {
		if err := call(); !errors.Is(err, waymeet.ErrStopped) {
			t.Errorf("%s: a stopped node says %v", what, err)
		}
	}
	if contexts := founded.Peers(); len(contexts) != 0 {
		t.Errorf("somebody joined: %v", contexts)
	}
}

// SPEC 3.1: "One authority runs on one node at a time (a second process is
// refused)".
func TestStateDirectoryHasOneUser(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := startNode(t, waymeet.Config{StateDir: dir})
	_, asNode := waymeet.Start(t.Context(), waymeet.Config{StateDir: dir, Listen: loopback})
	_, asRelay := waymeet.StartRelay(t.Context(), waymeet.RelayConfig{StateDir: dir, Listen: loopback})
	for _, err := range []error{asNode, asRelay} {
		if p := problem(t, err); p.Code != waymeet.ExitNoNode || !strings.Contains(p.What, dir) {
			t.Errorf("the second one: %+v", p)
		}
	}
	stop(t, first)
	startNode(t, waymeet.Config{StateDir: dir})
}

func TestPortInUseIsSaid(t *testing.T) {
	t.Parallel()
	taken := listenUDP(t).LocalAddr().(*net.UDPAddr).AddrPort()
	_, asNode := waymeet.Start(t.Context(), waymeet.Config{StateDir: t.TempDir(), Listen: taken})
	_, asRelay := waymeet.StartRelay(t.Context(), waymeet.RelayConfig{StateDir: t.TempDir(), Listen: taken})
	for _, err := range []error{asNode, asRelay} {
		p := problem(t, err)
		if p.Code != waymeet.ExitFailed || p.What != "cannot listen on "+taken.String() || p.Whose != "the port is in use by another process" {
			t.Errorf("%+v", p)
		}
	}
}

// A relay that is away keeps nobody from starting; status says how it stands.
func TestUnreachableRelayIsSaid(t *testing.T) {
	t.Parallel()
	silent := listenUDP(t).LocalAddr().String()
	url := relayAt(t, silent)
	node := startNode(t, waymeet.Config{Relays: []string{url}})
	if _, err := node.Found(patient(t)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a relay that does not answer", func() bool {
		relays := node.Status().Relays
		return len(relays) == 1 && relays[0].URL == url && relays[0].State == "no answer"
	})
}

func TestRelayURLThatIsNoneIsRefused(t *testing.T) {
	t.Parallel()
	good := relayAt(t, "127.0.0.1:7342")
	noKey := messages.RelayURL{Key: messages.PublicKey{2}, Address: "127.0.0.1:7342"}.String()
	for _, url := range []string{noKey, "", "relay.example:7342", "https://relay.example", strings.Replace(good, "rk-", "au-", 1), good[:len(good)-5], good + "0"} {
		dir := filepath.Join(t.TempDir(), "state")
		_, err := waymeet.Start(t.Context(), waymeet.Config{StateDir: dir, Listen: loopback, Relays: []string{good, url}})
		if p := problem(t, err); p.Code != waymeet.ExitUsage || p.Hint == "" {
			t.Errorf("%q: %+v", url, p)
		}
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q: something was made on disk: %v", url, err)
		}
	}
}

// relayAt is the URL of a relay that nobody runs.
func relayAt(t *testing.T, address string) string {
	t.Helper()
	public, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return messages.RelayURL{Key: messages.PublicKey(public), Address: address}.String()
}

// SPEC 3.5: "damage is one clear error that names file, bucket and key, never
// wrong bytes and never a silently missing fact."
func TestDamagedJournalIsSaidAndLeftAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	node := startNode(t, waymeet.Config{StateDir: dir})
	founded, err := node.Found(patient(t))
	if err != nil {
		t.Fatal(err)
	}
	mark := []byte("a fact of the host's own")
	if _, err := founded.Append(patient(t), waymeet.FactApplication, mark); err != nil {
		t.Fatal(err)
	}
	stop(t, node)

	journal := store.Directory(dir).JournalPath(founded.ID())
	sound, err := os.ReadFile(journal)
	if err != nil {
		t.Fatal(err)
	}
	record := lastFact(t, dir, founded.ID())
	for name, damage := range map[string]func(b []byte) []byte{
		"a record's bit": func(b []byte) []byte {
			return bytes.ReplaceAll(b, record, append([]byte{record[0] ^ 1}, record[1:]...))
		},
		"its end":   func(b []byte) []byte { return b[:len(bytes.TrimRight(b, "\x00"))-1] },
		"all of it": func([]byte) []byte { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(journal, damage([]byte(string(sound))), 0o600); err != nil {
				t.Fatal(err)
			}
			before := hashes(t, dir)
			_, err := waymeet.Start(t.Context(), waymeet.Config{StateDir: dir, Listen: loopback})
			if p := problem(t, err); p.Code != waymeet.ExitFailed || !strings.Contains(p.Whose, journal) || p.Hint == "" {
				t.Errorf("%+v", p)
			}
			if after := hashes(t, dir); !maps.Equal(before, after) {
				t.Errorf("the state directory changed from %v to %v", before, after)
			}
		})
	}
	if err := os.WriteFile(journal, sound, 0o600); err != nil {
		t.Fatal(err)
	}
	if c := contextStatus(t, startNode(t, waymeet.Config{StateDir: dir})); c.Context != founded.ID() || c.Facts < 2 {
		t.Errorf("restored from the backup: %+v", c)
	}
}

// lastFact is the record of the last fact in a journal that nobody has open.
func lastFact(t *testing.T, dir string, cx waymeet.ContextID) (last []byte) {
	t.Helper()
	database, err := store.Directory(dir).Journal(cx)
	if err != nil {
		t.Fatal(err)
	}
	for record, err := range database.Records(messages.BucketFacts) {
		if err != nil {
			t.Fatal(err)
		}
		last = record.Value
	}
	if err := database.Close(); err != nil {
		t.Fatal(err)
	}
	return last
}

// hashes are the SHA-256 of all regular files below a directory, by path.
func hashes(t *testing.T, dir string) map[string][32]byte {
	t.Helper()
	all := make(map[string][32]byte)
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		all[path] = sha256.Sum256(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// SPEC 7.3: "who cannot seal a hello … gets zero bytes back"; 8.2: "What fails
// to open is dropped silently".
func TestRandomBytesAreMetWithSilence(t *testing.T) {
	t.Parallel()
	relay := startRelay(t, waymeet.RelayConfig{})
	url, err := messages.ParseRelayURL(relay.URL())
	if err != nil {
		t.Fatal(err)
	}
	start := func() *waymeet.Node { return startNode(t, waymeet.Config{Relays: []string{relay.URL()}}) }
	anna, ben := start(), start()
	invite(t, anna) // so that there is a hello key to be missed
	stranger := listenUDP(t)
	random := rand.New(rand.NewPCG(1, 2))
	for _, to := range []netip.AddrPort{anna.Addr(), netip.MustParseAddrPort(url.Address)} {
		for first := range 256 {
			for _, size := range []int{1, 5, 33, 200, 1300} {
				datagram := make([]byte, size)
				for at := range datagram {
					datagram[at] = byte(random.Uint32())
				}
				datagram[0] = byte(first)
				if _, err := stranger.WriteToUDPAddrPort(datagram, to); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	m := meet(t, anna, ben) // both have seen it all, and work
	openStream(t, m.toBen, m.toAnna, "after/1")
	if err := stranger.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if n, from, err := stranger.ReadFromUDPAddrPort(make([]byte, 2048)); err == nil {
		t.Errorf("%d bytes came back from %s", n, from)
	}
}

// listenUDP is a socket that answers nobody.
func listenUDP(t *testing.T) *net.UDPConn {
	t.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(loopback))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// A context that has ended starts nothing.
func TestStartHeedsItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := filepath.Join(t.TempDir(), "state")
	_, asNode := waymeet.Start(ctx, waymeet.Config{StateDir: dir, Listen: loopback})
	_, asRelay := waymeet.StartRelay(ctx, waymeet.RelayConfig{StateDir: dir, Listen: loopback})
	if !errors.Is(asNode, context.Canceled) || !errors.Is(asRelay, context.Canceled) {
		t.Errorf("%v, %v", asNode, asRelay)
	}
}

// A node that is started knows its contexts: a host that saw none would found
// another.
func TestStartedNodeKnowsItsContexts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	node := startNode(t, waymeet.Config{StateDir: dir})
	founded, err := node.Found(patient(t))
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		stop(t, node)
		node = startNode(t, waymeet.Config{StateDir: dir})
		if contexts := node.Contexts(); len(contexts) != 1 || contexts[0].ID() != founded.ID() {
			t.Fatalf("started with %v", contexts)
		}
	}
}
