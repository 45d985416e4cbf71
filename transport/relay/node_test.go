package relay_test

import (
	"crypto/ed25519"
	crand "crypto/rand"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/waymeet/waymeet/messages"
	rules "github.com/waymeet/waymeet/rendezvous/relay"
	"github.com/waymeet/waymeet/transport/relay"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second

func keyOf(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(append(make([]byte, 31), n))
}

func public(key ed25519.PrivateKey) messages.PublicKey {
	return messages.PublicKey(key.Public().(ed25519.PublicKey))
}

func listen(t testing.TB, at netip.AddrPort) *net.UDPConn {
	t.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
	if err != nil {
		t.Fatal(err)
	}
	conn.SetReadBuffer(4 << 20)
	conn.SetWriteBuffer(4 << 20)
	return conn
}

var loopback = netip.MustParseAddrPort("127.0.0.1:0")

// runningRelay is a Server and its Forwarder with a loop between them, as an
// actor would be.
type runningRelay struct {
	*relay.Server
	conn *net.UDPConn
	stop func()
}

func startRelay(t testing.TB, at netip.AddrPort, config rules.ForwarderConfig, tap io.Writer, rate messages.RelayRate) *runningRelay {
	t.Helper()
	return startRelayOn(t, listen(t, at), config, tap, rate)
}

// startRelayOn is startRelay on a socket that is there.
func startRelayOn(t testing.TB, conn *net.UDPConn, config rules.ForwarderConfig, tap io.Writer, rate messages.RelayRate) *runningRelay {
	t.Helper()
	inbox := make(chan messages.RelayForwarderMessage, 256)
	server, err := relay.NewServer(relay.ServerConfig{
		Conn: conn, Key: keyOf(1), Tap: tap, Rate: rate,
		Deliver: func(m messages.RelayForwarderMessage) bool {
			select {
			case inbox <- m:
				return true
			default:
				return false
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	config.Random = crand.Reader
	forwarder, done, ended := rules.NewForwarder(config), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		forward(forwarder, server, inbox, done)
	}()
	var once sync.Once
	r := &runningRelay{Server: server, conn: conn}
	r.stop = func() {
		once.Do(func() {
			close(done)
			<-ended
			server.Close()
		})
	}
	t.Cleanup(r.stop)
	return r
}

func forward(f *rules.Forwarder, s *relay.Server, inbox chan messages.RelayForwarderMessage, done chan struct{}) {
	for {
		var m messages.RelayForwarderMessage = messages.Tick{}
		select {
		case <-done:
			return
		case m = <-inbox:
		case <-wait(f.Deadline()):
		}
		for _, effect := range f.Step(time.Now(), m) {
			switch e := effect.(type) {
			case rules.Answer:
				s.Answer(e.Client, e.Control)
			case rules.SetRoute:
				s.SetRoute(e.Route)
			case rules.DropRoute:
				s.DropRoute(e.Session)
			case rules.DropClient:
				s.DropClient(e.Client)
			}
		}
	}
}

func wait(deadline time.Time) <-chan time.Time {
	if deadline.IsZero() {
		return nil
	}
	return time.After(time.Until(deadline))
}

// node is one client: a socket, the control of one relay, and the machine.
type node struct {
	t       testing.TB
	relay   netip.AddrPort
	control *relay.ClientControl
	slot    ed25519.PrivateKey
	inbox   chan messages.RelayClientMessage
	done    chan struct{}
	running sync.WaitGroup
	// effects and hops are what tests look at.
	effects chan rules.ClientEffect
	hops    chan []byte
	// deaf nodes stop reading.
	deaf atomic.Bool

	mu   sync.Mutex
	conn *net.UDPConn
}

func startNode(t testing.TB, at netip.AddrPort, n byte) *node {
	t.Helper()
	control, err := relay.NewClientControl(public(keyOf(1)), keyOf(n))
	if err != nil {
		t.Fatal(err)
	}
	x := &node{
		t: t, relay: at, control: control, slot: keyOf(n + 100), conn: listen(t, loopback),
		inbox: make(chan messages.RelayClientMessage, 256), done: make(chan struct{}),
		effects: make(chan rules.ClientEffect, 1024), hops: make(chan []byte, 1024),
	}
	x.running.Add(2)
	go x.read(x.conn)
	go x.run(rules.NewClient(rules.ClientConfig{Random: rand.New(rand.NewPCG(uint64(n), 0))}))
	t.Cleanup(func() {
		close(x.done)
		x.socket().Close()
		x.running.Wait()
	})
	return x
}

func (x *node) socket() *net.UDPConn {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.conn
}

// move goes on from another port, as behind a NAT that forgot.
func (x *node) move() {
	conn := listen(x.t, loopback)
	x.mu.Lock()
	old := x.conn
	x.conn = conn
	x.mu.Unlock()
	old.Close()
	x.running.Add(1)
	go x.read(conn)
	x.inbox <- messages.RelayNetworkChanged{}
}

func (x *node) read(conn *net.UDPConn) {
	defer x.running.Done()
	buffer := make([]byte, 2048)
	for {
		n, _, err := conn.ReadFromUDPAddrPort(buffer)
		if err != nil {
			return
		}
		if x.deaf.Load() {
			<-x.done
			return
		}
		datagram := append([]byte(nil), buffer[:n]...)
		if m, ok := x.control.Open(datagram); ok {
			select {
			case x.inbox <- m:
			case <-x.done:
				return
			}
		} else if _, _, isHop := messages.ParseHop(datagram); isHop {
			select {
			case x.inbox <- messages.RelayHeard{}:
			case <-x.done:
				return
			}
			select {
			case x.hops <- datagram:
			default: // a full socket buffer would drop it as well
			}
		}
	}
}

func (x *node) run(machine *rules.Client) {
	defer x.running.Done()
	for {
		var m messages.RelayClientMessage = messages.Tick{}
		select {
		case <-x.done:
			return
		case m = <-x.inbox:
		case <-wait(machine.Deadline()):
		}
		for _, effect := range machine.Step(time.Now(), m) {
			x.perform(effect)
			x.effects <- effect
		}
	}
}

func (x *node) perform(effect rules.ClientEffect) {
	var datagram []byte
	var err error
	switch e := effect.(type) {
	case rules.StartHandshake:
		datagram = x.control.Start()
	case rules.RepeatHandshake:
		datagram = x.control.Repeat()
	case rules.SendControl:
		datagram, err = x.control.Seal(e.Control)
	case rules.SendRegister:
		datagram, err = x.control.SealRegister(e.Request, x.slot)
	}
	if err != nil {
		x.t.Errorf("%T: %v", effect, err)
	}
	if datagram != nil {
		x.send(datagram)
	}
}

func (x *node) send(datagram []byte) { x.socket().WriteToUDPAddrPort(datagram, x.relay) }

func (x *node) slotID() messages.SlotID { return messages.SlotOf(public(x.slot)) }

// waitFor drops effects until one of that type comes.
func waitFor[E rules.ClientEffect](x *node) E {
	x.t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case effect := <-x.effects:
			if e, ok := effect.(E); ok {
				return e
			}
		case <-timeout:
			var none E
			x.t.Fatalf("no %T came", none)
			return none
		}
	}
}

// observed waits until the relay has told the address that the node has now.
func (x *node) observed() {
	x.t.Helper()
	want := x.socket().LocalAddr().(*net.UDPAddr).AddrPort()
	for waitFor[rules.AddressObserved](x).Address != want {
	}
}

// register registers the node's slot.
func (x *node) register() {
	x.t.Helper()
	x.inbox <- messages.RelayRegisterSlot{Slot: x.slotID()}
	waitFor[rules.SlotRegistered](x)
}

// dial dials until there is a session, as a node would.
func (x *node) dial(slot messages.SlotID) messages.HopSession {
	x.t.Helper()
	for n := range messages.RelayDialID(10) {
		x.inbox <- messages.RelayDialSlot{Dial: 1000 + n, Slot: slot}
		timeout := time.After(patience)
	answers:
		for {
			select {
			case effect := <-x.effects:
				switch e := effect.(type) {
				case rules.SessionReady:
					return e.Session
				case rules.SessionFailed:
					break answers
				}
			case <-timeout:
				x.t.Fatal("a dial was never answered")
			}
		}
	}
	x.t.Fatal("no session after ten dials")
	return messages.HopSession{}
}

// receive is the next hop datagram.
func (x *node) receive() (messages.HopSession, string) {
	x.t.Helper()
	select {
	case datagram := <-x.hops:
		session, inner, _ := messages.ParseHop(datagram)
		return session, string(inner)
	case <-time.After(patience):
		x.t.Fatal("no hop datagram came")
		return messages.HopSession{}, ""
	}
}

func (x *node) hop(session messages.HopSession, inner string) {
	x.send(messages.AppendHop(nil, session, []byte(inner)))
}

// lockedBuffer is a tap that tests read.
type lockedBuffer struct {
	mu sync.Mutex
	b  []byte
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.b = append(l.b, p...)
	return len(p), nil
}

// datagrams are those that were tapped until now, received and sent.
func (l *lockedBuffer) datagrams() (in, out [][]byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for rest := l.b; len(rest) > 0; {
		n := binary.BigEndian.Uint32(rest[1:])
		if rest[0] == 0 {
			in = append(in, rest[5:5+n])
		} else {
			out = append(out, rest[5:5+n])
		}
		rest = rest[5+n:]
	}
	return in, out
}
