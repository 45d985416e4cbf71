package journal

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"github.com/waymeet/waymeet/messages"
)

// keepDays is how long spent counters are kept after their day: a clock that is
// put back by less refills nothing.
const keepDays = 32

// book is the ledger of one context. What it has given out is never changed.
type book struct {
	limits Limits
	now    messages.Ledger
	// shared: the ledger was given out; the next charge copies it.
	shared bool
}

// Limits are the budgets of a context. Zero values are the defaults of SPEC
// 5.5 and 5.6.
type Limits struct {
	// Flow per peer, epoch and day; zero: messages.FlowLimit.
	Flow messages.FlowCost
	// Leakage per rolling day; zero: messages.LeakageLimit.
	Leakage messages.Leakage
}

func (l Limits) flow() messages.FlowCost {
	if l.Flow > 0 {
		return l.Flow
	}
	return messages.FlowLimit
}

func (l Limits) leakage() messages.Leakage {
	if l.Leakage != (messages.Leakage{}) {
		return l.Leakage
	}
	return messages.LeakageLimit
}

func newBook(limits Limits) *book {
	return &book{limits: limits, now: messages.Ledger{
		Flow:   map[messages.FlowKey]messages.FlowCost{},
		Leaked: map[messages.Hour]messages.Leakage{},
	}}
}

// share gives the ledger out.
func (b *book) share() messages.Ledger {
	b.shared = true
	return b.now
}

// charge takes all charges or none; reason says why none. The records are what
// must be written for them.
//
// SPEC 5.5: "Missing budget = none. … Charging is idempotent by operation id";
// the caller has looked for the operation before. SPEC 6.2: "one Store transaction
// {compare-and-charge, own receipt, facts}".
func (b *book) charge(charges []messages.ChargeFlowBudget, epoch messages.Epoch, now messages.Millis) (records []messages.Record, reason string) {
	flow := map[messages.FlowKey]messages.FlowCost{}
	leaked := messages.Leakage{}
	for _, charge := range charges {
		key := messages.FlowKey{Peer: charge.Peer, Epoch: epoch, Day: now.Day()}
		left := b.now.FlowRemaining(key, b.limits.flow()) - flow[key]
		if charge.Cost > left {
			return nil, fmt.Sprintf("it costs %d, and %d of today's flow budget toward %s is left", charge.Cost, left, charge.Peer.Short())
		}
		flow[key] += charge.Cost
		if !b.now.LeakageRemaining(now, b.limits.leakage()).Less(leaked).Covers(charge.Leak) {
			return nil, "it tells more than the leakage budget of this day allows"
		}
		leaked = leaked.Add(charge.Leak)
	}
	return b.spend(flow, leaked, now), ""
}

func (b *book) spend(flow map[messages.FlowKey]messages.FlowCost, leaked messages.Leakage, now messages.Millis) []messages.Record {
	if len(flow) == 0 {
		return nil
	}
	if b.shared {
		b.now = messages.Ledger{Flow: maps.Clone(b.now.Flow), Leaked: maps.Clone(b.now.Leaked)}
		b.shared = false
	}
	var records []messages.Record
	for _, key := range slices.SortedFunc(maps.Keys(flow), func(x, y messages.FlowKey) int { return x.Peer.Compare(y.Peer) }) {
		b.now.Flow[key] += flow[key]
		records = append(records, flowRecord(key, b.now.Flow[key]))
	}
	if leaked != (messages.Leakage{}) {
		hour := now.Hour()
		b.now.Leaked[hour] = b.now.Leaked[hour].Add(leaked)
		records = append(records, leakedRecord(hour, b.now.Leaked[hour]))
	}
	return append(records, b.forget(now)...)
}

// forget drops the counters of days long past.
func (b *book) forget(now messages.Millis) []messages.Record {
	var records []messages.Record
	for key := range b.now.Flow {
		if key.Day+keepDays < now.Day() {
			delete(b.now.Flow, key)
			records = append(records, messages.Record{Bucket: messages.BucketCharges, Key: flowRecord(key, 0).Key})
		}
	}
	for hour := range b.now.Leaked {
		if hour+24*keepDays < now.Hour() {
			delete(b.now.Leaked, hour)
			records = append(records, messages.Record{Bucket: messages.BucketCharges, Key: leakedRecord(hour, messages.Leakage{}).Key})
		}
	}
	slices.SortFunc(records, func(x, y messages.Record) int { return bytes.Compare(x.Key, y.Key) })
	return records
}
