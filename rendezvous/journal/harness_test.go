package journal

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"iter"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

// start is the first instant of every test.
var start = time.Unix(1_800_000_000, 0)

// fataler is what *testing.T and *rapid.T have in common.
type fataler interface {
	Helper()
	Fatalf(format string, arguments ...any)
}

// disk is a store in memory: what was written, by bucket and key.
type disk map[messages.Bucket]map[string][]byte

func (d disk) Records(bucket messages.Bucket) iter.Seq2[messages.Record, error] {
	return func(yield func(messages.Record, error) bool) {
		for _, key := range slices.Sorted(maps.Keys(d[bucket])) {
			if !yield(messages.Record{Bucket: bucket, Key: []byte(key), Value: d[bucket][key]}, nil) {
				return
			}
		}
	}
}

func (d disk) RecordsFrom(bucket messages.Bucket, key []byte, _ uint64) iter.Seq2[messages.Record, error] {
	return func(yield func(messages.Record, error) bool) {
		for record, err := range d.Records(bucket) {
			if bytes.Compare(record.Key, key) >= 0 && !yield(record, err) {
				return
			}
		}
	}
}

func (d disk) Facts(places []messages.FactPlace) ([][]byte, error) {
	var facts [][]byte
	for _, p := range places {
		raw, there := d[messages.BucketFacts][string(p.Place.Key())]
		if id, err := messages.FactIDOf(raw); !there || err != nil || id != p.Fact {
			return nil, fmt.Errorf("%s is not on disk at %d", p.Fact.Short(), p.Place)
		}
		facts = append(facts, raw)
	}
	return facts, nil
}

func (d disk) write(records []messages.Record) {
	for _, record := range records {
		if d[record.Bucket] == nil {
			d[record.Bucket] = map[string][]byte{}
		}
		if record.Value == nil {
			delete(d[record.Bucket], string(record.Key))
		} else {
			d[record.Bucket][string(record.Key)] = bytes.Clone(record.Value)
		}
	}
}

// node is one member: a Journal and a Sync over a disk.
type node struct {
	t        fataler
	identity membership.Identity
	random   io.Reader
	disk     disk
	journal  *Journal
	sync     *Sync
	view     *rendezvous.View
	// published are all views, the last one among them.
	published []*rendezvous.View
	state     messages.JournalState
	replies   []Reply
	notices   []Effect
	given     []GiveContent
	ends      []SyncEnd
	// sent and received are how many facts its sessions have moved.
	sent, received int
	syncOut        []SyncEffect
	// compares is how often the sync has had ranges compared, walked how many facts
	// were looked at for that.
	compares, walked int
	// hold keeps Write effects back until release.
	hold bool
	kept []Write
	// mute: the journal does no errands, and so appends nothing by itself.
	mute bool
	// fail is what the next write answers.
	fail string
	ops  uint16
	// patience is how long the node waits for a peer when it starts, which it did
	// at begun; 0: it does not.
	patience time.Duration
	begun    time.Time
	// claims are what the process keeps for the next life of the actors.
	claims Claims
	// brought are the facts of its own that others have given it.
	brought map[messages.FactID]bool
	// formed are those that were formed for a next batch while they might be.
	formed map[messages.FactID]bool
}

// seeded is a reproducible source of bytes.
func seeded(n uint64) io.Reader {
	var seed [32]byte
	seed[0], seed[1] = byte(n), byte(n>>8)
	return rand.NewChaCha8(seed)
}

func newNode(t fataler, n byte, d disk) *node {
	return &node{t: t, identity: membership.NewIdentity([32]byte{n}), random: seeded(uint64(n)), disk: d}
}

// found makes a node that has founded a context.
func found(t fataler, n byte) *node {
	t.Helper()
	node := newNode(t, n, disk{})
	_, records, err := Found(node.identity, node.random, messages.MillisOf(start))
	if err != nil {
		t.Fatalf("found: %v", err)
	}
	node.disk.write(records)
	node.restart(start)
	return node
}

