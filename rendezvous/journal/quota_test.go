package journal

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
)

func TestQuotaRefills(t *testing.T) {
	var q quota
	now := start
	r := rate{burst: 3, every: time.Second}
	for n, step := range []struct {
		after time.Duration
		take  int
		want  bool
	}{
		{0, 3, true}, {0, 1, false}, {999 * time.Millisecond, 1, false}, {time.Millisecond, 1, true},
		{1500 * time.Millisecond, 1, true}, {500 * time.Millisecond, 1, true}, {time.Hour, 4, false}, {0, 3, true},
	} {
		now = now.Add(step.after)
		if got := q.take(now, step.take, r); got != step.want {
			t.Errorf("step %d: %t", n, got)
		}
	}
}

// SPEC 13.2: "per-peer rate limit". A peer that asks for everything over and
// over is served what it may have, and then told to wait.
func TestPeerMayNotFetchEverythingForEver(t *testing.T) {
	ana, ben, _ := trio(t)
	for n := range 3000 {
		ben.note(start, fmt.Sprint(n))
	}
	e := &enemy{node: ana, victim: ben, now: start.Add(time.Minute), session: 100}
	fetched := 0
	fetch := func() SyncEnd {
		e.meet()
		ends := len(ben.ends)
		frames := e.greet(row{ben.identity.Authority(), 0})
		for len(ben.ends) == ends {
			var acks []frame
			for _, f := range frames {
				if facts, ok := f.(factsFrame); ok {
					fetched += len(facts.Facts)
					acks = append(acks, ackFrame{})
				}
				if _, over := f.(doneFrame); over {
					ben.stepSync(e.now, messages.SyncClosed{Session: e.session})
					e.now = e.now.Add(sessionRate.every)
					return SyncEnd{}
				}
			}
			frames = e.send(acks...)
		}
		return ben.ends[len(ben.ends)-1]
	}
	var end SyncEnd
	for n := 0; n < 20 && end.Reason == 0; n++ {
		end = fetch()
	}
	if end.Reason != EndBusy || fetched < 2*3000 || fetched > 2*int(ben.view.Count)+servedBesides {
		t.Errorf("ended with %q after %d facts of %d", end, fetched, ben.view.Count)
	}
	e.now = e.now.Add(servedWithin)
	if end := fetch(); end.Reason != 0 {
		t.Errorf("a minute later: %q", end)
	}
}

// A peer that goes on sending what is never kept: of an epoch that never was,
// behind a gap, from ahead of the clock. None of it is proof of a fault, and all of
// it has to be looked at.
func TestPeerMayNotSendUselessFactsForEver(t *testing.T) {
	for name, mangle := range map[string]func(*messages.Chained){
		"of an epoch that never was": func(at *messages.Chained) { at.Epoch, at.KeyID = 999, messages.EpochKeyID{9} },
		"behind a gap":               func(*messages.Chained) {},
		"ahead of the clock":         func(at *messages.Chained) { at.HLC = at.HLC.Next(messages.MillisOf(start.Add(time.Hour))) },
	} {
		t.Run(name, func(t *testing.T) {
			_, ben, victim := trio(t)
			e := &enemy{node: ben, victim: victim, now: start}
			at := e.next()
			at.Prev = messages.FactID{1}
			useless := func() []byte {
				at.Seq += 2
				next := at
				mangle(&next)
				return e.sealed(e.identity, next).Append(nil)
			}
			e.meet()
			e.greet(row{at.Author, 1 << 31})
			held, sent := len(victim.facts()), 0
			for sent < 3*maxUseless && len(victim.sync.sessions) > 0 {
				var raw [][]byte
				for range MaxBatchFacts {
					raw = append(raw, useless())
				}
				e.send(factsFrame{Facts: raw})
				sent += len(raw)
			}
			e.ended(t, EndBusy, "of no use")
			if kept := len(victim.facts()) - held; sent < maxUseless || sent > maxUseless+kept+2*MaxBatchFacts {
				t.Errorf("%d facts were sent, %d of them kept; at most %d of no use are looked at", sent, kept, maxUseless)
			}
			e.meet() // another session brings no other allowance
			e.offer(at.Author, 1<<31, useless())
			e.ended(t, EndBusy, "of no use")
			e.now = e.now.Add(servedWithin)
			e.meet()
			e.offer(at.Author, 1<<31, useless())
			if len(victim.sync.sessions) != 1 {
				t.Errorf("a minute later it ends with %q", victim.ends[len(victim.ends)-1])
			}
		})
	}
}

