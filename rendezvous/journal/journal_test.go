package journal

import (
	"strings"
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
)

func TestFoundedContextHoldsItsFounder(t *testing.T) {
	ana := found(t, 1)
	if ana.view.Count != 1 || ana.view.Epoch != 0 || !ana.view.Roster.Has(ana.identity.Authority()) {
		t.Errorf("view of a new context: %d facts, epoch %d, %d members", ana.view.Count, ana.view.Epoch, ana.view.Roster.Len())
	}
	if _, held := ana.view.Keys[0]; !held {
		t.Error("the founder lacks the keys of epoch 0")
	}
}

func TestJoinerReadsTheWholeHistory(t *testing.T) {
	ana := found(t, 1)
	ana.note(start, "before")
	ben := ana.admit(start, 2)
	ben.learn(start, ana)
	same(t, ana, ben)
	if ben.view.Epoch != 1 || ben.view.Roster.Len() != 2 {
		t.Errorf("epoch %d with %d members", ben.view.Epoch, ben.view.Roster.Len())
	}
	if ben.view.Keys[1] != ana.view.Keys[1] {
		t.Error("the joiner has other keys of epoch 1")
	}
	for _, raw := range ben.facts() {
		if _, err := ben.journal.set.ring.open(mustParse(raw)); err != nil {
			t.Errorf("fact %s: %v", mustParse(raw).ID().Short(), err)
		}
	}
}

func TestMemberGetsTheSecretOfTheNextEpochFromTheOp(t *testing.T) {
	ana, ben, _ := trio(t)
	if ben.view.Epoch != 2 || ben.view.Keys[2] != ana.view.Keys[2] {
		t.Fatalf("ben is in epoch %d", ben.view.Epoch)
	}
	ben.restart(start)
	if ben.view.Keys[2] != ana.view.Keys[2] {
		t.Error("the secret of epoch 2 did not survive a restart")
	}
}

// SPEC 3.5: "Durable before acknowledged: append returns after fsync".
func TestNothingIsAcknowledgedBeforeWritten(t *testing.T) {
	ana := found(t, 1)
	ana.hold = true
	count := ana.view.Count
	for n := range byte(3) {
		ana.step(start, messages.Commit{Operation: messages.OperationID{n + 1}, Facts: []messages.RendezvousFact{
			messages.ApplicationFact{Type: messages.FactApplication},
		}})
	}
	if len(ana.kept) != 1 || len(ana.replies) != 0 || ana.view.Count != count {
		t.Fatalf("%d writes, %d replies, %d facts shown before Written", len(ana.kept), len(ana.replies), ana.view.Count)
	}
	ana.release(start)
	if len(ana.replies) != 3 || ana.view.Count != count+3 {
		t.Errorf("%d replies and %d facts after Written", len(ana.replies), ana.view.Count)
	}
	if ana.journal.last != 2 {
		t.Errorf("%d transactions: the second and third commit did not share one", ana.journal.last)
	}
}

// SPEC 5.5: "Charging is idempotent by operation id".
func TestOperationIsDoneOnce(t *testing.T) {
	ana := found(t, 1)
	ben := ana.admit(start, 2)
	peer := ben.identity.Authority()
	commit := messages.Commit{
		Operation: messages.OperationID{9},
		Charges:   []messages.ChargeFlowBudget{{Peer: peer, Cost: 3, Leak: messages.Leakage{Neighbor: 2}}},
		Facts:     []messages.RendezvousFact{messages.ApplicationFact{Type: messages.FactApplication}},
	}
	ana.step(start, messages.PeerHolds{Peer: peer, Done: true})
	first := ana.do(start, commit)
	again := ana.do(start, commit)
	ana.restart(start)
	ana.step(start, messages.PeerHolds{Peer: peer, Done: true})
	afterRestart := ana.do(start, commit)
	for _, reply := range []Reply{again, afterRestart} {
		if reply.Refusal != "" || len(reply.Facts) != 1 || reply.Facts[0] != first.Facts[0] {
			t.Errorf("asked again: %+v, first: %+v", reply, first)
		}
	}
	now := messages.MillisOf(start)
	key := messages.FlowKey{Peer: peer, Epoch: 1, Day: now.Day()}
	if left := ana.view.Ledger.FlowRemaining(key, messages.FlowLimit); left != messages.FlowLimit-3 {
		t.Errorf("%d left of the flow budget", left)
	}
	if left := ana.view.Ledger.LeakageRemaining(now, messages.LeakageLimit); left.Neighbor != messages.LeakageLimit.Neighbor-2 {
		t.Errorf("%d left of the leakage budget", left.Neighbor)
	}
}

