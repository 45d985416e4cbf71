package journal

import (
	"fmt"
	"slices"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

// addMember makes a member of an authority.
//
// A ticket answers its joiner as often as it claims, and each claim asks for the
// same operation. One that has made somebody a member, or found it to be one, does
// not so again after a removal: to come back takes another ticket.
func (j *Journal) addMember(now messages.Millis, e messages.AddMember, b *batch) {
	done, known := j.done.results[e.Operation]
	facts, isMember := done.Facts, j.set.epochs.open().roster.Has(e.Member.Authority())
	switch {
	case known && !isMember:
		b.reply(Reply{Operation: e.Operation, Refusal: fmt.Sprintf("%s was added before, and removed since", e.Member.Authority().Short())})
		return
	case known:
		j.welcome(e, facts, b)
		return
	case !isMember:
		var reason string
		if facts, reason = j.advance(now, messages.MemberAdded{Member: e.Member, Role: e.Role}, b); reason != "" {
			b.reply(Reply{Operation: e.Operation, Refusal: reason})
			return
		}
	}
	b.put(j.done.remember(e.Operation, now, now.Add(rememberTickets), facts)...)
	j.welcome(e, facts, b)
}

// changeEpoch does an op that nobody has to be welcomed after.
func (j *Journal) changeEpoch(now messages.Millis, operation messages.OperationID, op messages.EpochOp, b *batch) {
	if done, known := j.done.results[operation]; known {
		b.reply(Reply{Operation: operation, Facts: done.Facts})
		return
	}
	facts, reason := j.advance(now, op, b)
	if reason == "" {
		b.put(j.done.remember(operation, now, now.Add(rememberOperations), facts)...)
	}
	b.reply(Reply{Operation: operation, Facts: facts, Refusal: reason})
}

// advance closes the open epoch with an op and opens the next, or says in one
// line why not. The fact of the op carries the epoch that it closes (SPEC 2.3).
// Where rival ops have closed it already, one more would be one more rival.
func (j *Journal) advance(now messages.Millis, what messages.EpochOp, b *batch) (facts []messages.FactID, reason string) {
	keys, reason := j.ownKeys()
	switch {
	case reason != "":
		return nil, reason
	case j.set.epochs.conflict():
		return nil, fmt.Sprintf("rival changes of members or keys keep the context in epoch %d, and nobody can decide between them yet", keys.Epoch)
	}
	secret, err := membership.NewSecret(j.config.Random)
	if err != nil {
		panic("journal: " + err.Error())
	}
	state := membership.State{
		Founder:  j.set.founder,
		Finality: j.set.founded.Finality,
		Roster:   j.set.epochs.open().roster,
		Keys:     keys,
	}
	op, err := membership.Advance(j.config.Identity.Authority(), state, what, secret, j.cut())
	if err != nil {
		return nil, err.Error()
	}
	d := draftOf(op)
	if len(d.plaintext) > messages.MaxPlaintext {
		return nil, fmt.Sprintf("the op has %d bytes, at most %d: the context has too many members", len(d.plaintext), messages.MaxPlaintext)
	}
	id, err := j.append(now, d, keys, b)
	if err != nil {
		panic("journal: " + err.Error())
	}
	return []messages.FactID{id}, ""
}

// giveKeys takes in the keys that a welcome has brought to a member which was
// removed and has come back (SPEC 2.3: "so that later members can read the whole
// history"). What has come of those epochs waits for them; the rest comes with
// the next sync.
func (j *Journal) giveKeys(now messages.Millis, e messages.GiveKeys, b *batch) {
	var given storedKeys
	for _, record := range e.Records {
		if err := given.read(record); err != nil {
			panic("journal: keys of a welcome: " + err.Error())
		}
	}
	b.put(given.into(j.set.ring)...)
	j.offer(now, messages.AuthorityID{}, j.pending(), b)
	b.reply(Reply{Operation: e.Operation})
}

// welcome answers an AddMember with what the member needs to come in.
func (j *Journal) welcome(e messages.AddMember, facts []messages.FactID, b *batch) {
	open := j.set.epochs.open()
	var earlier []membership.EpochKey
	for _, state := range j.set.epochs.timeline[:open.number] {
		earlier = append(earlier, j.set.ring.payloads[j.set.ring.names[state.id]])
	}
	keys := j.set.ring.keys[open.id]
	welcome, err := membership.NewWelcome(j.set.founded, keys, open.change, earlier, e.Member.Authority())
	if err != nil {
		b.reply(Reply{Operation: e.Operation, Refusal: err.Error()})
		return
	}
	b.reply(Reply{Operation: e.Operation, Facts: facts, Welcome: &welcome})
}

// cut is, per author, the last fact that we hold. Who is not in the roster of the
// epoch that is closed has none in it that could count: such an entry would say
// nothing, and those who come and go would fill the op.
func (j *Journal) cut() []messages.CutEntry {
	var cut []messages.CutEntry
	roster := j.set.epochs.open().roster
	for author, c := range j.set.chains {
		if c.head != nil && roster.Has(author) {
			cut = append(cut, messages.CutEntry{Author: author, Seq: c.head.seq, Fact: c.head.id})
		}
	}
	slices.SortFunc(cut, func(a, b messages.CutEntry) int { return a.Author.Compare(b.Author) })
	return cut
}