// A peer that has ranges compared over and over, session after session, costs a
// walk over the facts each time.
func TestPeerMayNotHaveRangesComparedForEver(t *testing.T) {
	ana, ben, _ := trio(t)
	e := &enemy{node: ana, victim: ben, now: start.Add(time.Minute), session: 100}
	sessions, busy := 0, false
	for ; sessions < 60 && !busy; sessions++ {
		e.meet()
		e.compare()
		for range maxTurns {
			e.send(comparisonFrame{messages.Comparison{Splits: []messages.RangeSplit{e.split()}}})
		}
		end := SyncEnd{}
		if len(ben.ends) > sessions {
			end = ben.ends[sessions]
		}
		busy = end.Reason == EndBusy
		ben.stepSync(e.now, messages.SyncClosed{Session: e.session})
		e.now = e.now.Add(sessionRate.every)
	}
	longest := time.Duration(sessions) * sessionRate.every
	if most := questionRate.burst + int(longest/questionRate.every); !busy || ben.compares > most || ben.compares < questionRate.burst {
		t.Errorf("%d comparisons in %v, at most %d; told to wait: %t", ben.compares, longest, most, busy)
	}
}

// A turn can look at all facts several times, and all that is done by the only
// writer. A peer that has everything compared again and again gets a bounded share
// of it, whatever sessions it opens and leaves.
func TestPeerHasAShareOfWhatIsWalked(t *testing.T) {
	a, ana, ben := newArchive(t, 2)
	facts := a.append(10_000, false)
	hold(ana, facts)
	hold(ben, facts)
	var all messages.Comparison
	for _, author := range ben.journal.set.authors() {
		prefix, to := messages.Prefix(author), messages.RangeBound{Seq: 1 << 20}
		all.Splits = append(all.Splits, messages.RangeSplit{Author: prefix, Parts: []messages.RangePart{{To: to}}})
		all.Lists = append(all.Lists, messages.RangeList{Author: prefix, To: to})
	}
	e := &enemy{node: ana, victim: ben, now: start.Add(time.Minute), session: 100}
	held := ben.journal.set.len()
	busy := 0
	for begun := e.now; e.now.Before(begun.Add(servedWithin)); e.now = e.now.Add(sessionRate.every) {
		ends := len(ben.ends)
		e.meet()
		e.compare()
		e.send(comparisonFrame{all})
		if len(ben.ends) > ends && ben.ends[ends].Reason == EndBusy {
			busy++
		}
		ben.stepSync(e.now, messages.SyncClosed{Session: e.session})
	}
	const aTurn = 3 + 2
	if most := (walkedTimes+aTurn)*held + walkedBesides; ben.walked > most || ben.walked < most/2 || busy == 0 {
		t.Errorf("%d facts were walked over, at most %d; told to wait %d times", ben.walked, most, busy)
	}
	walked := ben.walked
	e.meet()
	e.compare()
	if e.send(comparisonFrame{all}); ben.walked != walked+aTurn*held {
		t.Errorf("a minute later %d facts are walked over of %d", ben.walked-walked, held)
	}
}

// Two honest members stay far below, though they differ in every second fact.
func TestHonestSessionStaysBelowItsShare(t *testing.T) {
	a, ana, ben := newArchive(t, 4)
	chains := a.append(2000, true)
	forked := slices.Clone(chains)
	for at := 0; at < len(chains); at += 2 {
		forked = append(forked, a.twin(chains[at]))
	}
	ana.mute, ben.mute = true, true
	hold(ana, chains)
	hold(ben, forked)
	w := newNetwork(t, ana, ben)
	w.link(0, 1)
	w.settle(20)
	for _, n := range []*node{ana, ben} {
		if held := n.journal.set.len(); held < len(forked) || n.walked < held || n.walked > walkedTimes/4*held {
			t.Errorf("%s has walked over %d facts of %d", n, n.walked, held)
		}
	}
}

