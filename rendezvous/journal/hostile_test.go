package journal

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

func sortAuthors(authors []messages.AuthorState) {
	slices.SortFunc(authors, func(a, b messages.AuthorState) int { return a.Author.Compare(b.Author) })
}

// SPEC 13.2: "only what was asked for is accepted." Each attack ends the
// session with a reason, costs little, and changes nothing; and afterwards an
// honest member is served.
func TestHostilePeers(t *testing.T) {
	other := membership.NewIdentity([32]byte{50})
	tests := map[string]struct {
		attack func(e *enemy)
		want   EndReason
		detail string
	}{
		"forged signature": {func(e *enemy) {
			fact := e.sealed(e.identity, e.next())
			fact.Signature[0] ^= 1
			e.offer(fact.Header.Author, fact.Header.Seq, fact.Append(nil))
		}, EndFault, "refused by signature"},
		"wrong context": {func(e *enemy) {
			at := e.next()
			at.Context[0] ^= 1
			e.offer(at.Author, at.Seq, e.sealed(e.identity, at).Append(nil))
		}, EndFault, "refused by context"},
		"unknown author": {func(e *enemy) {
			at := e.next()
			at.Author, at.Seq, at.Prev = other.Authority(), 1, messages.FactID{}
			e.offer(at.Author, at.Seq, e.sealed(other, at).Append(nil))
		}, EndFault, "refused by author"},
		"unknown major version": {func(e *enemy) {
			at := e.next()
			at.Version++
			e.offer(at.Author, at.Seq, e.sealed(e.identity, at).Append(nil))
		}, EndFault, "refused by version"},
		"another body": {func(e *enemy) {
			fact := e.sealed(e.identity, e.next())
			fact.Body[40] ^= 1
			e.offer(fact.Header.Author, fact.Header.Seq, fact.Append(nil))
		}, EndFault, "refused by body hash"},
		"oversize fact": {func(e *enemy) {
			fact := e.sealed(e.identity, e.next())
			fact.Body = make([]byte, messages.MaxFactSize)
			e.offer(fact.Header.Author, fact.Header.Seq, fact.Append(nil))
		}, EndFault, "at most 65536"},
		"oversize batch": {func(e *enemy) {
			e.offer(e.identity.Authority(), 99, bytes.Repeat([]byte{1}, MaxBatchBytes), []byte{1})
		}, EndFault, fmt.Sprintf("facts of %d bytes", MaxBatchBytes+1)},
		"too many facts": {func(e *enemy) {
			e.offer(e.identity.Authority(), 99, slices.Repeat([][]byte{{1}}, MaxBatchFacts+1)...)
		}, EndFault, "129 facts in a frame"},
		"oversize frame": {func(e *enemy) {
			e.sendRaw(make([]byte, MaxFrame+1))
		}, EndFault, fmt.Sprintf("frame of %d bytes", MaxFrame+1)},
		"fact that is not canonical": {func(e *enemy) {
			fact := e.sealed(e.identity, e.next())
			e.offer(fact.Header.Author, fact.Header.Seq, append(fact.Append(nil), 0))
		}, EndFault, "not canonical"},
		"frame that is not canonical": {func(e *enemy) {
			e.sendRaw(append([]byte{kindProof, 0x82, 0x18, 0x02, 0x50}, make([]byte, 16)...)) // 2 in two bytes
		}, EndFault, "written in another way"},
		"replayed hello": {func(e *enemy) { // made for another channel
			hello := e.hello()
			hello.Tag = sessionTag(e.state.Tags[hello.Epoch], messages.ChannelID{9}, true, hello.Nonce)
			e.send(hello)
		}, EndFault, "its hello is not of this context"},
		"our own hello": {func(e *enemy) {
			hello := e.greet()[0].(helloFrame)
			e.meet()
			e.send(hello)
		}, EndFault, "its hello is not of this context"},
		"hello again": {func(e *enemy) {
			e.greet()
			e.send(e.hello())
		}, EndFault, "a second hello"},
		"state before hello": {func(e *enemy) {
			e.send(stateFrame{Count: e.state.Count, Frontier: e.frontier(nil)})
		}, EndFault, "a state out of turn"},
		"proof that nobody asked for": {func(e *enemy) {
			e.greet()
			e.send(proofFrame{Epoch: e.state.Epoch, Tag: e.hello().Tag})
		}, EndFault, "a proof that nobody asked for"},
		"two states ahead": {func(e *enemy) {
			e.greet(row{e.identity.Authority(), 0}) // it sends, and waits for an ack
			ahead := stateFrame{Count: e.state.Count, Frontier: e.frontier(nil)}
			e.send(doneFrame{}, ahead, ahead)
		}, EndFault, "a state out of turn"},
		"ack that is not due": {func(e *enemy) {
			e.greet()
			e.send(ackFrame{})
		}, EndFault, "acknowledges what was not sent"},
		"fact that is held": {func(e *enemy) {
			e.offer(e.identity.Authority(), 99, e.facts()[0])
		}, EndFault, "nobody asked for"},
		"fact beyond what was shown": {func(e *enemy) {
			fact := e.sealed(e.identity, e.next())
			e.offer(fact.Header.Author, fact.Header.Seq-1, fact.Append(nil))
		}, EndFault, "nobody asked for"},
		"fact twice": {func(e *enemy) {
			fact := e.sealed(e.identity, e.next())
			e.offer(fact.Header.Author, fact.Header.Seq, fact.Append(nil), fact.Append(nil))
		}, EndFault, "nobody asked for"},
		"fact twice, and another's between": {func(e *enemy) {
			at := e.next()
			one := e.sealed(e.identity, at).Append(nil)
			at.Author, at.Seq, at.Prev = other.Authority(), 1, messages.FactID{}
			e.greet(row{e.identity.Authority(), 99}, row{other.Authority(), 1})
			e.send(factsFrame{Facts: [][]byte{one, e.sealed(other, at).Append(nil), one}})
		}, EndFault, "nobody asked for"},
		"facts after done": {func(e *enemy) {
			fact := e.sealed(e.identity, e.next())
			e.greet(row{fact.Header.Author, fact.Header.Seq}, row{e.victim.identity.Authority(), 0})
			e.send(doneFrame{}, factsFrame{Facts: [][]byte{fact.Append(nil)}})
		}, EndFault, "facts out of turn"},
		"comparison in the first round": {func(e *enemy) {
			e.greet()
			e.send(comparisonFrame{})
		}, EndFault, "a comparison out of turn"},
		"done before all was compared": {func(e *enemy) {
			e.compare()
			e.send(doneFrame{})
		}, EndFault, "done before all was compared"},
		"two turns at once": {func(e *enemy) {
			e.compare()
			e.send(comparisonFrame{}, comparisonFrame{})
		}, EndFault, "a comparison out of turn"},
		"a turn after the last one": {func(e *enemy) {
			e.compare()
			nothing := e.ownRange() // of which it holds none
			e.send(comparisonFrame{messages.Comparison{Wants: []messages.RangeList{nothing}}}, comparisonFrame{})
		}, EndFault, "a comparison out of turn"},
		"too many ranges": {func(e *enemy) {
			e.compare()
			split := e.split()
			split.Parts = nil
			for n := range maxCompared + 1 {
				split.Parts = append(split.Parts, messages.RangePart{To: messages.RangeBound{Seq: messages.Seq(n + 1)}})
			}
			e.send(comparisonFrame{messages.Comparison{Splits: []messages.RangeSplit{split}}})
		}, EndFault, "a comparison of 4097 parts and names"},
		"ranges over each other": {func(e *enemy) {
			e.compare()
			e.send(comparisonFrame{messages.Comparison{Splits: []messages.RangeSplit{e.split(), e.split()}}})
		}, EndFault, "split out of order"},
		"ranges without end": {func(e *enemy) {
			e.compare()
			for range 2 * maxTurns {
				e.send(comparisonFrame{messages.Comparison{Splits: []messages.RangeSplit{e.split()}}})
			}
		}, EndFault, "compares without end"},
		"names of facts that are not": {func(e *enemy) {
			e.compare()
			answer := e.send(comparisonFrame{messages.Comparison{Extras: []messages.RangeList{e.ownRange()}}})
			if wants := answer[0].(comparisonFrame).Wants; len(wants) != 1 || len(wants[0].Facts) != 2 {
				e.t.Fatalf("asked for %v", wants)
			}
			e.send(comparisonFrame{}, doneFrame{})
		}, EndFault, "does not send facts that it named"},
		"fingerprints that lie for ever": {func(e *enemy) {
			e.compare()
			for range 2 * maxRounds {
				e.send(comparisonFrame{}, doneFrame{})
				e.send(stateFrame{Count: 3, Fingerprint: [32]byte{byte(e.session)}, Frontier: e.frontier(nil)})
			}
		}, EndNotConverged, "only one of them counts"},
		"other fingerprints for ever": {func(e *enemy) {
			e.compare()
			for n := range byte(2 * maxRounds) {
				e.send(comparisonFrame{}, doneFrame{})
				e.send(stateFrame{Count: 3, Fingerprint: [32]byte{100 + n}, Frontier: e.frontier(nil)})
			}
		}, EndNotConverged, "faster than they are told"},
		"optional frames for ever": {func(e *enemy) {
			e.greet()
			for range maxOptional + 1 {
				e.send(optionalFrame{Kind: kindOptional})
			}
		}, EndFault, "kinds that we do not know"},
		"silence under optional frames": {func(e *enemy) {
			e.greet()
			for range 4 {
				e.now = e.now.Add(maxSilence / 3)
				e.send(optionalFrame{Kind: kindOptional})
			}
			e.victim.stepSync(e.now, messages.Tick{})
		}, EndSilent, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			ana, ben, cat := trio(t)
			cat.note(start, "from cat")
			e := &enemy{node: ana, victim: ben, now: start.Add(time.Minute), session: 100}
			before := ben.view.Fingerprint
			e.meet()
			test.attack(e)
			e.hear()
			e.ended(t, test.want, test.detail)
			if e.cost > 4096 || ben.compares > maxTurns {
				t.Errorf("it cost %d bytes and %d comparisons", e.cost, ben.compares)
			}
			if ben.view.Fingerprint != before {
				t.Error("the set has changed")
			}
			w := newNetwork(t, ben, cat)
			w.now = e.now
			w.link(0, 1)
			w.run(1000)
			same(t, ben, cat)
		})
	}
}
