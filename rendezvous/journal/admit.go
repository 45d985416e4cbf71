package journal

import (
	"fmt"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

// maxAhead is how far ahead of our clock a fact may be (SPEC 3.4).
const maxAhead = 60 * time.Second

// maxOrphans bounds, per author, the facts that are held but wait for a prev or a
// parent (SPEC 3.4: "bounded per author"). They do not count until they are
// whole, so that no fingerprint shows which of them came first.
const maxOrphans = 1024

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
	// StepLate: its author was removed, and it is too far beyond the cut.
	StepLate
	// StepHeld: it is held already.
	StepHeld
)

var stepNames = map[Step]string{
	StepSize: "size", StepCanonical: "encoding", StepVersion: "version", StepContext: "context",
	StepEpoch: "epoch", StepAuthor: "author", StepSignature: "signature", StepBody: "body hash",
	StepClock: "clock", StepGap: "gap", StepLate: "cut", StepHeld: "held",
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
	return !r.Admits() && !r.Waits() && r.Step < StepGap
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

// candidate is a fact at the door, and what was found out about it before its
// turn came.
type candidate struct {
	// from is who sent it.
	from messages.AuthorityID
	raw  []byte
	fact messages.Fact
	id   messages.FactID
	// flaw is what no other fact can mend: size, encoding, version, context.
	flaw Refusal
	// signer is the key under which forged was found out; zero: not yet.
	signer messages.PublicKey
	// forged is the refusal by signature or body.
	forged Refusal
}

// Admit checks a fact at the door; it changes nothing.
//
// SPEC 3.4: "Admission, in this order: size ≤ 64 KiB, canonical, known major
// version, context, author in the roster of that epoch, signature, body hash,
// HLC ≤ 60 s ahead".
func (s *Set) Admit(now messages.Millis, raw []byte) (messages.Fact, Refusal) {
	c := candidate{raw: raw}
	s.examine(&c)
	return c.fact, s.admit(now, &c)
}

// examine finds out whatever takes long. It changes nothing but the candidate,
// so that many can be examined at once.
func (s *Set) examine(c *candidate) {
	c.flaw = s.parse(c)
	if !c.flaw.Admits() || s.Has(c.id) {
		return
	}
	header := c.fact.Header
	if state := s.stateOf(header.Epoch, header.KeyID); state != nil {
		if author, isMember := state.roster.Member(header.Author); isMember {
			c.authenticate(author.PublicKey)
		}
	}
}

func (s *Set) parse(c *candidate) Refusal {
	if len(c.raw) > messages.MaxFactSize {
		return refuse(StepSize, "%d bytes, at most %d", len(c.raw), messages.MaxFactSize)
	}
	fact, err := messages.ParseFact(c.raw)
	if err != nil {
		return refuse(StepCanonical, "%v", err)
	}
	c.fact, c.id = fact, fact.ID()
	if version := fact.Header.Version; version != messages.FactVersion {
		return refuse(StepVersion, "version %d, we know %d", version, messages.FactVersion)
	}
	if fact.Header.Context != s.context {
		return refuse(StepContext, "it is of another context")
	}
	return Refusal{}
}

// authenticate checks signature and body under the author's key.
func (c *candidate) authenticate(key messages.PublicKey) {
	c.signer, c.forged = key, Refusal{}
	switch {
	case !key.Verify(messages.SignedFact(c.id), c.fact.Signature[:]):
		c.forged = refuse(StepSignature, "%s did not sign it", c.fact.Header.Author.Short())
	case !c.fact.BodyMatches():
		c.forged = refuse(StepBody, "the body is not the one that the header names")
	}
}

// admit decides, in the order of SPEC 3.4, about a candidate that was examined.
func (s *Set) admit(now messages.Millis, c *candidate) Refusal {
	if !c.flaw.Admits() {
		return c.flaw
	}
	if s.Has(c.id) {
		return refuse(StepHeld, "it is held already")
	}
	header := c.fact.Header
	state := s.stateOf(header.Epoch, header.KeyID)
	if state == nil {
		return refuse(StepEpoch, "the op that opens epoch %d is not here yet", header.Epoch)
	}
	author, isMember := state.roster.Member(header.Author)
	if !isMember {
		return refuse(StepAuthor, "%s is not in the roster of epoch %d", header.Author.Short(), header.Epoch)
	}
	if c.signer != author.PublicKey {
		c.authenticate(author.PublicKey)
	}
	if !c.forged.Admits() {
		return c.forged
	}
	if wall := header.HLC.Millis(); wall > now.Add(maxAhead) {
		ahead := messages.Window{From: now, Until: wall}.Length()
		return refuse(StepClock, "clock of %s is %d s ahead of ours", header.Author.Short(), ahead/time.Second)
	}
	if c := s.chains[header.Author]; c != nil && c.waiting >= maxOrphans && s.graph.wouldWait(header.Chained) {
		return refuse(StepGap, "%d facts of %s wait for others already", c.waiting, header.Author.Short())
	}
	if s.isTooLate(header.Author, header.Seq) {
		return refuse(StepLate, "%s was removed, and goes on for more than %d facts", header.Author.Short(), maxLate)
	}
	return Refusal{}
}

// gistOf is what the set needs of a fact that is kept at the place.
func (s *Set) gistOf(fact messages.Fact, id messages.FactID, size int, place messages.Place) gist {
	header := fact.Header
	return gist{
		id: id, place: place, author: header.Author, seq: header.Seq, prev: header.Prev, parents: header.Parents,
		hlc: header.HLC, epoch: header.Epoch, keyID: header.KeyID, size: size, saying: s.read(fact),
	}
}

// read is what Waymeet understands of the body. A body that does not open, or
// holds what we do not know, or an epoch op of somebody who may write none, is
// stored and synced, not reduced.
func (s *Set) read(fact messages.Fact) saying {
	said := saying{again: fact.Header.Again}
	if fact.Header.Type.IsApplication() {
		return said
	}
	plaintext, err := s.ring.open(fact)
	if err != nil {
		return said
	}
	body, err := messages.DecodeFact(fact.Header.Type, fact.Header.Schema, plaintext)
	if err != nil {
		return said
	}
	if _, isOp := body.(messages.EpochOp); isOp && membership.RefuseEpochOp(s.founded.Finality, s.founder, fact.Header.Author) != "" {
		return said
	}
	said.body = body
	return said
}
