package messages

import (
	"net/netip"
	"testing"
)

func TestPathString(t *testing.T) {
	addr := netip.MustParseAddrPort("203.0.113.1:7342")
	for want, path := range map[string]Path{
		"no path":                 {},
		"direct 203.0.113.1:7342": {Kind: PathDirect, Addr: addr},
		"relay 203.0.113.1:7342":  {Kind: PathRelay, Addr: addr, Session: HopSession{10, 11, 12, 13}},
	} {
		if got := path.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
