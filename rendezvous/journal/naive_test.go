package journal

import (
	"bytes"
	"cmp"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

// naive says what a node's facts add up to by asking every fact about every other,
// as the specification words it, over and over. All that it takes is the node's
// disk, and of the journal's code how a record and a fact are written and how the
// fingerprint of a set of ids is made.
type naive struct {
	self    messages.AuthorityID
	founded messages.ContextFounded
	keys    map[messages.EpochKeyID]membership.EpochKey
	held    map[messages.FactID]*naiveFact
	// epochs are all epochs that valid ops open; timeline those from the first on
	// that no rival contests.
	epochs   map[messages.EpochID]*naiveEpoch
	timeline []*naiveEpoch
	// conflict: rivals contest the one after these.
	conflict bool
}

type naiveFact struct {
	messages.Header
	id   messages.FactID
	body messages.RendezvousFact
	// whole: -1 no, 1 yes, 0 not asked yet.
	whole int
}

type naiveEpoch struct {
	number  messages.Epoch
	id      messages.EpochID
	closes  messages.EpochID
	members map[messages.AuthorityID]bool
	// op opened it and cut is what that says; nil for the first.
	op  *naiveFact
	cut []messages.CutEntry
}

func newNaive(n *node) *naive {
	v := &naive{
		self: n.identity.Authority(), keys: map[messages.EpochKeyID]membership.EpochKey{},
		held: map[messages.FactID]*naiveFact{}, epochs: map[messages.EpochID]*naiveEpoch{},
	}
	v.readKeys(n.disk)
	for _, raw := range n.facts() {
		fact := mustParse(raw)
		f := &naiveFact{Header: fact.Header, id: fact.ID()}
		if text, err := Open(fact, v.keys[f.KeyID].Payload); err == nil {
			f.body, _ = messages.DecodeFact(f.Type, f.Schema, text)
		}
		v.held[f.id] = f
	}
	v.openEpochs()
	return v
}

func (v *naive) readKeys(d disk) {
	records := d[messages.BucketKeys]
	v.founded, _ = messages.Decode[messages.ContextFounded](records[keyFounded])
	for name, value := range records {
		if strings.HasPrefix(name, prefixSecret) {
			s, _ := messages.Decode[storedSecret](value)
			key := membership.DeriveKeys(v.founded.Context(), s.Epoch, s.EpochID, s.Secret).Payloads()
			v.keys[key.KeyID] = key
		} else if strings.HasPrefix(name, prefixPayload) {
			key, _ := messages.Decode[membership.EpochKey](value)
			v.keys[key.KeyID] = key
		}
	}
}

// isWhole: all that the fact stands on is held and whole, and earlier.
func (v *naive) isWhole(f *naiveFact) bool {
	if f.whole == 0 {
		f.whole = -1
		stands := func(id messages.FactID) bool {
			other := v.held[id]
			return other != nil && v.isWhole(other) && other.HLC < f.HLC
		}
		prev := v.held[f.Prev]
		whole := f.Seq == 1 || stands(f.Prev) && prev.Author == f.Author && prev.Seq == f.Seq-1
		for _, parent := range f.Parents {
			whole = whole && stands(parent)
		}
		if whole && (f.Again.IsZero() || stands(messages.FactID(f.Again))) {
			f.whole = 1
		}
	}
	return f.whole == 1
}

// openEpochs finds the epochs until there are no more.
func (v *naive) openEpochs() {
	founder := v.founded.Founder.Authority()
	first := &naiveEpoch{id: membership.FoundedEpoch(v.founded), members: map[messages.AuthorityID]bool{founder: true}}
	v.epochs[first.id] = first
	for known := 0; known < len(v.epochs); {
		known = len(v.epochs)
		for _, f := range v.held {
			op, isOp := f.body.(messages.EpochOp)
			if !isOp || f.Author != founder || !v.isWhole(f) {
				continue
			}
			next := v.opens(f, op)
			if next == nil {
				continue
			}
			if same := v.epochs[next.id]; same == nil || f.id.Compare(same.op.id) < 0 {
				v.epochs[next.id] = next
			}
		}
	}
	v.timeline = []*naiveEpoch{first}
	for at := 0; at < len(v.timeline); at++ {
		var next []*naiveEpoch
		for _, epoch := range v.epochs {
			if epoch.op != nil && epoch.closes == v.timeline[at].id {
				next = append(next, epoch)
			}
		}
		v.conflict = len(next) > 1
		if len(next) == 1 {
			v.timeline = append(v.timeline, next[0])
		}
	}
}

// opens is the epoch that a founder's op opens, nil if it is not valid.
func (v *naive) opens(f *naiveFact, op messages.EpochOp) *naiveEpoch {
	change := op.Changes()
	closed := v.epochs[v.keys[f.KeyID].EpochID]
	if closed == nil || f.Epoch != closed.number || change.Closes != closed.id || change.Epoch != closed.number+1 {
		return nil
	}
	members := maps.Clone(closed.members)
	switch o := op.(type) {
	case messages.MemberAdded:
		if members[o.Member.Authority()] {
			return nil
		}
		members[o.Member.Authority()] = true
	case messages.MemberRemoved:
		if !members[o.Member] || o.Member == f.Author {
			return nil
		}
		delete(members, o.Member)
	}
	return &naiveEpoch{change.Epoch, membership.OpenedEpoch(op), change.Closes, members, f, change.Cut}
}

// counts: a fact is whole, of an epoch of the timeline in which its author was,
// and not beyond the cut of that.
func (v *naive) counts(f *naiveFact) bool {
	if !v.isWhole(f) || int(f.Epoch) >= len(v.timeline) {
		return false
	}
	epoch := v.timeline[f.Epoch]
	if v.keys[f.KeyID].EpochID != epoch.id || !epoch.members[f.Author] {
		return false
	}
	if int(f.Epoch)+1 == len(v.timeline) || v.timeline[f.Epoch+1].op == f {
		return true
	}
	for _, cut := range v.timeline[f.Epoch+1].cut {
		end := v.held[cut.Fact]
		if end == nil || end.Author != cut.Author || end.Seq != cut.Seq {
			continue
		}
		for ; end != nil; end = v.held[end.Prev] {
			if end == f {
				return true
			}
		}
	}
	return false
}

// repeats: what the fact says counts already.
func (v *naive) repeats(f *naiveFact) bool {
	old := v.held[messages.FactID(f.Again)]
	return old != nil && old.Author == f.Author && old.Epoch < f.Epoch && v.counts(old)
}

// said are the facts that count and say no other again.
func (v *naive) said() (facts []*naiveFact) {
	for _, f := range v.held {
		if v.counts(f) && !v.repeats(f) {
			facts = append(facts, f)
		}
	}
	return facts
}

// view is all of what they add up to that follows from the facts.
func (v *naive) view() rendezvous.View {
	open := v.timeline[len(v.timeline)-1]
	view := rendezvous.View{
		Context: v.founded.Context(), Self: v.self, Epoch: open.number, EpochID: open.id,
		Finality: v.founded.Finality, Founder: v.founded.Founder.Authority(),
		Frontier: map[messages.AuthorityID]messages.CutEntry{}, Covered: map[messages.AuthorityID]messages.Seq{},
		Established: v.established(), Equivocated: v.equivocated(), Conflict: v.conflict,
	}
	view.Descriptors, view.Older = v.descriptors(open.number)
	var sum setHash
	for _, f := range v.held {
		if d, isDescriptor := f.body.(messages.RendezvousDescriptor); isDescriptor && f.Author == v.self && d.Authority == v.self {
			view.Numbered.Sequence = max(view.Numbered.Sequence, d.Sequence)
			view.Numbered.Candidates = max(view.Numbered.Candidates, d.Candidates)
		}
		if v.counts(f) {
			sum.add(f.id)
		}
		if !v.isWhole(f) {
			view.Waiting++
			continue
		}
		view.Ready++
		last := view.Frontier[f.Author]
		if f.Seq > last.Seq || f.Seq == last.Seq && f.id.Compare(last.Fact) < 0 {
			view.Frontier[f.Author] = messages.CutEntry{Author: f.Author, Seq: f.Seq, Fact: f.id}
		}
	}
	view.Count, view.Fingerprint = sum.count, sum.fingerprint()
	for _, f := range v.said() {
		for _, id := range append(slices.Clone(f.Parents), messages.FactID(f.Again)) {
			if parent := v.held[id]; parent != nil && parent.Author == v.self && f.Author != v.self {
				view.Covered[f.Author] = max(view.Covered[f.Author], parent.Seq)
			}
		}
	}
	return view
}

// former are those who were in an epoch and are not in the open one.
func (v *naive) former() []messages.AuthorityID {
	gone := map[messages.AuthorityID]bool{}
	for _, epoch := range v.timeline {
		maps.Copy(gone, epoch.members)
	}
	maps.DeleteFunc(gone, func(id messages.AuthorityID, _ bool) bool { return v.timeline[len(v.timeline)-1].members[id] })
	return slices.SortedFunc(maps.Keys(gone), messages.AuthorityID.Compare)
}

// isNewer: a greater sequence, else seq, else a smaller id.
func isNewer(a, b rendezvous.DescriptorRecord) bool {
	return cmp.Or(cmp.Compare(a.Descriptor.Sequence, b.Descriptor.Sequence), cmp.Compare(a.Seq, b.Seq), b.Fact.Compare(a.Fact)) > 0
}

// descriptors are the newest of each authority, and the last 32 (1024 of its own)
// that these have replaced within 8 epochs.
func (v *naive) descriptors(open messages.Epoch) (newest map[messages.AuthorityID]rendezvous.DescriptorRecord, older map[messages.Nonce]rendezvous.DescriptorRecord) {
	newest = map[messages.AuthorityID]rendezvous.DescriptorRecord{}
	older = map[messages.Nonce]rendezvous.DescriptorRecord{}
	said := v.said()
	var records []rendezvous.DescriptorRecord
	for _, f := range said {
		d, isDescriptor := f.body.(messages.RendezvousDescriptor)
		if !isDescriptor || d.Authority != f.Author || d.Context != f.Context || rendezvous.ValidateDescriptor(d, f.HLC.Millis()) != nil {
			continue
		}
		first := f
		for old := f; old != nil && old.Author == f.Author && (old == f || old.Epoch < first.Epoch); old = v.held[messages.FactID(old.Again)] {
			first = old
		}
		isRevoked := slices.ContainsFunc(said, func(other *naiveFact) bool {
			return other.Author == f.Author && other.body == messages.RendezvousFact(messages.DescriptorRevoked{Authority: f.Author, Nonce: d.Nonce})
		})
		records = append(records, rendezvous.DescriptorRecord{Descriptor: d, Fact: f.id, Epoch: first.Epoch, Seq: f.Seq, Revoked: isRevoked})
	}
	for _, r := range records {
		if best, there := newest[r.Descriptor.Authority]; !there || isNewer(r, best) {
			newest[r.Descriptor.Authority] = r
		}
	}
	for _, r := range records {
		there, taken := older[r.Descriptor.Nonce]
		newer, most := 0, 32
		if r.Descriptor.Authority == v.self {
			most = 1024
		}
		for _, other := range records {
			if other.Descriptor.Authority == r.Descriptor.Authority && isNewer(other, r) {
				newer++
			}
		}
		isOld := newer > 0 && newer <= most && !r.Revoked && r.Epoch+8 >= open
		if isOld && (!taken || r.Fact.Compare(there.Fact) < 0) {
			older[r.Descriptor.Nonce] = r
		}
	}
	return newest, older
}

// established are the last channels of self of which both ends have said the same.
func (v *naive) established() map[messages.AuthorityID]messages.ChannelEstablished {
	last := map[messages.AuthorityID]messages.ChannelEstablished{}
	seqs := map[messages.AuthorityID]messages.Seq{}
	// said is where an end has said it last.
	said := func(c messages.ChannelEstablished, end messages.AuthorityID) (seq messages.Seq) {
		for _, f := range v.said() {
			if f.Author == end && f.body == messages.RendezvousFact(c) {
				seq = max(seq, f.Seq)
			}
		}
		return seq
	}
	for _, f := range v.said() {
		c, isChannel := f.body.(messages.ChannelEstablished)
		if !isChannel || f.Author != v.self || c.Initiator == c.Responder || c.Initiator != v.self && c.Responder != v.self {
			continue
		}
		peer, smaller := c.Responder, c.Initiator
		if peer == v.self {
			peer = c.Initiator
		}
		if c.Responder.Compare(smaller) < 0 {
			smaller = c.Responder
		}
		if said(c, peer) == 0 {
			continue
		}
		current, there := last[peer]
		later := cmp.Or(cmp.Compare(c.Epoch, current.Epoch), cmp.Compare(said(c, smaller), seqs[peer]),
			bytes.Compare(current.Channel[:], c.Channel[:]), bytes.Compare(current.Transcript[:], c.Transcript[:]))
		if !there || later > 0 {
			last[peer], seqs[peer] = c, said(c, smaller)
		}
	}
	return last
}

// equivocated are those of whom two facts with one seq are held, or are in a proof
// that counts.
func (v *naive) equivocated() map[messages.AuthorityID]messages.Seq {
	first := map[messages.AuthorityID]messages.Seq{}
	note := func(author messages.AuthorityID, seq messages.Seq) {
		if known, there := first[author]; !there || seq < known {
			first[author] = seq
		}
	}
	for _, f := range v.held {
		for _, other := range v.held {
			if other.Author == f.Author && other.Seq == f.Seq && other != f {
				note(f.Author, f.Seq)
			}
		}
	}
	for _, f := range v.said() {
		proof, isProof := f.body.(messages.Equivocation)
		if !isProof {
			continue
		}
		accused, context, seq := proof.Subject()
		for _, epoch := range v.epochs {
			if epoch.members[accused] && context == f.Context {
				note(accused, seq)
			}
		}
	}
	return first
}

// expectNaive fails unless the node's facts add up to what the naive view says.
func (n *node) expectNaive() {
	n.t.Helper()
	v := newNaive(n)
	got, want := *n.journal.set.view(), v.view()
	members := map[messages.AuthorityID]bool{}
	for _, member := range got.Roster.Members() {
		members[member.Authority()] = true
	}
	if open := v.timeline[len(v.timeline)-1]; !maps.Equal(members, open.members) {
		n.t.Fatalf("%s: members %v, want %v", n, members, open.members)
	}
	if former := v.former(); !slices.Equal(got.Roster.Former(), former) {
		n.t.Fatalf("%s: former members %v, want %v", n, got.Roster.Former(), former)
	}
	got.Keys, got.Roster = nil, membership.Roster{}
	if got.Ready < want.Ready {
		n.t.Fatalf("%s: %d facts are ready, want %d", n, got.Ready, want.Ready)
	}
	got.Ready = want.Ready // some may have been brought back
	if !reflect.DeepEqual(got, want) {
		n.t.Fatalf("%s: got\n%+v\nwant\n%+v", n, got, want)
	}
}
