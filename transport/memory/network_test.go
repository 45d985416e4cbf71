package memory

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

func addr(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

func listen(t *testing.T, open func(netip.AddrPort) (*Conn, error), at string) *Conn {
	t.Helper()
	c, err := open(addr(at))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func send(t *testing.T, c *Conn, text, to string) {
	t.Helper()
	if _, err := c.WriteTo([]byte(text), net.UDPAddrFromAddrPort(addr(to))); err != nil {
		t.Fatal(err)
	}
}

// read returns what comes within a virtual second as "text from address".
func read(t *testing.T, c *Conn) string {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 100)
	n, from, err := c.ReadFrom(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return "nothing"
	}
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s from %v", b[:n], from)
}

func expect(t *testing.T, c *Conn, want string) {
	t.Helper()
	if got := read(t, c); got != want {
		t.Errorf("read %q, want %q", got, want)
	}
}

func TestDatagramsKeepOrderAndDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(1, Link{Delay: 30 * time.Millisecond})
		a, b := listen(t, n.Listen, "192.0.2.1:1"), listen(t, n.Listen, "192.0.2.2:2")
		began := time.Now()
		for i := range 100 {
			send(t, a, fmt.Sprint(i), "192.0.2.2:2")
		}
		for i := range 100 {
			expect(t, b, fmt.Sprintf("%d from 192.0.2.1:1", i))
		}
		if took := time.Since(began); took != 30*time.Millisecond {
			t.Errorf("took %v, want the delay of the link", took)
		}
	})
}

func TestLossIsSeeded(t *testing.T) {
	lost := func(seed uint64) (got string) {
		synctest.Test(t, func(t *testing.T) {
			n := New(seed, Link{Loss: 0.5})
			a, b := listen(t, n.Listen, "192.0.2.1:1"), listen(t, n.Listen, "192.0.2.2:2")
			for i := range 64 {
				send(t, a, fmt.Sprint(i), "192.0.2.2:2")
			}
			for text := read(t, b); text != "nothing"; text = read(t, b) {
				got += text
			}
			if n.Dropped() < 16 || n.Dropped() > 48 {
				t.Errorf("%d of 64 lost at 50 %%", n.Dropped())
			}
		})
		return got
	}
	if first := lost(7); first != lost(7) {
		t.Error("the same seed lost other datagrams")
	} else if first == lost(8) {
		t.Error("another seed lost the same datagrams")
	}
}

func TestCutPartsAndJoins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(1, Link{})
		a, b := listen(t, n.Listen, "192.0.2.1:1"), listen(t, n.Listen, "192.0.2.2:2")
		n.Cut(a.addr.Addr(), b.addr.Addr(), true)
		send(t, a, "x", "192.0.2.2:2")
		expect(t, b, "nothing")
		n.Cut(b.addr.Addr(), a.addr.Addr(), false)
		send(t, a, "y", "192.0.2.2:2")
		expect(t, b, "y from 192.0.2.1:1")
	})
}

func TestSetLinkChangesOnePair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(1, Link{})
		a, b := listen(t, n.Listen, "192.0.2.1:1"), listen(t, n.Listen, "192.0.2.2:2")
		n.SetLink(a.addr.Addr(), b.addr.Addr(), Link{Loss: 1})
		send(t, a, "x", "192.0.2.2:2")
		expect(t, b, "nothing")
	})
}

func TestEndpointIndependentNATLetsPunch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(1, Link{Delay: 10 * time.Millisecond})
		left, _ := n.NAT(EndpointIndependent, netip.MustParseAddr("198.51.100.1"))
		right, _ := n.NAT(EndpointIndependent, netip.MustParseAddr("198.51.100.2"))
		a, b := listen(t, left.Listen, "10.0.0.1:5"), listen(t, right.Listen, "10.0.0.1:5")
		stun := listen(t, n.Listen, "192.0.2.1:3478")
		send(t, a, "a", "192.0.2.1:3478")
		send(t, b, "b", "192.0.2.1:3478")
		expect(t, stun, "a from 198.51.100.1:20000")
		expect(t, stun, "b from 198.51.100.2:20000")

		send(t, a, "knock", "198.51.100.2:20000")
		expect(t, b, "nothing") // b has not written to a: filtered
		// Both at once: each one's first datagram opens its own gate before the
		// other's arrives.
		send(t, a, "hello", "198.51.100.2:20000")
		send(t, b, "hello", "198.51.100.1:20000")
		expect(t, a, "hello from 198.51.100.2:20000")
		expect(t, b, "hello from 198.51.100.1:20000")
		left.Forget()
		send(t, b, "late", "198.51.100.1:20000")
		expect(t, a, "nothing")
	})
}

func TestSymmetricNATHasAPortEachDestination(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(1, Link{})
		gate, _ := n.NAT(Symmetric, netip.MustParseAddr("198.51.100.1"))
		inside := listen(t, gate.Listen, "10.0.0.1:5")
		friend := listen(t, gate.Listen, "10.0.0.2:5")
		x, y := listen(t, n.Listen, "192.0.2.1:1"), listen(t, n.Listen, "192.0.2.2:2")
		send(t, inside, "1", "192.0.2.1:1")
		send(t, inside, "2", "192.0.2.2:2")
		expect(t, x, "1 from 198.51.100.1:20000")
		expect(t, y, "2 from 198.51.100.1:20001")
		send(t, y, "wrong port", "198.51.100.1:20000")
		expect(t, inside, "nothing")
		send(t, y, "answer", "198.51.100.1:20001")
		expect(t, inside, "answer from 192.0.2.2:2")
		send(t, friend, "at home", "10.0.0.1:5")
		expect(t, inside, "at home from 10.0.0.2:5")
	})
}

func TestAddressesAreExclusive(t *testing.T) {
	n := New(1, Link{})
	a := listen(t, n.Listen, "192.0.2.1:1")
	if _, err := n.Listen(a.addr); !errors.Is(err, ErrInUse) {
		t.Errorf("second socket: %v, want ErrInUse", err)
	}
	if c := listen(t, n.Listen, "192.0.2.1:0"); c.addr.Port() == 0 {
		t.Error("port 0 stayed 0")
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := a.WriteTo(nil, a.LocalAddr()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("write after close: %v", err)
	}
	listen(t, n.Listen, "192.0.2.1:1")
}

func TestCloseAndDeadlineWakeAReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(1, Link{})
		a := listen(t, n.Listen, "192.0.2.1:1")
		errs := make(chan error)
		blocked := func() {
			_, _, err := a.ReadFrom(make([]byte, 1))
			errs <- err
		}
		go blocked()
		synctest.Wait()
		a.SetReadDeadline(time.Now())
		if err := <-errs; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read: %v, want the deadline", err)
		}
		a.SetReadDeadline(time.Time{})
		go blocked()
		go blocked()
		synctest.Wait()
		a.Close()
		for range 2 {
			if err := <-errs; !errors.Is(err, net.ErrClosed) {
				t.Errorf("read: %v, want closed", err)
			}
		}
	})
}
