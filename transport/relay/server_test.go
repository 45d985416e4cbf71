package relay_test

import (
	"bytes"
	"crypto/ed25519"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
	rules "github.com/waymeet/waymeet/rendezvous/relay"
	"github.com/waymeet/waymeet/transport/relay"
	"github.com/waymeet/waymeet/transport/stun"
)

// pair is a relay with two clients, alice in a session with bob.
type pair struct {
	relay      *runningRelay
	alice, bob *node
	session    messages.HopSession
}

func startPair(t testing.TB, rate messages.RelayRate) *pair {
	t.Helper()
	r := startRelay(t, loopback, rules.ForwarderConfig{SlotRate: rate}, nil, messages.RelayRate{})
	p := &pair{relay: r, alice: startNode(t, r.Addr(), 2), bob: startNode(t, r.Addr(), 3)}
	p.bob.register()
	p.session = p.alice.dial(p.bob.slotID())
	return p
}

func TestTwoNodesExchangeDatagramsThroughARelay(t *testing.T) {
	p := startPair(t, messages.RelayRate{})
	p.alice.hop(p.session, "hello bob")
	back, inner := p.bob.receive()
	if inner != "hello bob" || back == p.session {
		t.Fatalf("bob got %q under %x", inner, back)
	}
	p.bob.hop(back, "hello alice")
	if session, inner := p.alice.receive(); inner != "hello alice" || session != p.session {
		t.Fatalf("alice got %q under %x", inner, session)
	}
	got := p.relay.Counters()
	if got.Clients != 2 || got.Sessions != 1 || got.ForwardedDatagrams != 2 || got.ForwardedBytes != uint64(2*messages.HopHeaderSize+len("hello bobhello alice")) {
		t.Errorf("counters %+v", got)
	}
}

func TestNodesLearnTheirAddressFromTheRelay(t *testing.T) {
	p := startPair(t, messages.RelayRate{})
	p.alice.observed()
	p.alice.move()
	p.alice.observed()
}

// docs/wire.md: "Relay control": "valid only from the address of the client it
// was given to".
func TestASessionIsWorthNothingFromAnotherAddress(t *testing.T) {
	p := startPair(t, messages.RelayRate{})
	thief := listen(t, loopback)
	defer thief.Close()
	thief.WriteToUDPAddrPort(messages.AppendHop(nil, p.session, []byte("stolen")), p.relay.Addr())
	p.alice.hop(p.session, "owned")
	if _, inner := p.bob.receive(); inner != "owned" {
		t.Errorf("bob got %q", inner)
	}
}

// Its sessions move with a client that proves itself from a new address.
func TestSessionsMoveWithTheirClient(t *testing.T) {
	p := startPair(t, messages.RelayRate{})
	p.alice.hop(p.session, "before")
	back, _ := p.bob.receive()
	p.alice.move()
	p.alice.observed()
	p.alice.hop(p.session, "after")
	if session, inner := p.bob.receive(); inner != "after" || session != back {
		t.Errorf("bob got %q under %x", inner, session)
	}
	p.bob.hop(back, "found you")
	if _, inner := p.alice.receive(); inner != "found you" {
		t.Errorf("alice got %q", inner)
	}
}

// Killed and started again on the same port with the same key: both sides come
// back by themselves.
func TestNodesComeBackAfterARelayRestart(t *testing.T) {
	p := startPair(t, messages.RelayRate{})
	p.alice.hop(p.session, "before")
	p.bob.receive()
	port, err := p.relay.conn.File() // so that nobody else draws it while the relay is away
	if err != nil {
		t.Fatal(err)
	}
	defer port.Close()
	p.relay.stop()
	for _, x := range []*node{p.alice, p.bob} {
		x.inbox <- messages.RelayUnanswered{}
		waitFor[rules.Lost](x)
	}
	if lost := waitFor[rules.SessionLost](p.alice); lost.Session != p.session {
		t.Errorf("lost %x", lost.Session)
	}
	conn, err := net.FilePacketConn(port)
	if err != nil {
		t.Fatal(err)
	}
	startRelayOn(t, conn.(*net.UDPConn), rules.ForwarderConfig{}, nil, messages.RelayRate{})
	waitFor[rules.SlotRegistered](p.bob)
	session := p.alice.dial(p.bob.slotID())
	p.alice.hop(session, "again")
	back, inner := p.bob.receive()
	if inner != "again" {
		t.Fatalf("bob got %q", inner)
	}
	p.bob.hop(back, "and back")
	if _, inner := p.alice.receive(); inner != "and back" {
		t.Errorf("alice got %q", inner)
	}
}