// SPEC 3.5: "A write or fsync error stops the journal for good with a clear
// error; it never retries silently."
func TestWriteErrorStopsTheJournalForGood(t *testing.T) {
	ana := found(t, 1)
	ana.fail = "disk full"
	first := ana.do(start, messages.Commit{Facts: []messages.RendezvousFact{messages.ApplicationFact{Type: messages.FactApplication}}})
	ana.fail = ""
	second := ana.do(start, messages.Commit{})
	for _, reply := range []Reply{first, second} {
		if !strings.Contains(reply.Refusal, "disk full") {
			t.Errorf("reply %+v", reply)
		}
	}
	if len(ana.notices) != 1 || ana.view.Count != 1 {
		t.Errorf("notices %v, %d facts shown", ana.notices, ana.view.Count)
	}
	if !ana.journal.Deadline().IsZero() {
		t.Error("a stopped journal asks to be woken")
	}
}

// Everybody who waits for a journal that stops is told: whose facts were in the write that
// failed, and whose wait behind it, and who waits for the pen.
func TestEverybodyIsToldThatTheJournalHasStopped(t *testing.T) {
	ana, ben, _ := trio(t)
	peer := ben.identity.Authority()
	raw := ben.raw(ben.note(start, "from ben"))
	ana.claim(start, ben, ana.journal.own().head+1)
	replies := len(ana.replies)
	ana.step(start, noteOf(messages.OperationID{81})) // held
	ana.hold, ana.fail = true, "disk full"
	failed := map[messages.SyncSession]bool{}
	tell := func(event messages.JournalMessage) {
		for _, effect := range ana.journal.Step(start, event) {
			switch e := effect.(type) {
			case Write:
				ana.kept = append(ana.kept, e)
			case Reply:
				ana.replies = append(ana.replies, e)
			case TellSync:
				if told, ok := e.Message.(messages.FactsOffered); ok && told.Peer == peer && strings.Contains(told.Failure, "disk full") {
					failed[told.Session] = true
				}
			}
		}
	}
	tell(messages.OfferFacts{Session: 1, From: peer, Facts: [][]byte{raw}})
	tell(messages.OfferFacts{Session: 2, From: peer, Facts: [][]byte{raw}})
	tell(messages.Written{Batch: ana.kept[0].Batch, Failure: "disk full"})
	if len(failed) != 2 || len(ana.replies) != replies+1 || !strings.Contains(ana.replies[replies].Refusal, "disk full") {
		t.Errorf("the sessions %v are told, and %+v", failed, ana.replies[replies:])
	}
}

// SPEC 3.1: "before its first own fact in a context with other members, a node
// syncs once or waits 5 s for a peer".
func TestWritingWaitsForAPeerAfterTheStart(t *testing.T) {
	fact := []messages.RendezvousFact{messages.ApplicationFact{Type: messages.FactApplication}}
	ana, ben, _ := trio(t)
	ready := start.Add(WaitForPeer)
	reload := func(n *node) {
		n.journal.pen.writeAfter = ready
		n.journal.pen.claims = Claims{}
	}
	reload(ana)
	ana.step(start, messages.Commit{Operation: messages.OperationID{1}, Facts: fact})
	if len(ana.replies) != 2 || !ana.journal.Deadline().Equal(ready) {
		t.Fatalf("%d replies, deadline %v", len(ana.replies), ana.journal.Deadline())
	}
	ana.step(ready, messages.Tick{})
	if len(ana.replies) != 3 {
		t.Error("nothing was written after 5 s")
	}
	reload(ben)
	ben.step(start, messages.Commit{Operation: messages.OperationID{1}, Facts: fact})
	ben.step(start, messages.PeerHolds{Peer: ana.identity.Authority()})
	if len(ben.replies) != 0 {
		t.Error("a peer's hello was taken for a sync")
	}
	ben.step(start, messages.PeerHolds{Peer: ana.identity.Authority(), Done: true})
	if len(ben.replies) != 1 {
		t.Error("nothing was written after a sync")
	}
}