// step runs one event of the journal and everything that follows inside the
// node.
func (n *node) step(now time.Time, event messages.JournalMessage) {
	n.t.Helper()
	n.noteBrought(event)
	effects := n.journal.Step(now, event)
	n.noteFormed(now)
	var begun []Write
	for _, effect := range effects {
		switch e := effect.(type) {
		case Write:
			n.checkPen(now, e)
			if n.hold {
				n.kept = append(n.kept, e)
				continue
			}
			begun = append(begun, e)
		case Reply:
			n.replies = append(n.replies, e)
		case Publish:
			n.view, n.state = e.View, e.State
			n.published = append(n.published, e.View)
			n.stepSync(now, e.State)
		case SaveClaims:
			n.claims = e.Claims
		case GiveContent:
			n.given = append(n.given, e)
		case ReadFacts:
			if !n.mute || e.Session != 0 {
				n.read(now, e)
			}
		case TellSync:
			if compared, ok := e.Message.(messages.RangesCompared); ok {
				n.walked += int(compared.Walked)
			}
			n.stepSync(now, e.Message)
		default:
			n.notices = append(n.notices, effect)
		}
	}
	for _, write := range begun {
		n.finish(now, write)
	}
}

func (n *node) finish(now time.Time, write Write) {
	n.t.Helper()
	if n.fail == "" {
		n.disk.write(write.Records)
	}
	n.step(now, messages.Written{Batch: write.Batch, Failure: n.fail})
}

func (n *node) release(now time.Time) {
	n.hold = false
	for _, write := range n.kept {
		n.finish(now, write)
	}
	n.kept = nil
}

func (n *node) read(now time.Time, e ReadFacts) {
	n.t.Helper()
	facts, err := n.disk.Facts(e.Facts)
	if err != nil {
		n.t.Fatalf("the journal asks for what is not there: %v", err)
	}
	read := messages.FactsRead{Session: e.Session, Facts: facts}
	if e.Session == 0 {
		n.step(now, read)
	} else {
		n.stepSync(now, read)
	}
}

// stepSync runs one event of the sync; what leaves the node is kept in syncOut.
func (n *node) stepSync(now time.Time, event messages.JournalSyncMessage) {
	n.t.Helper()
	for _, effect := range n.sync.Step(now, event) {
		switch e := effect.(type) {
		case TellJournal:
			if _, compares := comparisonIn(e); compares {
				n.compares++
			}
			n.step(now, e.Message)
		case Synced:
			n.ends = append(n.ends, e.End)
			n.sent, n.received = n.sent+e.Sent, n.received+e.Received
		default:
			n.syncOut = append(n.syncOut, effect)
		}
	}
}

// do commits facts as one operation and returns the reply.
func (n *node) do(now time.Time, commit messages.Commit) Reply {
	n.t.Helper()
	if commit.Operation.IsZero() {
		commit.Operation = n.operation(1)
	}
	before := len(n.replies)
	n.step(now, commit)
	if len(n.replies) != before+1 {
		n.t.Fatalf("%d replies to a commit", len(n.replies)-before)
	}
	return n.replies[before]
}

// operation is an id that no operation has had.
func (n *node) operation(kind byte) messages.OperationID {
	n.ops++
	return messages.OperationID{byte(n.ops), kind, byte(n.ops >> 8)}
}

// note commits one application fact and returns its id.
func (n *node) note(now time.Time, text string) messages.FactID {
	n.t.Helper()
	reply := n.do(now, messages.Commit{Facts: []messages.RendezvousFact{
		messages.ApplicationFact{Type: messages.FactApplication, Body: []byte(text)},
	}})
	if reply.Refusal != "" {
		n.t.Fatalf("commit: %s", reply.Refusal)
	}
	return reply.Facts[0]
}

// admit adds a member and returns its node, with the facts still to come.
func (n *node) admit(now time.Time, seed byte) *node {
	return n.admitAs(now, seed, messages.RoleParticipant)
}