// A dial that comes before the owner is back is answered when it is.
func TestADialWaitsForTheOwnerOfARelayThatIsJustBack(t *testing.T) {
	r := startRelay(t, loopback, rules.ForwarderConfig{}, nil, messages.RelayRate{})
	alice, bob := startNode(t, r.Addr(), 2), startNode(t, r.Addr(), 3)
	alice.inbox <- messages.RelayDialSlot{Dial: 1, Slot: bob.slotID()}
	waitFor[rules.Ready](alice)
	bob.register()
	waitFor[rules.SessionReady](alice)
}

// Datagrams of one size leave in one burst and come out whole and in order,
// with a shorter one at the end, whatever the kernel put together on the way.
func TestBurstsArriveWhole(t *testing.T) {
	p := startPair(t, messages.RelayRate{})
	random := rand.New(rand.NewPCG(7, 7))
	for _, size := range []int{1, 100, 1278, 1440} {
		var sent [][]byte
		for i := range 50 {
			inner := make([]byte, size)
			if i%10 == 9 {
				inner = inner[:1+random.IntN(size)]
			}
			for j := range inner {
				inner[j] = byte(random.Uint32())
			}
			sent = append(sent, inner)
			p.alice.hop(p.session, string(inner))
		}
		for i, want := range sent {
			if _, got := p.bob.receive(); got != string(want) {
				t.Fatalf("size %d: datagram %d differs (%d bytes, want %d)", size, i, len(got), len(want))
			}
		}
	}
}

// SPEC 11.4: "per slot and global token buckets (bytes/s, packets/s)".
func TestTheSlotsRateBoundsItsTraffic(t *testing.T) {
	p := startPair(t, messages.RelayRate{DatagramsPerSecond: 1})
	for range 200 {
		p.alice.hop(p.session, "x")
	}
	for p.relay.Counters().ForwardedDatagrams+p.relay.Counters().Dropped < 200 {
		time.Sleep(time.Millisecond)
	}
	// The bucket holds 64, and refills one a second.
	if got := p.relay.Counters().ForwardedDatagrams; got < 64 || got > 64+uint64(patience/time.Second) {
		t.Errorf("%d passed", got)
	}
}

// SPEC 15.1 and 11.4: noise, forgery and half-true datagrams get no answer.
func TestNoiseGetsNoAnswer(t *testing.T) {
	p := startPair(t, messages.RelayRate{})
	stranger := listen(t, loopback)
	defer stranger.Close()
	random := rand.New(rand.NewPCG(3, 4))
	send := func(b []byte) { stranger.WriteToUDPAddrPort(b, p.relay.Addr()) }
	for n := range 2000 {
		b := make([]byte, 1+random.IntN(200))
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		send(b)
		b[0] = []byte{0x05, 0x07, 0x08, 0x0a, 0x0b}[random.IntN(5)]
		send(b)
		if n%100 == 99 { // no more than the relay's socket keeps
			onlySTUNIsAnswered(t, stranger, p.relay.Addr())
		}
	}
	outsider, err := relay.NewClientControl(public(keyOf(9)), keyOf(8)) // of another relay
	if err != nil {
		t.Fatal(err)
	}
	knowing, err := relay.NewClientControl(public(keyOf(1)), keyOf(8))
	if err != nil {
		t.Fatal(err)
	}
	hello := knowing.Start()
	for at := range hello {
		forged := bytes.Clone(hello)
		forged[at] ^= 0x40
		send(forged)
	}
	send(hello[:len(hello)-1])
	send(append(bytes.Clone(hello), 0))
	send(outsider.Start())
	onlySTUNIsAnswered(t, stranger, p.relay.Addr())
	// The control loop has taken what the reader gave it when it answers alice.
	p.alice.dial(p.bob.slotID())
	stranger.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	answer := make([]byte, 2048)
	if n, _, err := stranger.ReadFromUDPAddrPort(answer); err == nil {
		t.Errorf("%d more bytes: %x", n, answer[:n])
	}
}

// onlySTUNIsAnswered asks for the stranger's address. The next that comes is the
// answer, and it shows that all that was sent before has been read.
func onlySTUNIsAnswered(t *testing.T, stranger *net.UDPConn, relay netip.AddrPort) {
	t.Helper()
	asked, request := stun.NewRequest()
	stranger.WriteToUDPAddrPort(request, relay)
	answer := make([]byte, 2048)
	stranger.SetReadDeadline(time.Now().Add(patience))
	n, _, err := stranger.ReadFromUDPAddrPort(answer)
	if err != nil {
		t.Fatal(err)
	}
	_, mapped, ok := stun.ParseResponse(answer[:n], func(id stun.TransactionID) bool { return id == asked })
	if !ok || mapped != stranger.LocalAddr().(*net.UDPAddr).AddrPort() {
		t.Errorf("the first answer has %d bytes: %x", n, answer[:n])
	}
}