// The view says whether our chain may be written, though nothing waits for it:
// channels do.
func TestViewSaysWhoMayWrite(t *testing.T) {
	ana, ben, _ := trio(t)
	peer, ready := ben.identity.Authority(), start.Add(WaitForPeer)
	own := ana.journal.own().head
	if !ana.view.MayWrite {
		t.Error("the pen is withheld with nothing to wait for")
	}
	begin := func() {
		ana.journal.pen.writeAfter = ready
		ana.journal.pen.claims = Claims{}
		ana.step(start, messages.Tick{})
	}
	withheld := func(at time.Time, event messages.JournalMessage) bool {
		ana.step(at, event)
		return !ana.view.MayWrite
	}
	if begin(); ana.view.MayWrite || !ana.journal.Deadline().Equal(ready) {
		t.Errorf("at the start: withheld %t, deadline %v", !ana.view.MayWrite, ana.journal.Deadline())
	}
	if withheld(ready, messages.Tick{}) {
		t.Error("it is withheld after 5 s")
	}
	begin()
	if !withheld(start, messages.PeerHolds{Peer: peer, Own: own, Last: own}) {
		t.Error("a peer's hello gave it back")
	}
	if withheld(start, messages.PeerHolds{Peer: peer, Own: own, Last: own, Done: true}) {
		t.Error("a sync did not give it back")
	}
	late := ready.Add(time.Hour)
	if !withheld(late, messages.PeerHolds{Peer: peer, Own: own, Last: own + 1}) || !ana.journal.Deadline().Equal(late.Add(proveWithin)) {
		t.Error("it is not held while a peer shows more of our chain")
	}
}

// SPEC 3.1: "a peer that shows more of its chain than it holds stops its
// writing until fetched".
func TestWritingStopsWhileAPeerHoldsMoreOfOurChain(t *testing.T) {
	ana, ben, _ := trio(t)
	backup := disk{}
	for bucket, records := range ben.disk {
		for key, value := range records {
			backup.write([]messages.Record{{Bucket: bucket, Key: []byte(key), Value: value}})
		}
	}
	lost := ben.note(start, "after the backup")
	ana.learn(start, ben)
	ben.disk = backup
	ben.restart(start)
	ben.step(start.Add(time.Hour), messages.PeerHolds{Peer: ana.identity.Authority(), Last: 1})
	before := len(ben.replies)
	ben.step(start.Add(time.Hour), messages.Commit{Operation: messages.OperationID{8}, Facts: []messages.RendezvousFact{
		messages.ApplicationFact{Type: messages.FactApplication, Body: []byte("new")},
	}})
	if len(ben.replies) != before {
		t.Fatal("a restored node wrote before it had its own facts again")
	}
	ben.learn(start.Add(time.Hour), ana)
	if len(ben.replies) != before+1 {
		t.Fatal("it does not write after it has them")
	}
	written := mustParse(ben.raw(ben.replies[before].Facts[0]))
	if written.Header.Prev != lost || len(ben.forksOf(ben.identity.Authority())) != 0 {
		t.Error("the chain was forked")
	}
}

func TestOnlyTheFounderAddsMembers(t *testing.T) {
	_, ben, _ := trio(t)
	ben.step(start, messages.AddMember{Operation: messages.OperationID{7}, Member: newNode(t, 9, nil).identity.Public(), Role: messages.RoleParticipant})
	reply := ben.replies[len(ben.replies)-1]
	if !strings.Contains(reply.Refusal, "only the founder") || ben.view.Epoch != 2 {
		t.Errorf("reply %q, epoch %d", reply.Refusal, ben.view.Epoch)
	}
}

func TestAddingAMemberAgainGivesTheWelcomeAgain(t *testing.T) {
	ana, ben, _ := trio(t)
	epoch := ana.view.Epoch
	ana.step(start, messages.AddMember{Operation: messages.OperationID{7}, Member: ben.identity.Public(), Role: messages.RoleParticipant})
	reply := ana.replies[len(ana.replies)-1]
	if reply.Welcome == nil || ana.view.Epoch != epoch {
		t.Fatalf("reply %+v, epoch %d", reply, ana.view.Epoch)
	}
	if keys, _, err := reply.Welcome.Accept(ben.identity, ana.view.Context, ana.identity.Public()); err != nil || keys != ana.view.Keys[epoch] {
		t.Errorf("the second welcome: %v", err)
	}
}

func TestCommitRefusesWhatTheJournalAloneMakes(t *testing.T) {
	ana := found(t, 1)
	for _, fact := range []messages.RendezvousFact{
		messages.MemberAdded{}, messages.ContextFounded{},
		messages.ApplicationFact{Type: messages.FactDescriptor},
		messages.ApplicationFact{Type: messages.FactApplication, Body: make([]byte, messages.MaxPlaintext+1)},
	} {
		if reply := ana.do(start, messages.Commit{Facts: []messages.RendezvousFact{fact}}); reply.Refusal == "" {
			t.Errorf("%T was committed", fact)
		}
	}
	largest := messages.ApplicationFact{Type: messages.FactApplication, Body: make([]byte, messages.MaxPlaintext)}
	if reply := ana.do(start, messages.Commit{Facts: []messages.RendezvousFact{largest}}); reply.Refusal != "" {
		t.Errorf("the largest fact: %s", reply.Refusal)
	}
}

