package messages

import "testing"

func TestLinkEndpointValidate(t *testing.T) {
	direct := func(address string) LinkEndpoint { return LinkEndpoint{Protocol: LinkQUIC, Address: address} }
	relay := func(address string) LinkEndpoint {
		return LinkEndpoint{Protocol: LinkRelayUDP, Address: address, RelayKey: PublicKey{1}, Slot: SlotID{1}}
	}
	with := func(e LinkEndpoint, change func(*LinkEndpoint)) LinkEndpoint { change(&e); return e }
	cases := []struct {
		name     string
		endpoint LinkEndpoint
		valid    bool
	}{
		{"IPv4", direct("203.0.113.9:51820"), true},
		{"IPv6", direct("[2001:db8::1]:51820"), true},
		{"reflexive", with(direct("203.0.113.9:1"), func(e *LinkEndpoint) { e.Protocol = LinkQUICReflexive }), true},
		{"relay by name", relay("relay.example:7342"), true},
		{"relay by address", relay("203.0.113.1:7342"), true},
		{"relay over WebSocket", with(relay("relay.example:443"), func(e *LinkEndpoint) { e.Protocol = LinkRelayWS }), true},
		{"no address", direct(""), false},
		{"a direct name", direct("peer.example:51820"), false},
		{"port 0", direct("203.0.113.9:0"), false},
		{"unspecified", direct("0.0.0.0:1"), false},
		{"multicast", direct("224.0.0.1:1"), false},
		{"direct with a slot", with(direct("203.0.113.9:1"), func(e *LinkEndpoint) { e.Slot = SlotID{1} }), false},
		{"direct with a relay key", with(direct("203.0.113.9:1"), func(e *LinkEndpoint) { e.RelayKey = PublicKey{1} }), false},
		{"relay without a key", with(relay("relay.example:7342"), func(e *LinkEndpoint) { e.RelayKey = PublicKey{} }), false},
		{"relay without a slot", with(relay("relay.example:7342"), func(e *LinkEndpoint) { e.Slot = SlotID{} }), false},
		{"relay without a port", relay("relay.example"), false},
		{"relay at port 0", relay("relay.example:0"), false},
		{"relay at port 70000", relay("relay.example:70000"), false},
		{"unknown protocol", LinkEndpoint{Protocol: 9, Address: "203.0.113.9:1"}, false},
		{"nothing", LinkEndpoint{}, false},
	}
	for _, c := range cases {
		if err := c.endpoint.Validate(); (err == nil) != c.valid {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
