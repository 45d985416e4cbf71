package journal

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// Bounds of one session.
const (
	// maxRounds: the first round by the frontier, the next by comparing ranges;
	// the others for what is written meanwhile.
	maxRounds = 6
	// maxUnacked is how many frames of facts are under way.
	maxUnacked = 4
	// maxSilence ends a session in which nothing happens.
	maxSilence = 30 * time.Second
	// maxOptional is how many frames of unknown kinds are passed over.
	maxOptional = 64
)

// session is one sync session, from the first hello to equal sets. Both sides
// run the same rounds: each shows what it holds, sends what the other lacks,
// and says done; when both are done and everything is on disk, the next round
// begins, until both show the same.
type session struct {
	id        messages.SyncSession
	peer      messages.AuthorityID
	channel   messages.ChannelID
	initiator bool
	// nonce is ours, theirNonce the peer's.
	nonce, theirNonce [16]byte
	// tagged is the epoch of our hello's tag.
	tagged messages.Epoch
	// greeted: the peer's hello is here; proven: its tag is right.
	greeted, proven bool
	// round is the one that goes on, last the one before it.
	round, last round
	// ahead is what the peer shows for the next round, if it is there first.
	ahead *shown
	// finished: both hold the same.
	finished       bool
	begun, heard   time.Time
	sent, received int
	// waiting counts facts of this session that wait for hour or epoch.
	waiting int
	// optional counts the frames that were passed over.
	optional int
}

// round is one exchange.
type round struct {
	number int
	// ours and theirs are what the two sides show; nil: not shown yet.
	ours, theirs *shown
	comparison   comparison
	// ranges are what is left to send, and after them the facts that the peer
	// has asked for.
	ranges            []messages.FactRange
	asked             []messages.FactID
	reading           bool
	unacked           int
	sentDone, gotDone bool
	// offers counts the frames of theirs that the journal has not answered.
	offers int
	// came is, per author, the last of their facts beyond our frontier.
	came map[messages.AuthorPrefix]position
}

// missing are the facts that the other side lacks by its frontier: those that
// come after its last. Gaps and forks below are found by comparing.
func (s *session) missing(state messages.JournalState) []messages.FactRange {
	var ranges []messages.FactRange
	for _, author := range state.Authors {
		prefix := messages.Prefix(author.Author)
		ours, theirs := s.round.ours.chains[prefix].last, s.round.theirs.chains[prefix].last
		if ours > theirs {
			ranges = append(ranges, messages.FactRange{
				Author: author.Author, After: theirs, AfterFact: lastFact, To: ours,
			})
		}
	}
	return ranges
}

// lastFact comes after every fact of its seq.
var lastFact = messages.FactID(bytes.Repeat([]byte{0xff}, len(messages.FactID{})))

// expects checks one fact of the peer against what was asked for.
//
// SPEC 13.2: "only what was asked for is accepted." By showing a frontier we
// ask for what comes after it, as far as the peer's own frontier goes, in order
// and therefore once; in a comparison we ask for facts by name.
func (r *round) expects(fact messages.Fact) error {
	at, author := position{seq: fact.Header.Seq, id: fact.ID()}, messages.Prefix(fact.Header.Author)
	if name := messages.NameOf(at.id); r.comparison.wanted[name] {
		delete(r.comparison.wanted, name)
		return nil
	}
	last, came := r.came[author]
	inOrder := !came || at.compare(last) > 0
	if at.seq <= r.ours.chains[author].last || at.seq > r.theirs.chains[author].last || !inOrder {
		return fmt.Errorf("it sends fact %d of %s, which nobody asked for", at.seq, fact.Header.Author.Short())
	}
	if r.came == nil {
		r.came = map[messages.AuthorPrefix]position{}
	}
	r.came[author] = at
	return nil
}

// passed moves on behind the facts that were read. None: there are no more.
func (r *round) passed(facts []messages.Fact) {
	if len(facts) == 0 {
		r.ranges, r.asked = nil, nil
		return
	}
	for _, fact := range facts {
		id := fact.ID()
		if at := slices.Index(r.asked, id); at >= 0 {
			r.asked = slices.Delete(r.asked, at, at+1)
			continue
		}
		for at := range r.ranges {
			if r.ranges[at].Author == fact.Header.Author {
				r.ranges[at].After, r.ranges[at].AfterFact = fact.Header.Seq, id
			}
		}
	}
}

// settled reports whether this round is over on both sides.
func (r *round) settled() bool {
	return r.sentDone && r.gotDone && r.offers == 0 && r.unacked == 0
}

// provedVain reports whether ranges were compared in this round, and both sides
// show the same again in the next one.
func (r *round) provedVain(next *round) bool {
	return r.number > 1 && r.ours.sameAs(next.ours) && r.theirs.sameAs(next.theirs)
}
