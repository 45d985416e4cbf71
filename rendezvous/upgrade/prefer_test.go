package upgrade

import (
	"net/netip"
	"testing"
	"time"
)

// SPEC 10.7: "Path choice is one pure function (validated, recoverable, RTT
// with 5 ms stickiness, IPv6 bonus 3 ms, loss evidence)."
func TestPrefer(t *testing.T) {
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	relay := Estimate{Path: relayPath, Validated: true, Recoverable: true, RTT: ms(20)}
	v4 := func(rtt int) Estimate {
		return Estimate{Path: directPath, Validated: true, Recoverable: true, RTT: ms(rtt)}
	}
	v6 := func(rtt int) Estimate {
		e := v4(rtt)
		e.Path.Addr = netip.MustParseAddrPort("[2001:db8::1]:1")
		return e
	}
	with := func(e Estimate, change func(*Estimate)) Estimate { change(&e); return e }
	unvalidated := func(e *Estimate) { e.Validated = false }
	unrecoverable := func(e *Estimate) { e.Recoverable = false }
	silent := func(e *Estimate) { e.Silent = true }
	cases := []struct {
		name                string
		current, challenger Estimate
		want                bool
	}{
		{"a validated direct path goes before the relay", relay, v4(10), true},
		{"even a slower one", relay, v4(200), true},
		{"an unvalidated one does not", relay, with(v4(1), unvalidated), false},
		{"nor one that cannot leave any more", relay, with(v4(1), unrecoverable), false},
		{"the relay does not take a direct path's place", v4(100), relay, false},
		{"but that of a silent one", with(v4(1), silent), relay, true},
		{"or of one whose binding is gone", with(v4(1), unrecoverable), relay, true},
		{"a silent challenger loses", v4(50), with(v4(1), silent), false},
		{"5 ms stick", v4(20), v4(15), false},
		{"more than that does not", v4(20), v4(14), true},
		{"IPv6 is 3 ms better", v4(20), v6(17), true},
		{"but no more", v4(20), v6(18), false},
		{"and harder to leave", v6(20), v4(12), false},
		{"by 3 ms", v6(20), v4(11), true},
		{"nothing changes between equals", v4(20), v4(20), false},
	}
	for _, c := range cases {
		if got := Prefer(c.current, c.challenger); got != c.want {
			t.Errorf("%s: got %v", c.name, got)
		}
	}
}
