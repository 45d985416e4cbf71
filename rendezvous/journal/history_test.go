package journal

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous"
)

// descriptor is a good descriptor of the node in the epoch that it is in.
func (n *node) descriptor(now time.Time, sequence uint64, nonce byte) messages.RendezvousDescriptor {
	keys := n.view.Keys[n.view.Epoch]
	millis := messages.MillisOf(now)
	return messages.RendezvousDescriptor{
		Authority: n.identity.Authority(), Context: n.view.Context, PublicKey: n.identity.Public(),
		PSKCommitment: keys.PSKCommitment(messages.Nonce{nonce}), Nonce: messages.Nonce{nonce},
		Valid: messages.Window{From: millis, Until: millis.Add(time.Hour)}, Sequence: sequence,
		Candidates: messages.CandidateGeneration(sequence), Version: messages.CurrentVersion,
	}
}

func (n *node) say(now time.Time, fact messages.RendezvousFact) {
	n.t.Helper()
	if reply := n.do(now, messages.Commit{Facts: []messages.RendezvousFact{fact}}); reply.Refusal != "" {
		n.t.Fatalf("commit: %s", reply.Refusal)
	}
}

// history is what some members have made of a context, who may do anything in any
// order.
type history struct {
	// listeners are members who do nothing: they know nothing yet but their
	// welcome. No one removes them.
	listeners [3]*node
	// ben is one of the writers as it was when it had joined.
	ben *node
	// base is what there was when the last listener joined, facts is all that came
	// of it. void are how many of these name no key: nobody takes them in.
	base, facts [][]byte
	void        int
}

// historian makes a history.
type historian struct {
	*history
	t   *rapid.T
	now time.Time
	// founders are nodes of the founder, who must be one; writers are they and the
	// members who write.
	founders, writers []*node
	// saved are backups, by the node that they are of.
	saved map[*node]disk
	// forged are facts that no node of ours makes.
	forged []messages.Fact
}

// steps are what may happen next, in a context in which somebody and somebody else
// write.
var steps = map[string]func(a *historian, who, other *node){
	"note":     (*historian).note,
	"publish":  (*historian).publish,
	"revoke":   (*historian).revoke,
	"channel":  (*historian).channel,
	"exchange": func(a *historian, who, other *node) { who.learn(a.now, other) },
	"add":      (*historian).add,
	"remove":   (*historian).remove,
	"return":   (*historian).takeBack,
	"rotate":   (*historian).rotate,
	"rival":    (*historian).rival,
	"save":     func(a *historian, who, _ *node) { a.saved[who] = who.disk.clone() },
	"restore":  (*historian).restore,
	"forge":    (*historian).forge,
}

// frequentSteps is what is drawn from: all of them, some of them more often.
var frequentSteps = append(slices.Sorted(maps.Keys(steps)),
	"exchange", "exchange", "exchange", "exchange", "note", "publish", "publish", "channel", "rotate", "rotate", "rival", "remove", "return", "return", "forge", "forge")

// makeHistory draws one.
func makeHistory(t *rapid.T) *history {
	ana := found(t, 1)
	ben := ana.admit(start, 2)
	a := &historian{history: &history{ben: ben.twin(8)}, t: t, now: start, saved: map[*node]disk{}}
	a.listeners = [3]*node{ana.admit(start, 3), ana.admit(start, 4), ana.admit(start, 5)}
	ben.learn(start, ana)
	a.base = ana.facts()
	a.founders, a.writers = []*node{ana}, []*node{ana, ben}
	for range rapid.IntRange(1, 40).Draw(t, "steps") {
		a.now = a.now.Add(rapid.SampledFrom([]time.Duration{1, 1, 1, 0, -2}).Draw(t, "time") * time.Second)
		who, other := oneOf(t, "who", a.writers), oneOf(t, "other", a.writers)
		steps[rapid.SampledFrom(frequentSteps).Draw(t, "what")](a, who, other)
	}
	all := map[string][]byte{}
	for _, writer := range a.writers {
		for _, raw := range writer.facts() {
			all[string(raw)] = raw
		}
	}
	for _, fact := range a.forged {
		raw := fact.Append(nil)
		all[string(raw)] = raw
	}
	for _, key := range slices.Sorted(maps.Keys(all)) {
		a.facts = append(a.facts, all[key])
	}
	return a.history
}

