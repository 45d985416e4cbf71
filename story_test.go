package waymeet_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waymeet/waymeet"
)

// The whole main job through the public face: real sockets, real disk.
func TestTwoNodesMeet(t *testing.T) {
	t.Parallel()
	relay := startRelay(t, waymeet.RelayConfig{})
	dirs := []string{t.TempDir(), t.TempDir()}
	start := func(dir string) *waymeet.Node {
		return startNode(t, waymeet.Config{StateDir: dir, Relays: []string{relay.URL()}, UnsafeDebug: true})
	}
	anna, ben := start(dirs[0]), start(dirs[1])
	events := anna.Events(patient(t))
	m := meet(t, anna, ben)
	if m.here.ID() != m.there.ID() {
		t.Fatalf("anna founded %s, ben joined %s", m.here.ID(), m.there.ID())
	}
	t.Run("both are members of one context", m.agree)
	t.Run("the channel is first on the relay, then direct", func(t *testing.T) { relayFirst(t, events) })
	t.Run("the channel moves between relay and direct path", func(t *testing.T) { m.move(t, dirs) })
	t.Run("bytes arrive as they were, both ways", m.exchangeBytes)
	t.Run("a file never lands on another", func(t *testing.T) { m.sendFiles(t, dirs[1]) })
	t.Run("facts arrive", m.appendFacts)
}

// Two nodes that reach each other need no relay, not even in their first moment.
func TestTwoNodesMeetWithoutRelay(t *testing.T) {
	t.Parallel()
	ben := startNode(t, waymeet.Config{})
	m := meet(t, startNode(t, waymeet.Config{}), ben) // anna invites before she knows her own addresses
	openStream(t, m.toBen, m.toAnna, "direct/1")
	m.onPath(t, waymeet.PathDirect)
}

// agree waits until both journals hold the same facts.
func (m meeting) agree(t *testing.T) {
	eventually(t, "equal journals", func() bool {
		return contextStatus(t, m.anna) == contextStatus(t, m.ben)
	})
	if c := contextStatus(t, m.ben); c.Members != 2 || c.Epoch != 1 || c.Context != m.here.ID() || c.Facts == 0 {
		t.Errorf("ben has %+v", c)
	}
	if peers := m.here.Peers(); len(peers) != 1 || peers[0].ID() != m.ben.Authority() {
		t.Errorf("anna's peers: %v", peers)
	}
}

// SPEC 10.1: "Start on the relay …; upgrade in the background; promote only on
// a validated, recoverable path".
func relayFirst(t *testing.T, events <-chan waymeet.Event) {
	up := false
	for e := range events {
		switch {
		case e.Kind == waymeet.EventChannelUp && e.Path != waymeet.PathRelay:
			t.Fatalf("the channel came up %s", e.Path)
		case e.Kind == waymeet.EventChannelUp:
			up = true
		case e.Kind == waymeet.EventPathChanged && up && e.Path == waymeet.PathDirect:
			if !strings.HasPrefix(e.Reason, "relay → direct (validated 127.0.0.1:") {
				t.Errorf("direct because %q", e.Reason)
			}
			return
		}
	}
	t.Fatal("the channel never became direct")
}

// SPEC 10.1: "The channel's streams never notice any of it"; 10.8: "'Why?'
// always has an answer."
func (m meeting) move(t *testing.T, dirs []string) {
	out, in := openStream(t, m.toBen, m.toAnna, "kept/1")
	defer out.Close()
	defer in.Close()
	say := func(word string) {
		heard := make([]byte, len(word))
		if _, err := io.WriteString(out, word); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(in, heard); err != nil || string(heard) != word {
			t.Fatalf("heard %q: %v", heard, err)
		}
	}

	m.onPath(t, waymeet.PathDirect)
	holdRelay(t, true, dirs...)
	m.onPath(t, waymeet.PathRelay)
	say("on the relay")
	before := peerStatus(t, m.anna)
	holdRelay(t, false, dirs...)
	m.onPath(t, waymeet.PathDirect)
	say("direct")
	after := peerStatus(t, m.anna)
	if after.Channel != before.Channel || after.Channel != peerStatus(t, m.ben).Channel {
		t.Errorf("the channel was %s before the move, %s after it, %s at ben", before.Channel, after.Channel, peerStatus(t, m.ben).Channel)
	}
	if want := "validated " + m.ben.Addr().String(); !strings.Contains(after.Path.Reason, want) {
		t.Errorf("anna is direct because %q, not %q", after.Path.Reason, want)
	}
	if after.Path.Remote != m.ben.Addr().String() {
		t.Errorf("anna sends to %s, ben listens on %s", after.Path.Remote, m.ben.Addr())
	}
}

