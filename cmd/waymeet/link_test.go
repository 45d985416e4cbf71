package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	// linkBuffer is what a socket of a link keeps, in bytes.
	linkBuffer = 4 << 20
	// linkWorst is the longest datagram.
	linkWorst = 64 << 10
)

// link is a way for datagrams to one address, for any number of clients, that
// can be cut: then it loses all of them, in both directions, and nobody is told.
type link struct {
	isCut           atomic.Bool
	passed, dropped atomic.Uint64

	front   *net.UDPConn
	to      netip.AddrPort
	mu      sync.Mutex
	backs   map[netip.AddrPort]*net.UDPConn // by client
	running sync.WaitGroup
}

// open begins at a free port, and returns the relay URL with its own address in
// place of the relay's.
func (l *link) open(url string) (string, error) {
	key, address, found := strings.Cut(url, "@")
	if !found {
		return "", fmt.Errorf("%q is no relay URL", url)
	}
	var err error
	if l.to, err = netip.ParseAddrPort(address); err != nil {
		return "", err
	}
	l.front, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		return "", err
	}
	l.backs = make(map[netip.AddrPort]*net.UDPConn)
	_ = l.front.SetReadBuffer(linkBuffer) // as much as the kernel allows
	l.running.Go(l.forward)
	return key + "@" + l.front.LocalAddr().String(), nil
}

func (l *link) close() {
	l.front.Close()
	l.mu.Lock()
	for _, back := range l.backs {
		back.Close()
	}
	l.mu.Unlock()
	l.running.Wait()
}

// pass counts a datagram, and reports whether it goes through.
func (l *link) pass() bool {
	if l.isCut.Load() {
		l.dropped.Add(1)
		return false
	}
	l.passed.Add(1)
	return true
}

func (l *link) forward() {
	for b := make([]byte, linkWorst); ; {
		n, client, err := l.front.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		if !l.pass() {
			continue
		}
		if back, err := l.back(client); err == nil {
			_, _ = back.Write(b[:n]) // what does not arrive is lost, as on any link
		}
	}
}

// back is the socket that stands for a client.
func (l *link) back(client netip.AddrPort) (*net.UDPConn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if back := l.backs[client]; back != nil {
		return back, nil
	}
	back, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(l.to))
	if err != nil {
		return nil, err
	}
	_ = back.SetReadBuffer(linkBuffer)
	l.backs[client] = back
	l.running.Go(func() { l.returning(back, client) })
	return back, nil
}

func (l *link) returning(back *net.UDPConn, client netip.AddrPort) {
	for b := make([]byte, linkWorst); ; {
		n, err := back.Read(b)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil && l.pass() { // else nobody listens there now
			_, _ = l.front.WriteToUDPAddrPort(b[:n], client)
		}
	}
}

// A link that is cut loses everything, in both directions; one that is not
// keeps its clients apart.
func TestLink(t *testing.T) {
	far, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	l := &link{}
	url, err := l.open("waymeet-relay://rk-key@" + far.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	_, address, _ := strings.Cut(url, "@")
	said := uint64(0)
	listen := func(from net.PacketConn, what string) (net.Addr, bool) {
		said++
		for end := time.Now().Add(patience); l.passed.Load()+l.dropped.Load() < said && time.Now().Before(end); {
			time.Sleep(time.Millisecond) // the link has not had it yet
		}
		within := patience
		if l.isCut.Load() {
			within = 50 * time.Millisecond // for nothing
		}
		b := make([]byte, 16)
		_ = from.SetReadDeadline(time.Now().Add(within))
		n, addr, err := from.ReadFrom(b)
		return addr, err == nil && string(b[:n]) == what
	}
	var backs []string
	for _, name := range []string{"one", "two"} {
		near, err := net.Dial("udp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer near.Close()
		say := func(what string) (net.Addr, bool) {
			if _, err := near.Write([]byte(what)); err != nil {
				t.Fatal(err)
			}
			return listen(far, what)
		}
		back, arrived := say(name)
		if !arrived {
			t.Fatalf("%s does not arrive", name)
		}
		backs = append(backs, back.String())
		for _, cut := range []bool{false, true, false} {
			l.isCut.Store(cut)
			if _, arrived := say("there"); arrived == cut {
				t.Errorf("%s: cut %v, and it arrives there: %v", name, cut, arrived)
			}
			if _, err := far.WriteTo([]byte("back"), back); err != nil {
				t.Fatal(err)
			}
			if _, arrived := listen(near.(net.PacketConn), "back"); arrived == cut {
				t.Errorf("%s: cut %v, and it arrives back: %v", name, cut, arrived)
			}
		}
	}
	if backs[0] == backs[1] || l.dropped.Load() != 4 || l.passed.Load() != 10 {
		t.Errorf("clients %v, %d passed, %d lost", backs, l.passed.Load(), l.dropped.Load())
	}
}