// mayWrite reports whether the node is a member, for all that it knows, and may
// write.
func (a *historian) mayWrite(who *node) bool {
	_, reason := who.journal.ownKeys()
	return reason == "" && who.journal.mayWrite(a.now)
}

func (a *historian) say(who *node, fact messages.RendezvousFact) {
	if a.mayWrite(who) {
		who.say(a.now, fact)
	}
}

func (a *historian) note(who, _ *node) {
	a.say(who, messages.ApplicationFact{Type: messages.FactApplication, Body: fmt.Append(nil, who.identity.Authority().Short(), " ", who.ops)})
}

func (a *historian) nonce() byte { return byte(rapid.IntRange(1, 5).Draw(a.t, "nonce")) }

func (a *historian) someDescriptor(who *node) messages.RendezvousDescriptor {
	who.journal.set.numbered = rendezvous.DescriptorNumbers{} // others may number as they like
	return who.descriptor(a.now, uint64(rapid.IntRange(1, 6).Draw(a.t, "sequence")), a.nonce())
}

func (a *historian) publish(who, _ *node) { a.say(who, a.someDescriptor(who)) }

func (a *historian) revoke(who, other *node) {
	a.say(who, messages.DescriptorRevoked{Authority: other.identity.Authority(), Nonce: messages.Nonce{a.nonce()}})
}

// channel has one end say that a channel is established, or both.
func (a *historian) channel(who, other *node) {
	c := messages.ChannelEstablished{
		Initiator: who.identity.Authority(), Responder: other.identity.Authority(),
		Channel: messages.ChannelID{byte(rapid.IntRange(1, 3).Draw(a.t, "channel"))}, Epoch: who.view.Epoch,
	}
	a.say(who, c)
	if rapid.Bool().Draw(a.t, "both") {
		a.say(other, c)
	}
}

// founder is a node of the founder that may close the epoch.
func (a *historian) founder() (founder *node, may bool) {
	founder = oneOf(a.t, "founder", a.founders)
	return founder, a.mayWrite(founder) && !founder.view.Conflict
}

// rotate closes the epoch, with an op that stands on all that its cut names, or on
// nothing of it, as if there were too many others to name.
func (a *historian) rotate(_, _ *node) {
	founder, may := a.founder()
	if !may {
		return
	}
	if rapid.Bool().Draw(a.t, "crowd") {
		for _, c := range founder.journal.set.chains {
			c.named = c.entries[len(c.entries)-1].seq
		}
	}
	founder.ask(a.now, rotation)
}

func (a *historian) add(_, _ *node) {
	founder, may := a.founder()
	if !may || len(a.writers) > 5 {
		return
	}
	joiner := founder.admit(a.now, byte(10+len(a.writers)))
	joiner.learn(a.now, founder)
	a.writers = append(a.writers, joiner)
}

func (a *historian) remove(_, other *node) {
	founder, may := a.founder()
	if may && founder.view.Roster.Has(other.identity.Authority()) && other.identity.Authority() != founder.identity.Authority() {
		founder.remove(a.now, other)
	}
}

// takeBack adds one again that was removed.
func (a *historian) takeBack(_, other *node) {
	founder, may := a.founder()
	if may && !founder.view.Roster.Has(other.identity.Authority()) {
		founder.takeBack(a.now, other)
	}
}

