package journal

import (
	"bytes"
	"cmp"
	"fmt"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// maxTurns bounds a reconciliation, in turns of the peer. Each of two honest
// sides divides a range by 8 in its turn: for all facts that a frontier can
// number eleven splits of both are enough, and five turns for the rest.
const maxTurns = 16

// boundSize is how much of an id stands in a bound between facts with one seq.
const boundSize = 8

// comparison is the reconciliation of one round: after the initiator has
// begun, the two sides take turns until one has nothing left to say. What a
// turn says is the Journal's to know.
type comparison struct {
	// over: one side had nothing left to say, or no comparison is needed.
	over bool
	// listening: it is the peer's turn.
	listening bool
	turns     int
	// wanted are the facts that we have asked for and not been sent yet.
	wanted map[messages.FactPrefix]bool
}

// salt is that of the ranges which the session compares.
func (s *session) salt() messages.RangeSalt {
	if s.initiator {
		return rangeSalt(s.nonce, s.theirNonce)
	}
	return rangeSalt(s.theirNonce, s.nonce)
}

// beginComparison begins the reconciliation of a round, and reports whether the
// session goes on. In the first round the frontier alone decides. We compare as far
// as both frontiers go: what is beyond one of them is sent anyway.
func (y *Sync) beginComparison(now time.Time, s *session) bool {
	r := &s.round
	if r.comparison.over {
		return true
	}
	if r.comparison.listening = !s.initiator; r.comparison.listening {
		return true
	}
	if !y.peers[s.peer].compared.ask(now) {
		y.end(now, s, endCompares, true)
		return false
	}
	var ranges []messages.AuthorRange
	for _, author := range y.state.Authors {
		prefix := messages.Prefix(author.Author)
		if to := min(r.ours.chains[prefix].last, r.theirs.chains[prefix].last); to > 0 {
			ranges = append(ranges, messages.AuthorRange{Author: prefix, To: to})
		}
	}
	y.emit(TellJournal{messages.CompareRanges{Session: s.id, Peer: s.peer, Salt: s.salt(), Begin: ranges}})
	return true
}

// compared takes in the peer's turn.
func (y *Sync) compared(now time.Time, s *session, theirs messages.Comparison) {
	c := &s.round.comparison
	if !y.exchanging(s) || c.over || !c.listening {
		y.fault(now, s, "a comparison out of turn")
		return
	}
	c.listening = false
	if c.turns++; c.turns > maxTurns {
		y.fault(now, s, "it compares without end")
		return
	}
	if theirs.IsEmpty() {
		c.over = true
		y.read(s)
		y.advance(now, s)
		return
	}
	if !y.peers[s.peer].compared.ask(now) {
		y.end(now, s, endCompares, true)
		return
	}
	y.emit(TellJournal{messages.CompareRanges{Session: s.id, Peer: s.peer, Salt: s.salt(), Theirs: theirs}})
}

// endCompares is how a session ends whose peer has had its share of our journal's
// time.
var endCompares = SyncEnd{Reason: EndBusy, Detail: "it has too much compared"}

// rangesCompared takes our turn. The peer has had it even if it has closed the
// session meanwhile, or the channel.
func (y *Sync) rangesCompared(now time.Time, e messages.RangesCompared) {
	if peer := y.allowances[e.Peer]; peer != nil {
		peer.compared.answered(now, e.Walked, e.Held)
	}
	s := y.sessions[e.Session]
	if s == nil || !y.exchanging(s) || s.round.comparison.over || s.round.comparison.listening {
		return
	}
	s.heard = now
	if e.Failure != "" {
		y.end(now, s, SyncEnd{Reason: EndStopped, Detail: e.Failure}, true)
		return
	}
	c := &s.round.comparison
	for _, wants := range e.Ours.Wants {
		for _, name := range wants.Facts {
			if c.wanted == nil {
				c.wanted = map[messages.FactPrefix]bool{}
			}
			c.wanted[name] = true
		}
	}
	c.listening, c.over = true, e.Ours.IsEmpty()
	s.round.asked = append(s.round.asked, e.Send...)
	y.send(s, comparisonFrame{e.Ours})
	y.read(s)
	y.advance(now, s)
}

// checkComparison holds a turn to its bounds: the ranges of each kind are
// sorted and apart, their bounds grow, names are sorted and distinct, and there
// are at most maxCompared of all.
func checkComparison(c messages.Comparison) error {
	size := 0
	var last rangeEnd
	for _, split := range c.Splits {
		size += len(split.Parts)
		to := split.From
		good := len(split.Parts) > 0 && last.before(split.Author, split.From) && isWellFormed(split.From)
		for _, part := range split.Parts {
			good = good && isWellFormed(part.To) && compareBounds(to, part.To) < 0
			to = part.To
		}
		if !good {
			return fmt.Errorf("%w: split out of order", messages.ErrEncoding)
		}
		last = rangeEnd{split.Author, to}
	}
	for _, lists := range [][]messages.RangeList{c.Lists, c.Extras, c.Wants} {
		last = rangeEnd{}
		for _, list := range lists {
			size += 1 + len(list.Facts)
			if !last.before(list.Author, list.From) || !isWellFormed(list.From) || !isWellFormed(list.To) ||
				compareBounds(list.From, list.To) >= 0 || !areDistinct(list.Facts) {
				return fmt.Errorf("%w: list out of order", messages.ErrEncoding)
			}
			last = rangeEnd{list.Author, list.To}
		}
	}
	if size > maxCompared {
		return fmt.Errorf("%w: a comparison of %d parts and names", messages.ErrEncoding, size)
	}
	return nil
}

// rangeEnd is where a range ends, in the order of all.
type rangeEnd struct {
	author messages.AuthorPrefix
	to     messages.RangeBound
}

// before reports whether the next range begins at or behind the end.
func (r rangeEnd) before(author messages.AuthorPrefix, from messages.RangeBound) bool {
	return cmp.Or(bytes.Compare(r.author[:], author[:]), compareBounds(r.to, from)) <= 0
}

func compareBounds(a, b messages.RangeBound) int { return lowest(a).compare(lowest(b)) }

// lowest is the first position that is not below the bound.
func lowest(b messages.RangeBound) position {
	p := position{seq: b.Seq}
	copy(p.id[:], b.ID)
	return p
}

func isWellFormed(b messages.RangeBound) bool { return len(b.ID) == 0 || len(b.ID) == boundSize }

func compareNames(a, b messages.FactPrefix) int { return bytes.Compare(a[:], b[:]) }

func areDistinct(names []messages.FactPrefix) bool {
	for at := 1; at < len(names); at++ {
		if compareNames(names[at-1], names[at]) >= 0 {
			return false
		}
	}
	return true
}