func (n *node) admitAs(now time.Time, seed byte, role messages.Role) *node {
	n.t.Helper()
	joiner := newNode(n.t, seed, disk{})
	n.step(now, messages.AddMember{Operation: n.operation(2), Member: joiner.identity.Public(), Role: role})
	reply := n.replies[len(n.replies)-1]
	if reply.Refusal != "" || reply.Welcome == nil {
		n.t.Fatalf("add member: %q", reply.Refusal)
	}
	_, secret, err := reply.Welcome.Accept(joiner.identity, n.view.Context, n.identity.Public())
	if err != nil {
		n.t.Fatalf("welcome: %v", err)
	}
	joiner.disk.write(Join(*reply.Welcome, secret))
	joiner.restart(now)
	return joiner
}

// head is the last fact of the node's own.
func (n *node) head() messages.FactID { return n.journal.set.head(n.identity.Authority()).id }

// facts are all facts on the node's disk.
func (n *node) facts() [][]byte {
	var facts [][]byte
	for _, place := range slices.Sorted(maps.Keys(n.disk[messages.BucketFacts])) {
		facts = append(facts, n.disk[messages.BucketFacts][place])
	}
	return facts
}

// raw are the bytes of a fact on the node's disk.
func (n *node) raw(id messages.FactID) []byte {
	return n.disk[messages.BucketFacts][string(n.journal.set.graph.entries[id].place.Key())]
}

// learn offers all of another node's facts to this one, in HLC order.
func (n *node) learn(now time.Time, from *node) {
	n.t.Helper()
	facts := from.facts()
	slices.SortFunc(facts, func(a, b []byte) int { return cmp.Compare(mustParse(a).Header.HLC, mustParse(b).Header.HLC) })
	n.step(now, messages.OfferFacts{Session: 99, From: from.identity.Authority(), Facts: facts})
}

func mustParse(raw []byte) messages.Fact {
	fact, err := messages.ParseFact(raw)
	if err != nil {
		panic(err)
	}
	return fact
}

// same fails unless both nodes agree on the set.
func same(t fataler, a, b *node) {
	t.Helper()
	if a.view.Fingerprint != b.view.Fingerprint || a.view.Count != b.view.Count {
		t.Fatalf("sets differ: %d facts in epoch %d, %d facts in epoch %d", a.view.Count, a.view.Epoch, b.view.Count, b.view.Epoch)
	}
}

// sameView fails unless the facts of both nodes add up to the same, however they came.
func (n *node) sameView(other *node) {
	n.t.Helper()
	one, two := *n.view, *other.view
	one.Ready, two.Ready = 0, 0
	if !reflect.DeepEqual(one, two) {
		n.t.Fatalf("views differ:\n%+v\n%+v", one, two)
	}
}

// expectFlawless fails if the node is another one after a restart, or its
// database has a flaw.
func (n *node) expectFlawless() {
	n.t.Helper()
	before := n.journal.set.view()
	n.restart(start)
	if after := n.journal.set.view(); !reflect.DeepEqual(after, before) {
		n.t.Fatalf("%s: after a restart\n%+v\nbefore\n%+v", n, after, before)
	}
	if flaw, err := n.verify(); flaw != nil || err != nil {
		n.t.Fatalf("%s: flaw %+v, %v", n, flaw, err)
	}
}

// agrees fails unless the node takes the same of the set as the other one, of all
// that is not of one member alone.
func (n *node) agrees(other *node) {
	n.t.Helper()
	common := func(v *rendezvous.View) rendezvous.View {
		return rendezvous.View{
			Context: v.Context, Epoch: v.Epoch, EpochID: v.EpochID, Roster: v.Roster,
			Descriptors: v.Descriptors, Older: v.Older, Count: v.Count, Fingerprint: v.Fingerprint,
		}
	}
	if a, b := common(n.view), common(other.view); !reflect.DeepEqual(a, b) {
		n.t.Fatalf("%s and %s differ:\n%+v\n%+v", n, other, a, b)
	}
}

func (n *node) String() string { return fmt.Sprintf("node %s", n.identity.Authority().Short()) }

// trio is a founder with two members, all in sync in epoch 2.
func trio(t *testing.T) (ana, ben, cat *node) {
	t.Helper()
	ana = found(t, 1)
	ben = ana.admit(start, 2)
	cat = ana.admit(start, 3)
	ben.learn(start, ana)
	cat.learn(start, ana)
	same(t, ana, ben)
	same(t, ana, cat)
	return ana, ben, cat
}