// rival makes another node of the founder: all of them close epochs.
func (a *historian) rival(_, _ *node) {
	if n := len(a.founders); n < 3 {
		twin := a.founders[0].twin(90 + uint64(n))
		a.founders, a.writers = append(a.founders, twin), append(a.writers, twin)
	}
}

// restore makes another node of a member, from a backup or from its disk as it is.
func (a *historian) restore(who, _ *node) {
	isTwin := func(other *node) bool { return other != who && other.identity.Authority() == who.identity.Authority() }
	if len(a.writers) > 5 || who.identity.Authority() == a.founders[0].identity.Authority() || slices.ContainsFunc(a.writers, isTwin) {
		return
	}
	twin := who.twin(uint64(50 + len(a.writers)))
	if backup, saved := a.saved[who]; saved {
		twin.disk = backup.clone()
		twin.restart(a.now)
	}
	a.writers = append(a.writers, twin)
}

// faults are what is wrong with facts that are made by hand; the last ones only
// look like it.
var faults = map[string]func(_ *historian, at *messages.Chained, _, other *node){
	"clock back": func(_ *historian, at *messages.Chained, _, _ *node) { at.HLC = 1 },
	"clock stands still": func(_ *historian, at *messages.Chained, _, other *node) {
		if head := other.journal.set.head(other.identity.Authority()); head != nil {
			at.Parents, at.HLC = []messages.FactID{head.id}, head.hlc
		}
	},
	"void key":     func(_ *historian, at *messages.Chained, _, _ *node) { at.KeyID[0]++ },
	"bogus prev":   func(_ *historian, at *messages.Chained, _, other *node) { at.Prev, at.Parents = other.lastFact(), nil },
	"bogus parent": func(_ *historian, at *messages.Chained, _, _ *node) { at.Parents = []messages.FactID{{byte(at.Seq)}} },
	"bogus again":  func(_ *historian, at *messages.Chained, _, _ *node) { at.Again = messages.Again{byte(at.Seq)} },
	"gap": func(_ *historian, at *messages.Chained, _, _ *node) {
		at.Seq, at.Prev = at.Seq+2, messages.FactID{byte(at.Seq)}
	},
	"leap":            func(_ *historian, at *messages.Chained, _, _ *node) { at.Seq++ },
	"again of others": func(_ *historian, at *messages.Chained, _, other *node) { at.Again = messages.Again(other.lastFact()) },
	"again of its own": func(a *historian, at *messages.Chained, who, _ *node) {
		if own := who.journal.set.chains[at.Author]; own != nil {
			at.Again = messages.Again(own.entries[rapid.IntRange(0, len(own.entries)-1).Draw(a.t, "again")].id)
		}
	},
	"stands on a forged one": func(a *historian, at *messages.Chained, _, _ *node) {
		for _, forged := range a.forged {
			if forged.Header.Author == at.Author && rapid.Bool().Draw(a.t, "follows") {
				at.Seq, at.Prev, at.Parents = forged.Header.Seq+1, forged.ID(), nil
			} else if forged.Header.Author != at.Author {
				at.Parents = []messages.FactID{forged.ID()}
			}
		}
	},
	"none": func(*historian, *messages.Chained, *node, *node) {},
}

