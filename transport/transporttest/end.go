package transporttest

import (
	"net"
	"net/netip"
	"sync"
	"testing"

	"github.com/waymeet/waymeet/transport/memory"
	"github.com/waymeet/waymeet/transport/mux"
)

// End is a socket with a log of what came to it.
type End struct {
	Socket *mux.Socket

	mu       sync.Mutex
	events   []mux.Event
	hellos   []mux.Hello
	controls []mux.Control
	packets  []Packet
}

// Packet is what Pump read: a QUIC packet of a link.
type Packet struct {
	Link *mux.Link
	Data string
}

// Options of an End: what else its callbacks do. The zero Options add nothing.
type Options struct {
	// Config is taken for what the End does not set itself.
	Config mux.Config
	// Hello and Event are called after the log has taken it.
	Hello func(*End, mux.Hello)
	Event func(*End, mux.Event)
}

// NewEnd opens a mux over a connection; the test's end closes it.
func NewEnd(t testing.TB, conn net.PacketConn, o Options) *End {
	t.Helper()
	e := &End{}
	config := o.Config
	config.Hello = func(h mux.Hello) bool {
		e.mu.Lock()
		e.hellos = append(e.hellos, h)
		e.mu.Unlock()
		if o.Hello != nil {
			o.Hello(e, h)
		}
		return true
	}
	config.Event = func(event mux.Event) {
		e.mu.Lock()
		e.events = append(e.events, event)
		e.mu.Unlock()
		if o.Event != nil {
			o.Event(e, event)
		}
	}
	if config.Deliver == nil {
		config.Deliver = func(c mux.Control) bool {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.controls = append(e.controls, c)
			return true
		}
	}
	e.Socket = mux.New(conn, config)
	t.Cleanup(func() { e.Socket.Close() })
	return e
}

// Loopback opens a UDP socket on 127.0.0.1.
func Loopback(t testing.TB) *net.UDPConn {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// Memory opens a socket on a network in memory.
func Memory(t testing.TB, n *memory.Network, at string) *memory.Conn {
	t.Helper()
	conn, err := n.Listen(netip.MustParseAddrPort(at))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// Pump reads QUIC packets off the socket into the log, as quic-go would; the
// test's end stops it.
func (e *End) Pump(t testing.TB) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		b := make([]byte, 2048)
		for {
			n, addr, err := e.Socket.PacketConn().ReadFrom(b)
			if err != nil {
				return
			}
			link, _ := e.Socket.LinkAt(addr)
			e.mu.Lock()
			e.packets = append(e.packets, Packet{link, string(b[:n])})
			e.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		e.Socket.Close()
		<-ended
	})
}

// Path is the direct path to this end.
func (e *End) Path() mux.Path { return mux.Direct(e.Socket.LocalAddr()) }

// Events returns the events so far and forgets them.
func (e *End) Events() []mux.Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	events := e.events
	e.events = nil
	return events
}

// Seen is how many events there are.
func (e *End) Seen() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.events)
}

// Hellos returns the hellos so far and forgets them.
func (e *End) Hellos() []mux.Hello {
	e.mu.Lock()
	defer e.mu.Unlock()
	hellos := e.hellos
	e.hellos = nil
	return hellos
}

// Controls returns the control datagrams so far and forgets them.
func (e *End) Controls() []mux.Control {
	e.mu.Lock()
	defer e.mu.Unlock()
	controls := e.controls
	e.controls = nil
	return controls
}

// Packets returns the QUIC packets that Pump read so far and forgets them.
func (e *End) Packets() []Packet {
	e.mu.Lock()
	defer e.mu.Unlock()
	packets := e.packets
	e.packets = nil
	return packets
}

// Texts are the data of Packets.
func (e *End) Texts() []string {
	var texts []string
	for _, p := range e.Packets() {
		texts = append(texts, p.Data)
	}
	return texts
}
