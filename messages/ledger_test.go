package messages

import (
	"testing"
	"time"
)

// SPEC 5.5: "limit 1024 per epoch and per 24 h; spent is a grow-only counter
// keyed by (epoch, day)."
func TestFlowRemaining(t *testing.T) {
	peer, other := AuthorityID{1}, AuthorityID{2}
	l := Ledger{Flow: map[FlowKey]FlowCost{{peer, 3, 10}: 24, {other, 3, 10}: 5000}}
	for key, want := range map[FlowKey]FlowCost{
		{peer, 3, 10}: 1000, {peer, 4, 10}: 1024, {peer, 3, 11}: 1024, {other, 3, 10}: 0, {AuthorityID{9}, 3, 10}: 1024,
	} {
		if got := l.FlowRemaining(key, FlowLimit); got != want {
			t.Errorf("%v: %d left, want %d", key, got, want)
		}
	}
	if got := (Ledger{}).FlowRemaining(FlowKey{Peer: peer}, FlowLimit); got != FlowLimit {
		t.Errorf("an empty ledger has %d left", got)
	}
}

// SPEC 5.6: "default 1000/500/100 per rolling 24 h".
func TestLeakageRemaining(t *testing.T) {
	now := MillisOf(time.Date(2026, 5, 6, 12, 30, 0, 0, time.UTC))
	spent := Leakage{External: 1, Neighbor: 2, InGroup: 3}
	for hours, counts := range map[int]bool{0: true, 1: true, 24: true, 25: false, 48: false, -3: true} {
		l := Ledger{Leaked: map[Hour]Leakage{now.Add(time.Duration(-hours) * time.Hour).Hour(): spent}}
		want := LeakageLimit
		if counts {
			want = LeakageLimit.Less(spent)
		}
		if got := l.LeakageRemaining(now, LeakageLimit); got != want {
			t.Errorf("%d hours ago: %+v left, want %+v", hours, got, want)
		}
	}
	twice := Ledger{Leaked: map[Hour]Leakage{now.Hour(): {InGroup: 70}, now.Hour() - 1: {InGroup: 70}}}
	if got := twice.LeakageRemaining(now, LeakageLimit); got.InGroup != 0 || got.External != LeakageLimit.External {
		t.Errorf("overdrawn: %+v", got)
	}
}

func TestLeakage(t *testing.T) {
	a, b := Leakage{5, 5, 5}, Leakage{1, 2, 6}
	if a.Covers(b) || !a.Covers(Leakage{5, 5, 5}) || a.Covers(Leakage{External: 6}) || a.Covers(Leakage{Neighbor: 6}) {
		t.Error("Covers")
	}
	if got := a.Add(b); got != (Leakage{6, 7, 11}) {
		t.Errorf("%+v", got)
	}
	if got := a.Less(b); got != (Leakage{4, 3, 0}) {
		t.Errorf("%+v", got)
	}
}

func TestDayAndHour(t *testing.T) {
	midnight := MillisOf(time.Date(1970, 1, 3, 0, 0, 0, 0, time.UTC))
	if midnight.Day() != 2 || (midnight-1).Day() != 1 || midnight.Hour() != 48 || (midnight-1).Hour() != 47 {
		t.Errorf("day %d, hour %d", midnight.Day(), midnight.Hour())
	}
}