// Whoever knows the relay gets an answer, and it is shorter than the question.
func TestAHelloIsAnsweredWithLess(t *testing.T) {
	r := startRelay(t, loopback, rules.ForwarderConfig{}, nil, messages.RelayRate{})
	conn := listen(t, loopback)
	defer conn.Close()
	control, err := relay.NewClientControl(r.Key(), keyOf(8))
	if err != nil {
		t.Fatal(err)
	}
	hello := control.Start()
	conn.WriteToUDPAddrPort(hello, r.Addr())
	answer := make([]byte, 2048)
	conn.SetReadDeadline(time.Now().Add(patience))
	n, _, err := conn.ReadFromUDPAddrPort(answer)
	if err != nil || n > len(hello) {
		t.Fatalf("%d bytes for %d, %v", n, len(hello), err)
	}
	if r.Counters().Clients != 0 {
		t.Error("a hello alone made a client")
	}
}

func TestTheTapHasEveryDatagram(t *testing.T) {
	var tap lockedBuffer
	r := startRelay(t, loopback, rules.ForwarderConfig{}, &tap, messages.RelayRate{})
	alice, bob := startNode(t, r.Addr(), 2), startNode(t, r.Addr(), 3)
	bob.register()
	session := alice.dial(bob.slotID())
	alice.hop(session, "look at this")
	back, _ := bob.receive()
	in, out := tap.datagrams()
	// The hop may overtake the last of what was said for its session.
	for end := time.Now().Add(patience); countOf(in, 0x0a) < 6 || countOf(out, 0x0a) < 6; in, out = tap.datagrams() {
		if time.Now().After(end) {
			t.Fatalf("control: %d in, %d out", countOf(in, 0x0a), countOf(out, 0x0a))
		}
		time.Sleep(time.Millisecond)
	}
	for direction, c := range []struct {
		datagrams [][]byte
		want      messages.HopSession
	}{{in, session}, {out, back}} {
		at := slices.IndexFunc(c.datagrams, func(d []byte) bool { return d[0] == messages.FirstByteHop })
		if at < 0 {
			t.Errorf("direction %d: no hop", direction)
		} else if s, inner, ok := messages.ParseHop(c.datagrams[at]); !ok || s != c.want || string(inner) != "look at this" {
			t.Errorf("direction %d: %x", direction, c.datagrams[at])
		}
	}
}

// countOf is how many of the datagrams begin with that byte.
func countOf(datagrams [][]byte, first byte) (n int) {
	for _, d := range datagrams {
		if d[0] == first {
			n++
		}
	}
	return n
}

func TestServerTakesIPv6AndIPv4OnOneSocket(t *testing.T) {
	r := startRelay(t, netip.MustParseAddrPort("[::]:0"), rules.ForwarderConfig{}, nil, messages.RelayRate{})
	at := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), r.Addr().Port())
	alice, bob := startNode(t, at, 2), startNode(t, at, 3)
	bob.register()
	alice.hop(alice.dial(bob.slotID()), "hello")
	if _, inner := bob.receive(); inner != "hello" {
		t.Errorf("bob got %q", inner)
	}
}

func TestNewServerNamesWhatIsMissing(t *testing.T) {
	conn := listen(t, loopback)
	defer conn.Close()
	deliver := func(messages.RelayForwarderMessage) bool { return true }
	for _, config := range []relay.ServerConfig{
		{Key: keyOf(1), Deliver: deliver}, {Conn: conn, Deliver: deliver}, {Conn: conn, Key: keyOf(1)},
		{Conn: conn, Key: ed25519.PrivateKey{1}, Deliver: deliver},
	} {
		if _, err := relay.NewServer(config); err == nil {
			t.Errorf("%+v was taken", config)
		}
	}
}

func TestServerClosesTwice(t *testing.T) {
	r := startRelay(t, loopback, rules.ForwarderConfig{}, nil, messages.RelayRate{})
	for range 2 {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	// What the actor still says to a closed server does no harm.
	r.Answer(1, messages.RelayLameDuck{})
	r.SetRoute(messages.RelayRoute{})
	r.DropRoute(messages.HopSession{})
	r.DropClient(1)
}