// forge has a member make a fact that its node would not, and give it to the other
// one. What its own node makes next forks its chain.
func (a *historian) forge(who, other *node) {
	if !a.mayWrite(who) || who.identity.Authority() == other.identity.Authority() {
		return
	}
	fault := rapid.SampledFrom(slices.Sorted(maps.Keys(faults))).Draw(a.t, "fault")
	d := draftOf(a.someDescriptor(who))
	if rapid.Bool().Draw(a.t, "note") {
		d = draftOf(messages.ApplicationFact{Type: messages.FactApplication, Body: fmt.Append(nil, "forged ", len(a.forged))})
	}
	keys := who.view.Keys[who.view.Epoch]
	at := messages.Chained{
		Version: messages.FactVersion, Context: who.view.Context, Author: who.identity.Authority(), Seq: 1,
		HLC: who.journal.set.clock.Next(messages.MillisOf(a.now)), Epoch: keys.Epoch, KeyID: keys.KeyID,
		Type: d.kind, Schema: d.schema,
	}
	if head := who.journal.set.head(at.Author); head != nil {
		at.Seq, at.Prev = head.seq+1, head.id
	}
	faults[fault](a, &at, who, other)
	at.Parents = slices.DeleteFunc(at.Parents, func(parent messages.FactID) bool { return parent.IsZero() || parent == at.Prev })
	if at.Seq == 1 {
		at.Prev = messages.FactID{}
	} else if at.Prev.IsZero() {
		at.Prev = messages.FactID{byte(at.Seq)}
	}
	fact, err := Seal(who.identity, at, keys.Payload, d.plaintext, who.random)
	if err != nil {
		a.t.Fatalf("seal: %v", err)
	}
	if at.KeyID != keys.KeyID {
		a.void++
	}
	a.forged = append(a.forged, fact)
	other.step(a.now, messages.OfferFacts{Session: 98, From: at.Author, Facts: [][]byte{fact.Append(nil)}})
}

func (d disk) clone() disk {
	clone := disk{}
	for bucket, records := range d {
		clone[bucket] = maps.Clone(records)
	}
	return clone
}

// hearer is who hears of the history: a listener, or ben, who may be removed.
func (h *history) hearer(t *rapid.T) *node {
	return oneOf(t, "hearer", []*node{h.listeners[0], h.listeners[0], h.ben})
}

// oneOf draws one of the nodes by its number, which is short in print.
func oneOf(t *rapid.T, label string, nodes []*node) *node {
	return nodes[rapid.IntRange(0, len(nodes)-1).Draw(t, label)]
}

// lastFact is the last fact of the node's own; zero: there is none.
func (n *node) lastFact() messages.FactID {
	return n.view.Frontier[n.identity.Authority()].Fact
}

// isMember reports whether the node is a member, for all that it knows.
func (n *node) isMember() bool { return n.view.Roster.Has(n.identity.Authority()) }

// twin is another node of the same authority, with a copy of its disk: what
// must never be, and what a backup is.
func (n *node) twin(seed uint64) *node {
	twin := &node{t: n.t, identity: n.identity, random: seeded(seed), disk: n.disk.clone(), ops: n.ops}
	twin.restart(start)
	return twin
}

// hear gives the facts to a copy of the listener, some of them twice, in the
// order that is drawn, in pieces.
func hear(t *rapid.T, listener *node, facts [][]byte, label string) *node {
	order := []int{}
	for n := range len(facts) + rapid.IntRange(0, len(facts)).Draw(t, label+" twice") {
		order = append(order, n%len(facts))
	}
	order = rapid.Permutation(order).Draw(t, label)
	n := listener.twin(7)
	n.mute = true
	now := time.Unix(1_800_000_100, 0)
	for len(order) > 0 {
		piece := rapid.IntRange(1, len(order)).Draw(t, label+" piece")
		offer := messages.OfferFacts{Session: 1, From: messages.AuthorityID{1}}
		for _, at := range order[:piece] {
			offer.Facts = append(offer.Facts, facts[at])
		}
		n.step(now, offer)
		order = order[piece:]
	}
	return n
}

// subset is a listener that has heard the base and some of the facts: the rest are
// gaps.
func (h *history) subset(t *rapid.T, listener int, label string) *node {
	some := rapid.SliceOfNDistinct(rapid.IntRange(0, len(h.facts)-1), 0, -1, rapid.ID[int]).Draw(t, label)
	heard := slices.Clone(h.base)
	for _, n := range some {
		heard = append(heard, h.facts[n])
	}
	n := hear(t, h.listeners[listener], heard, label+" order")
	n.syncOut = nil
	return n
}
