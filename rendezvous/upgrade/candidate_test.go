package upgrade

import (
	"net/netip"
	"testing"

	"github.com/waymeet/waymeet/messages"
)

func prefix(name, text string, isDefault bool) messages.Binding {
	return messages.Binding{Interface: name, Prefix: netip.MustParsePrefix(text), Default: isDefault}
}

// SPEC 10.6: "never to multicast, unspecified addresses or the relay itself;
// loopback only when the node's own sockets are bound to it; private ranges
// only when a local interface has that prefix."
func TestCandidateFor(t *testing.T) {
	wild := messages.LocalNetwork{
		Socket: netip.MustParseAddrPort("[::]:4000"),
		Bindings: []messages.Binding{
			prefix("docker0", "172.17.0.1/16", false), prefix("eth0", "192.168.1.7/24", true),
			prefix("eth0", "2001:db8:1::7/64", true), prefix("eth0", "fe80::1/64", false),
			prefix("lo", "127.0.0.1/8", false),
		},
	}
	loopback := messages.LocalNetwork{
		Socket: netip.MustParseAddrPort("127.0.0.1:4000"), Bindings: []messages.Binding{prefix("lo", "127.0.0.1/8", false)},
	}
	alone := messages.LocalNetwork{Socket: netip.MustParseAddrPort("0.0.0.0:4000")}
	relays := []netip.AddrPort{netip.MustParseAddrPort("198.51.100.1:7342")}
	cases := []struct {
		addr  string
		local messages.LocalNetwork
		want  string // the interface, or "" for never
	}{
		{"203.0.113.9:51820", wild, "eth0"},
		{"[::ffff:203.0.113.9]:51820", wild, "eth0"},
		{"192.168.1.20:1", wild, "eth0"},
		{"172.17.3.3:1", wild, "docker0"},
		{"[2001:db8:2::1]:1", wild, "eth0"},
		{"203.0.113.9:0", wild, ""},
		{"203.0.113.9:51820", alone, ""},
		{"203.0.113.9:51820", loopback, ""},
		{"192.168.2.20:1", wild, ""},
		{"10.0.0.1:1", wild, ""},
		{"100.64.0.1:1", wild, ""},
		{"[fd00::1]:1", wild, ""},
		{"192.168.1.255:1", wild, ""},
		{"192.168.1.7:4000", wild, ""},
		{"192.168.1.7:4001", wild, "eth0"},
		{"127.0.0.1:1", wild, ""},
		{"127.0.0.1:1", loopback, "lo"},
		{"127.0.0.1:4000", loopback, ""},
		{"[::1]:1", loopback, ""},
		{"0.0.0.0:1", wild, ""},
		{"[::]:1", wild, ""},
		{"224.0.0.251:1", wild, ""},
		{"[ff02::1]:1", wild, ""},
		{"255.255.255.255:1", wild, ""},
		{"169.254.1.1:1", wild, ""},
		{"[fe80::2]:1", wild, ""},
		{"[fe80::2%eth0]:1", wild, ""},
		{"198.51.100.1:7342", wild, ""},
		{"198.51.100.1:7343", wild, "eth0"},
	}
	for _, c := range cases {
		got, ok := candidateFor(netip.MustParseAddrPort(c.addr), c.local, relays)
		if ok != (c.want != "") || ok && got.binding.Interface != c.want {
			t.Errorf("%s from %s: %q %v, want %q", c.addr, c.local.Socket, got.binding.Interface, ok, c.want)
		}
	}
}

// SPEC 10.5: "Recoverable = the candidate's local binding belongs to an
// interface that exists now."
func TestRecoverable(t *testing.T) {
	local := messages.LocalNetwork{Bindings: []messages.Binding{ethernet}}
	for _, c := range []struct {
		binding messages.Binding
		want    bool
	}{
		{ethernet, true},
		{prefix("eth0", "192.168.1.7/24", false), true},
		{prefix("eth0", "192.168.1.8/24", true), false},
		{prefix("wlan0", "192.168.1.7/24", true), false},
		{messages.Binding{}, false},
	} {
		if got := recoverable(c.binding, local); got != c.want {
			t.Errorf("%+v: %v", c.binding, got)
		}
	}
}
