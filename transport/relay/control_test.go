package relay

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"filippo.io/edwards25519"
	"pgregory.net/rapid"

	"github.com/waymeet/waymeet/messages"
)

var (
	relayKey  = ed25519.NewKeyFromSeed(append(make([]byte, 31), 1))
	pseudonym = ed25519.NewKeyFromSeed(append(make([]byte, 31), 2))
	slotKey   = ed25519.NewKeyFromSeed(append(make([]byte, 31), 3))
	here      = netip.MustParseAddrPort("192.0.2.1:1000")
	there     = netip.MustParseAddrPort("192.0.2.2:2000")
	noPlace   = netip.MustParseAddrPort("192.0.2.3:3000")
	noon      = time.Unix(1_700_000_000, 0)
)

func newControl(t testing.TB) *ClientControl {
	t.Helper()
	c, err := NewClientControl(publicKey(relayKey), pseudonym)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// shaken has a complete handshake, and the client's first sealed datagram taken.
func shaken(t testing.TB) (*ClientControl, *clientTable, *serverClient) {
	t.Helper()
	client, table := newControl(t), newClientTable(relayKey)
	welcome := table.welcome(noon, here, client.Start())
	if m, ok := client.Open(welcome); !ok || m != (messages.RelayHandshaken{}) {
		t.Fatalf("welcome of %d bytes: %v", len(welcome), m)
	}
	got, control := table.open(noon, here, sealed(t, client, messages.RelayKeepalive{Request: 1}))
	if got == nil || control != (messages.RelayKeepalive{Request: 1}) {
		t.Fatalf("first sealed datagram: %v", control)
	}
	return client, table, got
}

func sealed(t testing.TB, c *ClientControl, control messages.RelayControl) []byte {
	t.Helper()
	b, err := c.Seal(control)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestControlGoesBothWays(t *testing.T) {
	client, _, served := shaken(t)
	answer := messages.RelaySession{Request: 1, Session: messages.HopSession{1, 2, 3, 4}}
	m, ok := client.Open(served.seal(answer))
	if !ok || m != (messages.RelayControlReceived{Control: answer}) {
		t.Errorf("got %#v", m)
	}
}

func TestControlSignsItsOwnHandshake(t *testing.T) {
	client, table, served := shaken(t)
	b, err := client.SealRegister(7, slotKey)
	if err != nil {
		t.Fatal(err)
	}
	_, control := table.open(noon, here, b)
	register := control.(messages.RelayRegister)
	if register.Request != 7 || register.SlotKey != publicKey(slotKey) {
		t.Errorf("got %+v", register)
	}
	if !register.SlotKey.Verify(messages.SlotRegistration(served.hash), register.Signature[:]) {
		t.Error("the signature is not over the relay's handshake hash")
	}
}

func TestControlNeedsAHandshake(t *testing.T) {
	client := newControl(t)
	if _, err := client.Seal(messages.RelayBye{}); !errors.Is(err, ErrNoHandshake) {
		t.Error(err)
	}
	if _, err := client.SealRegister(1, slotKey); !errors.Is(err, ErrNoHandshake) {
		t.Error(err)
	}
	if client.Repeat() != nil {
		t.Error("repeated a hello that was never made")
	}
}

// A handshake stands from its welcome on, until the next one begins or the relay
// is told goodbye.
func TestControlHandshakeStands(t *testing.T) {
	client := newControl(t)
	table := newClientTable(relayKey)
	for _, end := range []func(){client.End, func() { client.Start() }} {
		hello := client.Start()
		if client.Standing() {
			t.Error("it stands before its welcome")
		}
		if _, ok := client.Open(table.welcome(noon, here, hello)); !ok || !client.Standing() {
			t.Error("it does not stand after its welcome")
		}
		end()
		if _, err := client.Seal(messages.RelayBye{}); client.Standing() || !errors.Is(err, ErrNoHandshake) {
			t.Errorf("it stands after its end: %v", err)
		}
	}
}

// SPEC 11.4: "never more bytes out than in toward an unproved address".
func TestControlWelcomeIsNotLongerThanItsHello(t *testing.T) {
	hello := newControl(t).Start()
	welcome := newClientTable(relayKey).welcome(noon, here, hello)
	if len(hello) != HelloSize || len(welcome) != welcomeSize || len(welcome) > len(hello) {
		t.Errorf("hello %d bytes, welcome %d", len(hello), len(welcome))
	}
}

// A hello may be repeated, or replayed by somebody else: one answer, one client.
func TestControlAnswersARepeatedHelloAlike(t *testing.T) {
	client, table := newControl(t), newClientTable(relayKey)
	hello := client.Start()
	if !bytes.Equal(hello, client.Repeat()) {
		t.Error("the repeated hello differs")
	}
	first, second := table.welcome(noon, here, hello), table.welcome(noon, there, hello)
	if first == nil || !bytes.Equal(first, second) || len(table.byIndex) != 1 {
		t.Errorf("%d clients", len(table.byIndex))
	}
	if table.count() != 0 || table.find(indexIn(table)) != nil {
		t.Error("a hello alone made a client")
	}
}

func indexIn(table *clientTable) messages.RelayClientIndex {
	for index := range table.byIndex {
		return index
	}
	return 0
}

func TestControlForgetsHandshakesThatStop(t *testing.T) {
	client, table := newControl(t), newClientTable(relayKey)
	table.welcome(noon, here, client.Start())
	table.sweep(noon.Add(pendingFor - 1))
	if len(table.byIndex) != 1 {
		t.Error("forgotten early")
	}
	table.sweep(noon.Add(pendingFor))
	if len(table.byIndex)+len(table.pending) != 0 {
		t.Error("kept")
	}
	_, table, _ = shaken(t)
	table.sweep(noon.Add(pendingFor))
	if table.count() != 1 {
		t.Error("a complete handshake was forgotten")
	}
}

func TestControlBoundsHandshakes(t *testing.T) {
	client, table := newControl(t), newClientTable(relayKey)
	answered := 0
	for range 2 * helloBurst {
		if table.welcome(noon, here, client.Start()) != nil {
			answered++
		}
	}
	if answered != helloBurst {
		t.Errorf("%d handshakes at once for one address", answered)
	}
	for range maxPending {
		var mac [macSize]byte
		copy(mac[:], fmt.Sprint(len(table.pending)))
		table.pending[mac] = &serverClient{}
	}
	if table.welcome(noon, there, client.Start()) != nil {
		t.Error("more handshakes are pending than may be")
	}
}

func TestControlRefusesReplayAndForgery(t *testing.T) {
	client, table, served := shaken(t)
	first := sealed(t, client, messages.RelayKeepalive{Request: 2})
	second := sealed(t, client, messages.RelayKeepalive{Request: 3})
	opens := func(b []byte) bool {
		c, _ := table.open(noon, here, b)
		return c != nil
	}
	if !opens(second) || !opens(first) {
		t.Error("datagrams that changed places were refused")
	}
	if opens(first) || opens(second) {
		t.Error("a replay was taken")
	}
	third := sealed(t, client, messages.RelayKeepalive{Request: 4})
	for at := range third {
		forged := bytes.Clone(third)
		forged[at] ^= 1
		if kindOf(forged) == kindSealed && opens(forged) {
			t.Errorf("a datagram changed at byte %d was taken", at)
		}
	}
	if _, ok := client.Open(third); ok {
		t.Error("the client opened its own datagram")
	}
	back := served.seal(messages.RelayLameDuck{})
	if _, ok := client.Open(back); !ok {
		t.Error("refused")
	}
	if _, ok := client.Open(back); ok {
		t.Error("the client took a replay")
	}
}

// Sealed control from a new address moves the client; an old datagram that
// comes late does not move it back.
func TestControlMovesAClientByItsNewestDatagram(t *testing.T) {
	client, table, served := shaken(t)
	late := sealed(t, client, messages.RelayKeepalive{Request: 2})
	table.open(noon, there, sealed(t, client, messages.RelayKeepalive{Request: 3}))
	if at := served.address.Load().addr; at != there {
		t.Fatalf("heard at %v", at)
	}
	table.open(noon, here, late)
	if at := served.address.Load().addr; at != there {
		t.Errorf("a late datagram moved the client to %v", at)
	}
}

// A forged welcome does not spoil the handshake (TRAPS of flynn/noise: a failed
// read does).
func TestControlSurvivesForgedWelcomes(t *testing.T) {
	client, table := newControl(t), newClientTable(relayKey)
	hello := client.Start()
	welcome := table.welcome(noon, here, hello)
	for at := welcomeHeader; at < len(welcome); at += 10 {
		forged := bytes.Clone(welcome)
		forged[at] ^= 1
		if _, ok := client.Open(forged); ok {
			t.Fatal("a forged welcome was taken")
		}
	}
	lowOrder := bytes.Clone(welcome)
	clear(lowOrder[welcomeHeader : welcomeHeader+32])
	client.Open(lowOrder) // the Diffie-Hellman itself fails
	if _, ok := client.Open(welcome); !ok {
		t.Fatal("the true welcome was refused")
	}
	if _, ok := client.Open(welcome); ok {
		t.Error("it was taken twice")
	}
}

func TestControlBeginsAnewAfterManyForgedWelcomes(t *testing.T) {
	client, table := newControl(t), newClientTable(relayKey)
	hello := client.Start()
	welcome := table.welcome(noon, here, hello)
	forged := bytes.Clone(welcome)
	forged[len(forged)-1] ^= 1
	for range maxForged {
		client.Open(forged)
	}
	if _, ok := client.Open(welcome); ok {
		t.Error("wrong welcomes cost work without a bound")
	}
	again := client.Repeat()
	if bytes.Equal(again, hello) {
		t.Fatal("it waits for an answer that it cannot read any more")
	}
	if _, ok := client.Open(table.welcome(noon, here, again)); !ok {
		t.Error("the new hello's welcome was refused")
	}
}

func TestControlWithAnotherRelayFails(t *testing.T) {
	other := ed25519.NewKeyFromSeed(make([]byte, 32))
	client := newControl(t)
	hello := client.Start()
	if newClientTable(other).plausible(hello) {
		t.Error("a relay takes a hello for another")
	}
	// Even where the mac is recomputed, the handshake shows it.
	copy(hello[2:], helloMAC(helloKey(publicKey(other)), hello[2+macSize:]))
	if newClientTable(other).welcome(noon, here, hello) != nil {
		t.Error("a relay answers a hello for another")
	}
}

// SPEC 1.2: "low-order points refused".
func TestNewClientControlRefusesBadKeys(t *testing.T) {
	lowOrder := messages.PublicKey(edwards25519.NewIdentityPoint().Bytes())
	noPoint := messages.PublicKey{2}
	for _, key := range []messages.PublicKey{lowOrder, noPoint, {}} {
		if _, err := NewClientControl(key, pseudonym); !errors.Is(err, ErrBadKey) {
			t.Errorf("%x: %v", key, err)
		}
	}
}

func TestStaticKeyFitsTheConvertedPublicKey(t *testing.T) {
	public, err := montgomery(publicKey(relayKey))
	if err != nil || !bytes.Equal(public, staticKey(relayKey).Public) {
		t.Errorf("%x, %x, %v", public, staticKey(relayKey).Public, err)
	}
}

// The window against a set that remembers everything.
func TestReplayWindow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w replayWindow
		seen := map[uint64]bool{}
		highest := uint64(0)
		for range rapid.IntRange(1, 200).Draw(t, "n") {
			counter := uint64(max(0, int(highest)+rapid.IntRange(-80, 80).Draw(t, "step")))
			want := counter != 0 && !seen[counter] && (counter > highest || highest-counter < windowSize)
			if got := w.fresh(counter); got != want {
				t.Fatalf("counter %d, highest %d: fresh %v, want %v", counter, highest, got, want)
			}
			if want {
				if newest := w.take(counter); newest != (counter > highest) {
					t.Fatalf("counter %d, highest %d: newest %v", counter, highest, newest)
				}
				seen[counter], highest = true, max(highest, counter)
			}
		}
	})
}

func FuzzClientControlOpen(f *testing.F) {
	client, _, served := shaken(f)
	f.Add(served.seal(messages.RelayLameDuck{}))
	f.Add(newControl(f).Start())
	waiting := newControl(f)
	f.Add(newClientTable(relayKey).welcome(noon, here, waiting.Start()))
	f.Fuzz(func(t *testing.T, datagram []byte) {
		waiting.Open(datagram)
		if m, ok := client.Open(datagram); ok && datagram[0] != messages.FirstByteRelayControl {
			t.Fatalf("%x was opened as %#v", datagram, m)
		}
	})
}
