package journal

import (
	"crypto/sha256"
	"io"
	"maps"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

// archive makes facts in bulk. They have the form and the size of application
// facts with the smallest body; bodies are noise, and only those are signed
// that somebody will admit. A hundred thousand take a second.
type archive struct {
	t       fataler
	random  io.Reader
	at      messages.Chained
	writers []membership.Identity
	// last is, per writer, the last fact of the chain.
	last map[messages.AuthorityID]messages.Fact
}

// newArchive founds a context with so many members, of whom two come back as
// nodes that hold the same.
func newArchive(t fataler, members byte) (a *archive, ana, ben *node) {
	t.Helper()
	a = &archive{t: t, random: seeded(1), last: map[messages.AuthorityID]messages.Fact{}}
	ana = found(t, 1)
	a.writers = append(a.writers, ana.identity)
	for seed := byte(2); seed <= members; seed++ {
		joiner := ana.admit(start, seed)
		a.writers = append(a.writers, joiner.identity)
		if ben == nil {
			ben = joiner
		}
	}
	ben.learn(start, ana)
	for _, raw := range ana.facts() {
		fact := mustParse(raw)
		if before, known := a.last[fact.Header.Author]; !known || before.Header.Seq < fact.Header.Seq {
			a.last[fact.Header.Author] = fact
		}
	}
	keys := ana.view.Keys[ana.view.Epoch]
	a.at = messages.Chained{
		Version: messages.FactVersion, Context: ana.view.Context, HLC: messages.HLC(0).Next(messages.MillisOf(start.Add(time.Second))),
		Epoch: keys.Epoch, KeyID: keys.KeyID, Type: messages.FactApplication, Schema: 1,
	}
	return a, ana, ben
}

// append makes the next facts of all chains, in turns.
func (a *archive) append(facts int, signed bool) (made []messages.Fact) {
	for n := range facts {
		writer := a.writers[n%len(a.writers)]
		at := a.at
		at.Author, at.Seq = writer.Authority(), 1
		if last, known := a.last[at.Author]; known {
			at.Seq, at.Prev = last.Header.Seq+1, last.ID()
		}
		fact := a.make(writer, at, signed)
		a.last[at.Author] = fact
		made = append(made, fact)
	}
	return made
}

// branch is another archive of the same chains, which goes on otherwise.
func (a *archive) branch() *archive {
	other := *a
	other.last = maps.Clone(a.last)
	other.random = seeded(2)
	return &other
}

// twin makes a signed fact that forks the chain at that fact.
func (a *archive) twin(of messages.Fact) messages.Fact {
	for _, writer := range a.writers {
		if writer.Authority() == of.Header.Author {
			return a.make(writer, of.Header.Chained, true)
		}
	}
	a.t.Fatalf("nobody here has written %s", of.ID().Short())
	return messages.Fact{}
}

func (a *archive) make(writer membership.Identity, at messages.Chained, signed bool) messages.Fact {
	a.at.HLC++
	at.HLC = a.at.HLC
	body := make([]byte, nonceSize+256+16)
	if _, err := io.ReadFull(a.random, body); err != nil {
		a.t.Fatalf("random: %v", err)
	}
	header := messages.Header{Chained: at, BodyHash: sha256.Sum256(body)}
	fact := messages.Fact{Header: header, HeaderBytes: messages.Encode(header), Body: body}
	if signed {
		fact.Signature = writer.Sign(messages.SignedFact(fact.ID()))
	}
	return fact
}

// hold puts facts into a node's journal and onto its disk, past the door.
func hold(n *node, facts []messages.Fact) {
	n.t.Helper()
	for _, fact := range facts {
		raw := fact.Append(nil)
		n.journal.accept(fact, fact.ID(), len(raw))
		n.disk[messages.BucketFacts][string(n.journal.set.last.Key())] = raw
	}
	n.journal.changed = true
	n.step(start.Add(time.Minute), messages.Tick{})
}

// sizeOf is the size of the facts themselves.
func sizeOf(facts []messages.Fact) (size int) {
	for _, fact := range facts {
		size += len(fact.Append(nil))
	}
	return size
}
