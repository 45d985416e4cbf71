package journal

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/waymeet/waymeet/messages"
)

const labelSyncTag messages.Label = "waymeet/1 sync session"

// Bounds of one session.
const (
	// maxRounds: the first round by the frontier, the next by digests; the
	// others for what is written meanwhile.
	maxRounds = 6
	// maxUnacked is how many frames of facts are under way.
	maxUnacked = 4
	// maxSilence ends a session in which nothing happens.
	maxSilence = 30 * time.Second
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
	round           round
	// ahead is what the peer shows for the next round, if it is there first.
	ahead *shown
	// finished: both hold the same.
	finished       bool
	heard          time.Time
	sent, received int
	// waiting counts facts of this session that wait for hour or epoch.
	waiting int
}

// round is one exchange.
type round struct {
	number int
	// ours and theirs are what the two sides show; nil: not shown yet.
	ours, theirs *shown
	// ranges are what is left to send.
	ranges            []messages.FactRange
	reading           bool
	unacked           int
	sentDone, gotDone bool
	// offers counts the frames of theirs that the journal has not answered.
	offers int
	// allowance is how many facts they may still send.
	allowance int
}

// sessionTag proves to the other side that we mean this context (SPEC 13.1).
func sessionTag(key messages.SyncTagKey, initiator bool, nonce [16]byte) [16]byte {
	mac := hmac.New(sha256.New, key[:])
	mac.Write([]byte(labelSyncTag))
	if initiator {
		mac.Write([]byte{1})
	} else {
		mac.Write([]byte{2})
	}
	mac.Write(nonce[:])
	return [16]byte(mac.Sum(nil))
}

// begin starts the exchange of a round, once both have shown what they hold.
// It reports whether they hold the same.
func (s *session) begin(state messages.JournalState) (equal bool) {
	r := &s.round
	if r.ours.sameAs(r.theirs) {
		return true
	}
	r.ranges = s.missing(state)
	// A fork doubles a chain at most.
	r.allowance = 2*r.theirs.promised(r.ours) + MaxBatchFacts
	if r.number > 1 {
		for author, theirs := range r.theirs.digests {
			if theirs != r.ours.digests[author] {
				r.allowance += int(theirs.count) + int(r.theirs.heads[author])
			}
		}
	}
	return false
}

// missing are the facts that the other side lacks: by the frontier what comes
// after its heads, and from the second round on the whole chain of every
// author on whom the digests differ though the heads do not. Where the heads
// differ again, the chain has grown meanwhile, and that alone may be why.
func (s *session) missing(state messages.JournalState) []messages.FactRange {
	var ranges []messages.FactRange
	for _, author := range state.Authors {
		prefix := prefixOf(author.Author)
		ours, theirs := s.round.ours.heads[prefix], s.round.theirs.heads[prefix]
		switch {
		case s.round.number > 1 && ours == theirs && s.round.ours.digests[prefix] != s.round.theirs.digests[prefix]:
			ranges = append(ranges, messages.FactRange{Author: author.Author, To: author.Last})
		case ours > theirs:
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
// ask for what comes after it, as far as the peer's own frontier goes; by
// showing other digests, for the chains in question.
func (s *session) expects(fact messages.Fact) error {
	r := &s.round
	if r.allowance--; r.allowance < 0 {
		return fmt.Errorf("it sends more facts than it showed")
	}
	prefix := prefixOf(fact.Header.Author)
	if fact.Header.Seq > r.ours.heads[prefix] && fact.Header.Seq <= r.theirs.heads[prefix] {
		return nil
	}
	if r.number > 1 && r.ours.digests[prefix] != r.theirs.digests[prefix] {
		return nil
	}
	return fmt.Errorf("it sends fact %d of %s, which nobody asked for", fact.Header.Seq, fact.Header.Author.Short())
}

// passed moves the ranges on behind the facts that were read.
func (r *round) passed(facts []messages.Fact) {
	for _, fact := range facts {
		for at := range r.ranges {
			if r.ranges[at].Author == fact.Header.Author {
				r.ranges[at].After, r.ranges[at].AfterFact = fact.Header.Seq, fact.ID()
			}
		}
	}
}

// settled reports whether this round is over on both sides.
func (r *round) settled() bool {
	return r.sentDone && r.gotDone && r.offers == 0 && r.unacked == 0
}
