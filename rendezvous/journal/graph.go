package journal

import "github.com/waymeet/waymeet/messages"

// graph is the facts that are held, each with what it stands on: the fact before
// it in its chain, its parents, and what it repeats. An entry is whole once all
// of these are, and its clock is ahead of theirs.
//
// Invariant: an entry that is not whole stands in waits once for each fact that
// keeps it from that, and so often in its count of missing ones.
type graph struct {
	entries map[messages.FactID]*entry
	// parents and prevs are the entries that wait, by the id of the fact that they
	// wait for.
	parents, prevs map[messages.FactID][]*entry
}

func newGraph() graph {
	return graph{
		entries: map[messages.FactID]*entry{},
		parents: map[messages.FactID][]*entry{},
		prevs:   map[messages.FactID][]*entry{},
	}
}

// hold takes in an entry, between the one before it in its chain and those behind.
func (x *graph) hold(e *entry, prev messages.FactID) {
	x.entries[e.id] = e
	e.prev, e.missing = x.entries[prev], 1 // the one before it, until it is linked
	for _, follower := range x.prevs[e.id] {
		follower.prev = e
	}
}

// link finds out what an entry that is held waits for, and returns all that are
// whole now that it is here, each after what it stands on.
func (x *graph) link(e *entry, prev messages.FactID, on []messages.FactID) []*entry {
	for _, id := range on {
		if parent := x.entries[id]; parent.isBefore(e.hlc) {
			e.name(parent)
			continue
		}
		x.parents[id] = append(x.parents[id], e)
		e.missing++
	}
	if !e.prev.leadsTo(e.author(), e.seq, e.hlc) {
		x.prevs[prev] = append(x.prevs[prev], e)
		return nil
	}
	if e.missing--; !e.isWhole() {
		return nil
	}
	return x.release(e)
}

// release returns the entry, which is whole now, and those that waited for it
// alone. Who names what is no older, or no fact before it, waits for ever.
func (x *graph) release(e *entry) []*entry {
	whole := []*entry{e}
	for at := 0; at < len(whole); at++ {
		next := whole[at]
		for _, waiter := range x.parents[next.id] {
			if next.isBefore(waiter.hlc) {
				waiter.name(next)
				if waiter.missing--; waiter.isWhole() {
					whole = append(whole, waiter)
				}
			}
		}
		for _, waiter := range x.prevs[next.id] {
			if next.leadsTo(waiter.author(), waiter.seq, waiter.hlc) {
				if waiter.missing--; waiter.isWhole() {
					whole = append(whole, waiter)
				}
			}
		}
		delete(x.parents, next.id)
		delete(x.prevs, next.id)
	}
	return whole
}

// wouldWait reports whether a fact with that header would not be whole.
func (x *graph) wouldWait(header messages.Chained) bool {
	for _, id := range standsOn(header.Parents, header.Again) {
		if !x.entries[id].isBefore(header.HLC) {
			return true
		}
	}
	return !x.entries[header.Prev].leadsTo(header.Author, header.Seq, header.HLC)
}

// isBefore reports whether a fact with that clock can stand on the entry: it is
// held, whole and older.
func (e *entry) isBefore(clock messages.HLC) bool { return e != nil && e.isWhole() && e.hlc < clock }

// leadsTo reports whether that fact of the author can follow the entry, nil: none.
func (e *entry) leadsTo(author messages.AuthorityID, seq messages.Seq, clock messages.HLC) bool {
	return seq == 1 || e.isBefore(clock) && e.author() == author && e.seq+1 == seq
}
