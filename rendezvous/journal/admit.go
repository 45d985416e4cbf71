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

// check is one check of admission, in the order of SPEC 3.4; the first that
// refuses decides.
type check uint8

// The checks. The zero check admits.
const (
	// sizeCheck: larger than 64 KiB.
	sizeCheck check = iota + 1
	// canonicalCheck: not the canonical bytes of a fact.
	canonicalCheck
	// versionCheck: a major version that we do not know.
	versionCheck
	// contextCheck: of another context.
	contextCheck
	// epochCheck: of an epoch that is not known yet; it waits for the op.
	epochCheck
	// authorCheck: the author is not in the roster of the epoch.
	authorCheck
	// signatureCheck: not signed by its author.
	signatureCheck
	// bodyCheck: the body is not the one that the header names.
	bodyCheck
	// clockCheck: more than 60 s ahead; it waits until it is not.
	clockCheck
	// gapCheck: too many facts of this author wait for others already.
	gapCheck
	// lateCheck: its author was removed, and it is too far beyond the cut.
	lateCheck
	// heldCheck: it is held already.
	heldCheck
)

var checkNames = map[check]string{
	sizeCheck: "size", canonicalCheck: "encoding", versionCheck: "version", contextCheck: "context",
	epochCheck: "epoch", authorCheck: "author", signatureCheck: "signature", bodyCheck: "body hash",
	clockCheck: "clock", gapCheck: "gap", lateCheck: "cut", heldCheck: "held",
}

// String names the check.
func (c check) String() string { return checkNames[c] }

// verdict says whether a fact is admitted, and if not, why. A refusal is a value: the
// fault is a peer's, or nobody's. The zero verdict admits.
type verdict struct {
	check  check
	reason string
}

// admits reports whether nothing refused.
func (v verdict) admits() bool { return v.check == 0 }

// waits reports whether the fact is kept aside and offered again later.
func (v verdict) waits() bool { return v.check == epochCheck || v.check == clockCheck }

// isFault reports whether no honest member sends such a fact.
func (v verdict) isFault() bool {
	return !v.admits() && !v.waits() && v.check < gapCheck
}

// String is one line for people.
func (v verdict) String() string {
	if v.admits() {
		return "admitted"
	}
	return fmt.Sprintf("refused by %s: %s", v.check, v.reason)
}

func refuse(by check, format string, arguments ...any) verdict {
	return verdict{check: by, reason: fmt.Sprintf(format, arguments...)}
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
	flaw verdict
	// signer is the key under which forged was found out; zero: not yet.
	signer messages.PublicKey
	// forged is the refusal by signature or body.
	forged verdict
}

// check checks a fact at the door; it changes nothing.
//
// SPEC 3.4: "Admission, in this order: size ≤ 64 KiB, canonical, known major
// version, context, author in the roster of that epoch, signature, body hash,
// HLC ≤ 60 s ahead".
func (s *set) check(now messages.Millis, raw []byte) (messages.Fact, verdict) {
	c := candidate{raw: raw}
	s.examine(&c)
	return c.fact, s.admit(now, &c)
}

// examine finds out whatever takes long. It changes nothing but the candidate,
// so that many can be examined at once.
func (s *set) examine(c *candidate) {
	c.flaw = s.parse(c)
	if c.flaw.admits() && !s.has(c.id) {
		s.authenticate(c)
	}
}

// authenticate checks signature and body, if it is known whose they must be.
func (s *set) authenticate(c *candidate) {
	header := c.fact.Header
	if state := s.epochOf(header.Epoch, header.KeyID); state != nil {
		if author, isMember := state.roster.Member(header.Author); isMember {
			c.authenticate(author.PublicKey)
		}
	}
}

func (s *set) parse(c *candidate) verdict {
	if len(c.raw) > messages.MaxFactSize {
		return refuse(sizeCheck, "%d bytes, at most %d", len(c.raw), messages.MaxFactSize)
	}
	fact, err := messages.ParseFact(c.raw)
	if err != nil {
		return refuse(canonicalCheck, "%v", err)
	}
	c.fact, c.id = fact, fact.ID()
	if version := fact.Header.Version; version != messages.FactVersion {
		return refuse(versionCheck, "version %d, we know %d", version, messages.FactVersion)
	}
	if fact.Header.Context != s.context {
		return refuse(contextCheck, "it is of another context")
	}
	return verdict{}
}

// authenticate checks signature and body under the author's key.
func (c *candidate) authenticate(key messages.PublicKey) {
	c.signer, c.forged = key, verdict{}
	switch {
	case !key.Verify(messages.SignedFact(c.id), c.fact.Signature[:]):
		c.forged = refuse(signatureCheck, "%s did not sign it", c.fact.Header.Author.Short())
	case !c.fact.BodyMatches():
		c.forged = refuse(bodyCheck, "the body is not the one that the header names")
	}
}

// admit decides, in the order of SPEC 3.4, about a candidate that was examined.
func (s *set) admit(now messages.Millis, c *candidate) verdict {
	if !c.flaw.admits() {
		return c.flaw
	}
	if s.has(c.id) {
		return refuse(heldCheck, "it is held already")
	}
	header := c.fact.Header
	state := s.epochOf(header.Epoch, header.KeyID)
	if state == nil {
		return refuse(epochCheck, "the op that opens epoch %d is not here yet", header.Epoch)
	}
	author, isMember := state.roster.Member(header.Author)
	if !isMember {
		return refuse(authorCheck, "%s is not in the roster of epoch %d", header.Author.Short(), header.Epoch)
	}
	if c.signer != author.PublicKey {
		c.authenticate(author.PublicKey)
	}
	if !c.forged.admits() {
		return c.forged
	}
	if wall := header.HLC.Millis(); wall > now.Add(maxAhead) {
		ahead := messages.Window{From: now, Until: wall}.Length()
		return refuse(clockCheck, "clock of %s is %d s ahead of ours", header.Author.Short(), ahead/time.Second)
	}
	if c := s.chains[header.Author]; c != nil && c.waiting >= maxOrphans && s.graph.wouldWait(header.Chained) {
		return refuse(gapCheck, "%d facts of %s wait for others already", c.waiting, header.Author.Short())
	}
	if s.isTooLate(header.Author, header.Seq) {
		return refuse(lateCheck, "%s was removed, and goes on for more than %d facts", header.Author.Short(), maxLate)
	}
	return verdict{}
}

// gistOf is what the set needs of a fact that is kept at the place.
func (s *set) gistOf(fact messages.Fact, id messages.FactID, size int, place messages.Place) gist {
	header := fact.Header
	return gist{
		id: id, place: place, author: header.Author, seq: header.Seq, prev: header.Prev, parents: header.Parents,
		hlc: header.HLC, epoch: header.Epoch, keyID: header.KeyID, size: size, saying: s.read(fact),
	}
}

// read is what Waymeet understands of the body. A body that does not open, or
// holds what we do not know, or an epoch op of somebody who may write none, is
// stored and synced, not reduced.
func (s *set) read(fact messages.Fact) saying {
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
