package netwatch

import (
	"net/netip"
	"testing"
)

func aSnapshot() Snapshot {
	return Snapshot{
		Interfaces: []Interface{
			{Name: "lo", Index: 1, Up: true, Loopback: true, Prefixes: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/8")}},
			{Name: "eth0", Index: 2, Up: true, Prefixes: []netip.Prefix{netip.MustParsePrefix("192.0.2.7/24"), netip.MustParsePrefix("2001:db8::7/64")}},
		},
		Defaults: []Route{{Interface: 2, Gateway: netip.MustParseAddr("192.0.2.1"), Metric: 100}},
	}
}

// SPEC 10.9: "Network change = interface, address or default-route change".
func TestDifference(t *testing.T) {
	tests := []struct {
		want   string
		change func(*Snapshot)
	}{
		{"", func(*Snapshot) {}},
		{"interface eth0 is gone", func(s *Snapshot) { s.Interfaces = s.Interfaces[:1] }},
		{"interface eth0 is gone", func(s *Snapshot) { s.Interfaces[1].Index = 9 }},
		{"interface wlan0 is new", func(s *Snapshot) { s.Interfaces = append(s.Interfaces, Interface{Name: "wlan0", Index: 3}) }},
		{"interface eth0 is down", func(s *Snapshot) { s.Interfaces[1].Up = false }},
		{"addresses of eth0 changed", func(s *Snapshot) { s.Interfaces[1].Prefixes = s.Interfaces[1].Prefixes[:1] }},
		{"addresses of eth0 changed", func(s *Snapshot) { s.Interfaces[1].Prefixes[0] = netip.MustParsePrefix("192.0.2.7/25") }},
		{"default route changed", func(s *Snapshot) { s.Defaults = nil }},
		{"default route changed", func(s *Snapshot) { s.Defaults[0].Gateway = netip.MustParseAddr("192.0.2.2") }},
	}
	for _, test := range tests {
		before, after := aSnapshot(), aSnapshot()
		test.change(&after)
		if got := before.Difference(after); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
		if before.Equal(after) != (test.want == "") {
			t.Errorf("%q: Equal says otherwise", test.want)
		}
	}
	down := aSnapshot()
	down.Interfaces[1].Up = false
	if got := down.Difference(aSnapshot()); got != "interface eth0 is up" {
		t.Errorf("got %q", got)
	}
}

func TestAddressesAreThoseOfInterfacesThatAreUp(t *testing.T) {
	s := aSnapshot()
	s.Interfaces[0].Up = false
	got := s.Addresses()
	if len(got) != 2 || got[0] != netip.MustParseAddr("192.0.2.7") || got[1] != netip.MustParseAddr("2001:db8::7") {
		t.Errorf("got %v", got)
	}
}

func TestReadFindsTheLoopback(t *testing.T) {
	s, err := Read()
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, i := range s.Interfaces {
		found = found || i.Loopback && i.Index > 0 && i.Name != ""
	}
	if !found {
		t.Errorf("no loopback among %+v", s.Interfaces)
	}
}

// Somebody else may change the network meanwhile, but not all the time.
func TestTwoLooksAtTheSameNetworkAreEqual(t *testing.T) {
	var why string
	for range 20 {
		one, err := Read()
		if err != nil {
			t.Fatal(err)
		}
		two, err := Read()
		if err != nil {
			t.Fatal(err)
		}
		if why = one.Difference(two); why == "" {
			return
		}
	}
	t.Errorf("two looks in a row always differ: %s", why)
}