// Between preparing and committing, the epoch may have advanced.
func TestDescriptorOfAClosedEpochIsRefused(t *testing.T) {
	ana := found(t, 1)
	old := ana.descriptor(start, 1, 1)
	ben := ana.admit(start, 2)
	ana.step(start, messages.PeerHolds{Peer: ben.identity.Authority(), Done: true})
	if reply := ana.do(start, messages.Commit{Facts: []messages.RendezvousFact{old}}); !strings.Contains(reply.Refusal, "epoch 1") {
		t.Errorf("reply %+v", reply)
	}
	ana.say(start, ana.descriptor(start, 1, 1))
}

func TestStoreThatCannotReadOurFactsStopsTheJournal(t *testing.T) {
	ana := found(t, 1)
	ana.step(start, messages.FactsRead{Failure: "damaged"})
	if reply := ana.do(start, messages.Commit{}); !strings.Contains(reply.Refusal, "damaged") {
		t.Errorf("reply %+v", reply)
	}
}

// A queue full of refusals does not end the work.
func TestWholeQueueIsWorkedOff(t *testing.T) {
	ana := found(t, 1)
	ana.hold = true
	ana.step(start, messages.Commit{Operation: messages.OperationID{1}, Charges: []messages.ChargeFlowBudget{{Cost: 1}}})
	for n := range 3 * maxBatchMessages {
		operation := messages.OperationID{2, byte(n), byte(n >> 8)}
		ana.step(start, messages.Commit{Operation: operation, Charges: []messages.ChargeFlowBudget{{Cost: messages.FlowLimit + 1}}})
	}
	ana.release(start)
	if len(ana.replies) != 3*maxBatchMessages+1 || len(ana.journal.queue) != 0 {
		t.Errorf("%d replies, %d are left", len(ana.replies), len(ana.journal.queue))
	}
}

// SPEC 3.4: "An author in the roster that sees own facts beyond a cut appends
// them again in the new epoch at once".
func TestOwnFactsBeyondACutAreAppendedAgain(t *testing.T) {
	ana, ben, cat := trio(t)
	late := ben.note(start, "late")
	dan := ana.admit(start.Add(time.Second), 4)
	ben.learn(start.Add(2*time.Second), ana)
	var again messages.FactID
	for _, raw := range ben.facts() {
		if fact := mustParse(raw); messages.FactID(fact.Header.Again) == late {
			again = fact.ID()
			plaintext, err := ben.journal.set.ring.open(fact)
			if err != nil || string(plaintext) != "late" || fact.Header.Epoch != 3 {
				t.Errorf("appended again: %q in epoch %d, %v", plaintext, fact.Header.Epoch, err)
			}
		}
	}
	if again.IsZero() {
		t.Fatal("the fact beyond the cut was not appended again")
	}
	for _, n := range []*node{ana, cat, dan} {
		n.learn(start.Add(3*time.Second), ben)
		same(t, ben, n)
		if !n.journal.set.has(again) || n.journal.set.counts(n.journal.set.graph.entries[late]) {
			t.Errorf("%s: the late fact counts, or its second form is not there", n)
		}
	}
	// The cut of the next epoch covers the late fact's place in the chain; it
	// makes it count no more.
	ana.admit(start.Add(4*time.Second), 5)
	if ana.journal.set.settle(); ana.journal.set.counts(ana.journal.set.graph.entries[late]) {
		t.Error("a later cut has brought the late fact back")
	}
	facts := len(ben.facts())
	ben.restart(start)
	ben.step(start, messages.Tick{})
	if len(ben.facts()) != facts {
		t.Error("it was appended once more after a restart")
	}
}

// A chain whose numbers are used up ends with a reason.
func TestChainWithoutNumbersLeft(t *testing.T) {
	ana := found(t, 1)
	ana.journal.set.graph.entries[ana.head()].seq = messages.MaxSeq
	reply := ana.do(start, messages.Commit{Facts: []messages.RendezvousFact{messages.ApplicationFact{Type: messages.FactApplication}}})
	for _, reply := range []Reply{reply, ana.ask(start, rotation)} {
		if !strings.Contains(reply.Refusal, "no numbers left") {
			t.Errorf("refusal %q", reply.Refusal)
		}
	}
}
