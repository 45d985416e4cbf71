package journal

import (
	"fmt"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// maxAhead is how far ahead of our clock a fact may be (SPEC 3.4).
const maxAhead = 60 * time.Second

// Step is one step of admission, in the order of SPEC 3.4; the first that
// refuses decides.
type Step uint8

// The steps. The zero Step admits.
const (
	// StepSize: larger than 64 KiB.
	StepSize Step = iota + 1
	// StepCanonical: not the canonical bytes of a fact.
	StepCanonical
	// StepVersion: a major version that we do not know.
	StepVersion
	// StepContext: of another context.
	StepContext
	// StepEpoch: of an epoch that is not known yet; it waits for the op.
	StepEpoch
	// StepAuthor: the author is not in the roster of the epoch.
	StepAuthor
	// StepSignature: not signed by its author.
	StepSignature
	// StepBody: the body is not the one that the header names.
	StepBody
	// StepClock: more than 60 s ahead; it waits until it is not.
	StepClock
	// StepGap: too many facts of this author wait for others already.
	StepGap
	// StepHeld: it is held already.
	StepHeld
)

var stepNames = map[Step]string{
	StepSize: "size", StepCanonical: "encoding", StepVersion: "version", StepContext: "context",
	StepEpoch: "epoch", StepAuthor: "author", StepSignature: "signature", StepBody: "body hash",
	StepClock: "clock", StepGap: "gap", StepHeld: "held",
}

// String names the step.
func (s Step) String() string { return stepNames[s] }

// Refusal says why a fact was not admitted. It is a value: the fault is a
// peer's, or nobody's. The zero Refusal admits.
type Refusal struct {
	Step   Step
	Reason string
}

// Admits reports whether nothing refused.
func (r Refusal) Admits() bool { return r.Step == 0 }

// Waits reports whether the fact is kept aside and offered again later.
func (r Refusal) Waits() bool { return r.Step == StepEpoch || r.Step == StepClock }

// IsFault reports whether no honest member sends such a fact.
func (r Refusal) IsFault() bool {
	return !r.Admits() && !r.Waits() && r.Step != StepHeld && r.Step != StepGap
}

// String is one line for people.
func (r Refusal) String() string {
	if r.Admits() {
		return "admitted"
	}
	return fmt.Sprintf("refused by %s: %s", r.Step, r.Reason)
}

func refuse(step Step, format string, arguments ...any) Refusal {
	return Refusal{Step: step, Reason: fmt.Sprintf(format, arguments...)}
}

// Admit checks a fact at the door; it changes nothing.
//
// SPEC 3.4: "Admission, in this order: size ≤ 64 KiB, canonical, known major
// version, context, author in the roster of that epoch, signature, body hash,
// HLC ≤ 60 s ahead".
func (s *Set) Admit(now messages.Millis, raw []byte) (messages.Fact, Refusal) {
	if len(raw) > messages.MaxFactSize {
		return messages.Fact{}, refuse(StepSize, "%d bytes, at most %d", len(raw), messages.MaxFactSize)
	}
	fact, err := messages.ParseFact(raw)
	if err != nil {
		return messages.Fact{}, refuse(StepCanonical, "%v", err)
	}
	header := fact.Header.Chained
	if header.Version != messages.FactVersion {
		return fact, refuse(StepVersion, "version %d, we know %d", header.Version, messages.FactVersion)
	}
	if header.Context != s.context {
		return fact, refuse(StepContext, "it is of another context")
	}
	if s.Has(fact.ID()) {
		return fact, refuse(StepHeld, "it is held already")
	}
	return fact, s.admitAuthored(now, fact)
}

// admitAuthored is the second half: what depends on author, keys and clock.
func (s *Set) admitAuthored(now messages.Millis, fact messages.Fact) Refusal {
	header := fact.Header.Chained
	roster, known := s.rosterOf(header)
	if !known {
		return refuse(StepEpoch, "the op that opens epoch %d is not here yet", header.Epoch)
	}
	author, isMember := roster.Member(header.Author)
	if !isMember {
		return refuse(StepAuthor, "%s is not in the roster of epoch %d", header.Author.Short(), header.Epoch)
	}
	if !fact.SignedBy(author.PublicKey) {
		return refuse(StepSignature, "%s did not sign it", header.Author.Short())
	}
	if !fact.BodyMatches() {
		return refuse(StepBody, "the body is not the one that the header names")
	}
	if wall := header.HLC.Millis(); wall > now.Add(maxAhead) {
		ahead := messages.Window{From: now, Until: wall}.Length()
		return refuse(StepClock, "clock of %s is %d s ahead of ours", header.Author.Short(), ahead/time.Second)
	}
	if c := s.chains[header.Author]; c != nil && c.unreduced >= maxUnreduced && s.isOrphan(header) {
		return refuse(StepGap, "%d facts of %s wait for others already", c.unreduced, header.Author.Short())
	}
	return Refusal{}
}

// isOrphan reports whether a fact with that header would wait for others.
func (s *Set) isOrphan(header messages.Chained) bool {
	for _, parent := range header.Parents {
		if !s.Has(parent) {
			return true
		}
	}
	return !s.follows(&entry{header: header})
}

// take admits a fact that was checked: it opens the body and inserts. It
// reports whether the fact forks its author's chain.
func (s *Set) take(fact messages.Fact, size int) (forked bool) {
	e := &entry{id: fact.ID(), header: fact.Header.Chained, size: size}
	e.body = s.read(fact)
	return s.insert(e)
}

// read is what Waymeet understands of the body, or nil. A body that does not
// open, or holds what we do not know, is stored and synced, not reduced.
func (s *Set) read(fact messages.Fact) messages.RendezvousFact {
	if fact.Header.Type.IsApplication() {
		return nil
	}
	plaintext, err := s.ring.open(fact)
	if err != nil {
		return nil
	}
	body, err := messages.DecodeFact(fact.Header.Type, fact.Header.Schema, plaintext)
	if err != nil {
		return nil
	}
	return body
}
