package messages

import "time"

// FlowLimit is the default flow budget per (context, peer), per epoch and per
// 24 h (SPEC 5.5).
const FlowLimit FlowCost = 1024

// Leakage counts what operations tell to whom (SPEC 5.6).
type Leakage struct {
	External uint32 `cbor:"1,keyasint"`
	Neighbor uint32 `cbor:"2,keyasint"`
	InGroup  uint32 `cbor:"3,keyasint"`
}

// LeakageLimit is the default leakage budget of a context per rolling 24 h
// (SPEC 5.6).
var LeakageLimit = Leakage{External: 1000, Neighbor: 500, InGroup: 100}

// Add is the sum of both, class by class.
func (l Leakage) Add(m Leakage) Leakage {
	return Leakage{l.External + m.External, l.Neighbor + m.Neighbor, l.InGroup + m.InGroup}
}

// Less is what is left of l after m was taken, never below zero.
func (l Leakage) Less(m Leakage) Leakage {
	return Leakage{
		External: l.External - min(l.External, m.External),
		Neighbor: l.Neighbor - min(l.Neighbor, m.Neighbor),
		InGroup:  l.InGroup - min(l.InGroup, m.InGroup),
	}
}

// Covers reports whether m can be taken from l.
func (l Leakage) Covers(m Leakage) bool {
	return m.External <= l.External && m.Neighbor <= l.Neighbor && m.InGroup <= l.InGroup
}

// Day counts days since 1970, UTC.
type Day uint32

// Hour counts hours since 1970, UTC.
type Hour uint32

// Day is the day in which m lies.
func (m Millis) Day() Day { return Day(m / Millis((24 * time.Hour).Milliseconds())) }

// Hour is the hour in which m lies.
func (m Millis) Hour() Hour { return Hour(m / Millis(time.Hour.Milliseconds())) }

// FlowKey names one grow-only counter of spent flow.
//
// SPEC 5.5: "spent is a grow-only counter keyed by (epoch, day)."
type FlowKey struct {
	Peer  AuthorityID
	Epoch Epoch
	Day   Day
}

// Ledger is what one context has spent, as the store last told it: a copy,
// shared freely and never changed. An empty Ledger has spent nothing.
type Ledger struct {
	Flow map[FlowKey]FlowCost
	// Leaked is kept by the hour, so that a rolling day can be summed.
	Leaked map[Hour]Leakage
}

// FlowRemaining is what is left of the limit toward the peer, in that epoch
// and on that day.
func (l Ledger) FlowRemaining(key FlowKey, limit FlowCost) FlowCost {
	return limit - min(limit, l.Flow[key])
}

// LeakageRemaining is what is left of the limit in the 24 hours before now.
// The hour that is only partly inside counts in full, and so does an hour
// ahead of a clock that was put back: a doubt never refills a budget.
func (l Ledger) LeakageRemaining(now Millis, limit Leakage) Leakage {
	remaining := limit
	for hour, leaked := range l.Leaked {
		if hour+24 >= now.Hour() {
			remaining = remaining.Less(leaked)
		}
	}
	return remaining
}
