package journal

import (
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

// enemy is a member whose node somebody else has written: it holds the keys of
// one, and sends what it likes. It opens the sessions.
type enemy struct {
	*node
	victim  *node
	now     time.Time
	session messages.SyncSession
	// cost is what the victim has sent, in bytes.
	cost int
}

// meet opens a session on the victim.
func (e *enemy) meet() {
	e.t.Helper()
	e.session++
	e.victim.stepSync(e.now, messages.SyncPeerUp{Peer: e.identity.Authority()})
	e.victim.stepSync(e.now, messages.SyncOpened{Session: e.session, Peer: e.identity.Authority()})
	e.hear()
}

// send sends frames and returns the victim's.
func (e *enemy) send(frames ...frame) []frame {
	e.t.Helper()
	for _, f := range frames {
		e.sendRaw(appendFrame(nil, f))
	}
	return e.hear()
}

func (e *enemy) sendRaw(frame []byte) {
	e.t.Helper()
	e.victim.stepSync(e.now, messages.SyncFrame{Session: e.session, Frame: frame})
}

// hear takes what the victim has sent in this session.
func (e *enemy) hear() (frames []frame) {
	e.t.Helper()
	for _, effect := range e.victim.syncOut {
		if sent, ok := effect.(SendFrame); ok && sent.Session == e.session {
			parsed, err := parseFrame(sent.Frame)
			if err != nil {
				e.t.Fatalf("the victim sends %x: %v", sent.Frame, err)
			}
			e.cost += len(sent.Frame)
			frames = append(frames, parsed)
		}
	}
	e.victim.syncOut = nil
	return frames
}

// greet says hello with a fingerprint that is nobody's, and what is held of
// other authors than those of the journal.
func (e *enemy) greet(also ...row) []frame {
	e.t.Helper()
	return e.send(e.hello(also...))
}

func (e *enemy) hello(also ...row) helloFrame {
	epoch, nonce := e.state.Epoch, [16]byte{1}
	return helloFrame{
		Nonce: nonce, Epoch: epoch, Tag: sessionTag(e.state.Tags[epoch], messages.ChannelID{}, true, nonce),
		Count: e.state.Count, Fingerprint: [32]byte{byte(e.session)}, Frontier: e.frontier(also),
	}
}

// row is what is claimed to be held of an author.
type row struct {
	author messages.AuthorityID
	last   messages.Seq
}

// frontier is that of the enemy's journal with some rows changed.
func (e *enemy) frontier(changed []row) []byte {
	state := messages.JournalState{}
	known := map[messages.AuthorityID]bool{}
	for _, r := range changed {
		known[r.author] = true
		state.Authors = append(state.Authors, messages.AuthorState{Author: r.author, Head: r.last, Last: r.last})
	}
	for _, author := range e.state.Authors {
		if !known[author.Author] {
			state.Authors = append(state.Authors, author)
		}
	}
	sortAuthors(state.Authors)
	return frontierOf(state)
}

// compare leads the session into its second round, where ranges are compared.
func (e *enemy) compare() {
	e.t.Helper()
	e.greet()
	e.send(doneFrame{})
	e.send(stateFrame{Count: e.state.Count, Fingerprint: [32]byte{byte(e.session)}, Frontier: e.frontier(nil)})
}

// next is the header of the enemy's next fact.
func (e *enemy) next() messages.Chained {
	keys := e.view.Keys[e.view.Epoch]
	at := messages.Chained{
		Version: messages.FactVersion, Context: e.view.Context, Author: e.identity.Authority(), Seq: 1,
		HLC: messages.HLC(messages.MillisOf(start.Add(time.Second))) << 16, Epoch: keys.Epoch, KeyID: keys.KeyID,
		Type: messages.FactApplication, Schema: 1,
	}
	if head := e.journal.set.head(at.Author); head != nil {
		at.Seq, at.Prev = head.seq+1, head.id
	}
	return at
}

// sealed is a fact at that place, signed by whom you like.
func (e *enemy) sealed(who membership.Identity, at messages.Chained) messages.Fact {
	e.t.Helper()
	fact, err := Seal(who, at, e.view.Keys[e.view.Epoch].Payload, []byte("hostile"), seeded(uint64(at.Seq)))
	if err != nil {
		e.t.Fatalf("seal: %v", err)
	}
	return fact
}

// offer claims to hold one fact more of the author, and sends it.
func (e *enemy) offer(author messages.AuthorityID, seq messages.Seq, raw ...[]byte) {
	e.t.Helper()
	e.greet(row{author, seq})
	e.send(factsFrame{Facts: raw})
}

// ownRange is a range over all facts of the enemy's own chain.
func (e *enemy) ownRange() messages.RangeList {
	return messages.RangeList{
		Author: messages.Prefix(e.identity.Authority()), To: messages.RangeBound{Seq: 1 << 20},
		Facts: []messages.FactPrefix{{1}, {2}},
	}
}

// split is a split of the enemy's own chain with a fingerprint that is nobody's.
func (e *enemy) split() messages.RangeSplit {
	var fingerprint [16]byte
	binary.BigEndian.PutUint64(fingerprint[:], uint64(e.session))
	r := e.ownRange()
	return messages.RangeSplit{Author: r.Author, From: r.From, Parts: []messages.RangePart{{To: r.To, Fingerprint: fingerprint}}}
}

// ended checks how the victim's last session ended.
func (e *enemy) ended(t *testing.T, want EndReason, detail string) {
	t.Helper()
	if len(e.victim.ends) == 0 {
		t.Fatalf("the session goes on; want %v", SyncEnd{want, detail})
	}
	if end := e.victim.ends[len(e.victim.ends)-1]; end.Reason != want || !strings.Contains(end.Detail, detail) {
		t.Errorf("ended with %q, want %q", end, SyncEnd{want, detail})
	}
	if n := len(e.victim.sync.sessions); n != 0 {
		t.Errorf("%d sessions go on", n)
	}
}
