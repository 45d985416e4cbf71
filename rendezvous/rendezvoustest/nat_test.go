package rendezvoustest

import (
	"net/netip"
	"testing"
)

// A NAT gives a port for what its mapping depends on, and lets in what its
// filtering depends on (RFC 4787, 4.1 and 5).
func TestNATMapsAndFilters(t *testing.T) {
	inside := netip.MustParseAddrPort("10.1.0.1:4000")
	there, otherPort := netip.MustParseAddrPort("203.0.113.9:1"), netip.MustParseAddrPort("203.0.113.9:2")
	elsewhere := netip.MustParseAddrPort("203.0.113.8:1")
	for _, c := range []struct {
		kind string
		// Whether another port, another address of the destination is sent to from
		// the same public port, and whether an answer from there comes in.
		portSame, addressSame bool
		letsPort, letsAddress bool
	}{
		{"eif", true, true, true, true},
		{"adf", true, true, true, false},
		{"apdf", true, true, false, false},
		{"adm", true, false, false, false},
		{"sym", false, false, false, false},
	} {
		kind, err := kindOfNAT(c.kind)
		if err != nil {
			t.Fatal(err)
		}
		w := New(1)
		g := w.addNAT("gate", kind)
		public := g.outgoing(inside, there)
		if got := g.incoming(public.Port(), there); got != inside {
			t.Errorf("%s: the answer goes to %v", c.kind, got)
		}
		if got := g.incoming(public.Port(), otherPort) == inside; got != c.letsPort {
			t.Errorf("%s: another port comes in: %t", c.kind, got)
		}
		if got := g.incoming(public.Port(), elsewhere) == inside; got != c.letsAddress {
			t.Errorf("%s: another address comes in: %t", c.kind, got)
		}
		if got := g.outgoing(inside, otherPort) == public; got != c.portSame {
			t.Errorf("%s: one port toward two ports: %t", c.kind, got)
		}
		if got := g.outgoing(inside, elsewhere) == public; got != c.addressSame {
			t.Errorf("%s: one port toward two addresses: %t", c.kind, got)
		}
		g.forget()
		if got := g.incoming(public.Port(), there); got.IsValid() {
			t.Errorf("%s: it has not forgotten", c.kind)
		}
	}
}

// Weather loses, repeats and delays as often as it says.
func TestWeather(t *testing.T) {
	const n = 10_000
	w := New(1)
	w.setWeather(weather{loss: 0.25, twice: 0.5, jitter: 100})
	lost, twice, late := 0, 0, 0
	for range n {
		switch arrivals := w.wire.weather.arrivals(w.wire.sky); len(arrivals) {
		case 0:
			lost++
		case 2:
			twice++
			late += int(arrivals[1])
		}
	}
	if lost < n/5 || lost > n*3/10 || twice < n/3 || twice > n*2/5 || late/twice < 40 || late/twice > 60 {
		t.Errorf("of %d %d are lost, %d come twice, %d late", n, lost, twice, late/twice)
	}
}