// onPath waits until both sides send on that kind of path, and say why.
func (m meeting) onPath(t *testing.T, kind waymeet.PathKind) {
	t.Helper()
	for _, node := range []*waymeet.Node{m.anna, m.ben} {
		eventually(t, "a channel that is "+kind.String(), func() bool { return peerStatus(t, node).Path.Kind == kind })
		if path := peerStatus(t, node).Path; path.Reason == "" || path.Since == 0 {
			t.Errorf("nobody knows why: %+v", path)
		}
	}
}

// exchangeBytes sends some megabytes over a stream of each side; the other side
// answers with their hash.
func (m meeting) exchangeBytes(t *testing.T) {
	for _, way := range []struct{ from, to waymeet.Peer }{{m.toBen, m.toAnna}, {m.toAnna, m.toBen}} {
		out, in := openStream(t, way.from, way.to, "hash/1")
		sent := sha256.New()
		written := make(chan error, 1)
		go func() {
			_, err := io.CopyN(io.MultiWriter(out, sent), rand.Reader, 4<<20)
			written <- errors.Join(err, out.CloseWrite())
		}()
		received := sha256.New()
		if n, err := io.Copy(received, in); err != nil || n != 4<<20 {
			t.Errorf("%d bytes arrived: %v", n, err)
		}
		if err := <-written; err != nil {
			t.Fatal(err)
		}
		if _, err := in.Write(received.Sum(nil)); err != nil {
			t.Fatal(err)
		}
		in.Close()
		if answer, err := io.ReadAll(out); err != nil || string(answer) != string(sent.Sum(nil)) {
			t.Errorf("sent %x, ben read %x: %v", sent.Sum(nil), answer, err)
		}
		out.Close()
	}
}

// sendFiles sends two files under one name.
func (m meeting) sendFiles(t *testing.T, dir string) {
	for _, file := range []struct{ content, storedAs string }{
		{"the first of the name", "notes.txt"},
		{"the second of the name", "notes (2).txt"},
	} {
		sent, err := m.toBen.SendFile(patient(t), "notes.txt", uint64(len(file.content)), strings.NewReader(file.content))
		if err != nil {
			t.Fatal(err)
		}
		if sent.StoredAs != file.storedAs || sent.Peer != m.ben.Authority() || sent.Bytes != uint64(len(file.content)) {
			t.Errorf("sent %+v, want it stored as %s", sent, file.storedAs)
		}
		if got, err := os.ReadFile(filepath.Join(dir, "received", file.storedAs)); err != nil || string(got) != file.content {
			t.Errorf("%s holds %q: %v", file.storedAs, got, err)
		}
	}
}

// appendFacts appends at both sides at once.
func (m meeting) appendFacts(t *testing.T) {
	const each = 20
	before := contextStatus(t, m.anna).Facts
	appended := make(chan error, 2)
	for _, side := range []waymeet.Context{m.here, m.there} {
		ctx := patient(t)
		go func() { appended <- appendAll(ctx, side, each) }()
	}
	if err := errors.Join(<-appended, <-appended); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the facts of both at both", func() bool {
		return contextStatus(t, m.anna).Facts >= before+2*each && contextStatus(t, m.anna) == contextStatus(t, m.ben)
	})
}

func appendAll(ctx context.Context, to waymeet.Context, count int) error {
	ids := make(map[waymeet.FactID]bool)
	for range count {
		id, err := to.Append(ctx, waymeet.FactApplication, []byte("a fact of the host's own"))
		if err != nil {
			return err
		}
		ids[id] = true
	}
	if len(ids) != count {
		return errors.New("two facts have one id")
	}
	return nil
}