// A session that is left before its answer comes costs the peer the same, and until
// it comes the peer has nothing else compared.
func TestLeftComparisonsCount(t *testing.T) {
	ana, ben, _ := trio(t)
	e := &enemy{node: ana, victim: ben, now: start.Add(time.Minute), session: 100}
	peer := ana.identity.Authority()
	// ask gives what the journal is asked, and leaves the session.
	ask := func() (asked []messages.CompareRanges) {
		e.meet()
		e.compare()
		frame := appendFrame(nil, comparisonFrame{messages.Comparison{Splits: []messages.RangeSplit{e.split()}}})
		for _, effect := range ben.sync.Step(e.now, messages.SyncFrame{Session: e.session, Frame: frame}) {
			if compare, ok := comparisonIn(effect); ok {
				asked = append(asked, compare)
			}
		}
		ben.stepSync(e.now, messages.SyncClosed{Session: e.session})
		e.now = e.now.Add(sessionRate.every)
		return asked
	}
	first := ask()
	if len(first) != 1 || first[0].Peer != peer {
		t.Fatalf("asked %v", first)
	}
	if second := ask(); len(second) != 0 {
		t.Error("two are asked at once")
	}
	answer := ben.journal.set.compare(first[0])
	if answer.Peer != peer || answer.Walked == 0 || answer.Held != uint64(ben.journal.set.len()) {
		t.Fatalf("peer %s, walked over %d of %d", answer.Peer.Short(), answer.Walked, answer.Held)
	}
	ben.stepSync(e.now, answer)
	if third := ask(); len(third) != 1 {
		t.Error("after the answer nothing is asked")
	}
	answer.Walked = (walkedTimes + 1) * (answer.Held + walkedBesides)
	ben.stepSync(e.now, answer)
	if fourth := ask(); len(fourth) != 0 {
		t.Error("what was walked for a session that is gone costs nothing")
	}
}

// An answer that never comes keeps the peer out no longer than a session waits.
func TestLostAnswerIsNotWaitedForLong(t *testing.T) {
	var c compared
	now := start
	for n, step := range []struct {
		after time.Duration
		want  bool
	}{{0, true}, {maxSilence - 1, false}, {1, true}, {1, false}} {
		now = now.Add(step.after)
		if got := c.ask(now); got != step.want {
			t.Errorf("step %d: %t", n, got)
		}
	}
}

// A peer that comes back has of its quotas what it left.
func TestQuotasOutliveTheChannel(t *testing.T) {
	ana, ben, _ := trio(t)
	peer := ana.identity.Authority()
	session := messages.SyncSession(0)
	// visit is a channel with some sessions; it reports how many are served.
	visit := func(now time.Time, sessions int) (served int) {
		ben.stepSync(now, messages.SyncPeerUp{Peer: peer})
		for range sessions {
			session++
			ben.stepSync(now, messages.SyncOpened{Session: session, Peer: peer})
			if ben.sync.sessions[session] != nil {
				served++
			}
			ben.stepSync(now, messages.SyncClosed{Session: session})
		}
		ben.stepSync(now, messages.SyncPeerDown{Peer: peer})
		return served
	}
	now := start
	if served := visit(now, sessionRate.burst-1) + visit(now, 5); served != sessionRate.burst {
		t.Errorf("%d sessions at once, at most %d", served, sessionRate.burst)
	}
	now = now.Add(3 * sessionRate.every)
	if served := visit(now, 5); served != 3 {
		t.Errorf("%d sessions after three tokens came back", served)
	}
	now = now.Add(servedWithin)
	if served := visit(now, 2*sessionRate.burst); served != sessionRate.burst {
		t.Errorf("%d sessions after all came back", served)
	}
}

// The facts and the comparisons that a peer has had are not forgotten either.
func TestServedFactsOutliveTheChannel(t *testing.T) {
	_, ben, cat := trio(t)
	peer := cat.identity.Authority()
	up, down := messages.SyncPeerUp{Peer: peer}, messages.SyncPeerDown{Peer: peer}
	ben.stepSync(start, up)
	had := ben.sync.peers[peer].allowance
	had.compared.ask(start)
	had.compared.answered(start, 1+walkedTimes+walkedBesides, 1)
	had.served.take(start, servedBesides, 0)
	ben.stepSync(start, down)
	ben.stepSync(start, up)
	if left := ben.sync.peers[peer].allowance; left.compared.ask(start) || left.served.take(start, 1, 0) {
		t.Error("a new channel brings new quotas")
	}
}

// What is remembered of those who have left is forgotten when it is full again,
// and bounded.
func TestAllowancesAreForgotten(t *testing.T) {
	all := allowances{}
	present := messages.AuthorityID{1}
	all.meet(present)
	for n := range maxGone + 100 {
		id := messages.AuthorityID{2, byte(n), byte(n >> 8)}
		all.meet(id)
		all.leave(start.Add(time.Duration(n)), id)
	}
	last, first := messages.AuthorityID{2, byte((maxGone + 99) & 255), byte((maxGone + 99) >> 8)}, messages.AuthorityID{2}
	if len(all) != maxGone+1 || all[present] == nil || all[last] == nil || all[first] != nil {
		t.Fatalf("%d are remembered", len(all))
	}
	all.meet(first)
	if all.leave(start.Add(2*servedWithin), first); len(all) != 2 || all[present] == nil || all[first] == nil {
		t.Errorf("%d are remembered after all are full again", len(all))
	}
}

// comparisonIn is the turn that an effect asks the journal for, if it does.
func comparisonIn(effect SyncEffect) (messages.CompareRanges, bool) {
	tell, _ := effect.(TellJournal)
	compare, ok := tell.Message.(messages.CompareRanges)
	return compare, ok
}

// Facts of no use are counted though the session that brought them has ended before
// they were answered, and no more of them wait for a slow disk than of two sessions.
func TestFactsOfNoUseAreCountedThoughTheSessionHasEnded(t *testing.T) {
	_, ben, victim := trio(t)
	e := &enemy{node: ben, victim: victim, now: start}
	at := e.next()
	at.Prev = messages.FactID{1}
	at.Epoch, at.KeyID = 999, messages.EpochKeyID{9}
	for sent := 0; sent < 6*maxUseless; {
		victim.hold = true
		victim.step(e.now, noteOf(victim.operation(7))) // its Write is under way
		for range 3 {
			e.now = e.now.Add(sessionRate.every)
			if e.meet(); len(victim.sync.sessions) == 0 {
				continue
			}
			e.greet(row{at.Author, 1 << 31})
			for range maxUnacked {
				var raw [][]byte
				for range MaxBatchFacts {
					at.Seq += 2
					raw = append(raw, e.sealed(e.identity, at).Append(nil))
				}
				e.send(factsFrame{Facts: raw})
				sent += len(raw)
			}
			victim.stepSync(e.now, messages.SyncClosed{Session: e.session})
		}
		waiting := 0
		for _, one := range victim.journal.queue {
			if _, isOffer := one.event.(messages.OfferFacts); isOffer {
				waiting++
			}
		}
		if waiting > maxOffers {
			t.Fatalf("%d batches of one peer wait for the disk", waiting)
		}
		victim.release(e.now)
		if used := victim.sync.allowances[e.identity.Authority()].useless.used; used > maxUseless {
			return
		}
	}
	t.Error("facts of no use have no end")
}

// Answers that never come take no room from a peer for ever.
func TestLostAnswersMakeRoomAgain(t *testing.T) {
	var o offers
	for range maxOffers {
		if !o.give(start) {
			t.Fatal("refused within the bound")
		}
	}
	if o.give(start.Add(maxSilence - 1)) {
		t.Error("given beyond the bound")
	}
	if o.answered(); !o.give(start.Add(maxSilence-1)) || o.give(start.Add(maxSilence-1)) {
		t.Error("an answer makes room for one")
	}
	if !o.give(start.Add(2 * maxSilence)) {
		t.Error("lost answers are waited for without end")
	}
}
