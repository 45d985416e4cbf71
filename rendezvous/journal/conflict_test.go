package journal

import (
	"strings"
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

// rivals are the founder and a copy of it, each with an op that closes epoch 2, and
// two members.
func rivals(t *testing.T) (ana, rival, ben, cat *node) {
	t.Helper()
	ana, ben, cat = trio(t)
	rival = ana.twin(99)
	ana.ask(start, rotation)
	rival.ask(start.Add(time.Second), rotation)
	return ana, rival, ben, cat
}

// SPEC 3.3: "same facts in any order, same state". Who heard one op first has
// facts of an epoch that turns out contested, and what their author writes later
// stands on them; who heard both first takes them in all the same.
func TestFactsOfAContestedEpochAreHeldByAll(t *testing.T) {
	ana, rival, ben, cat := rivals(t)
	ben.learn(start, ana)
	contested := ben.note(start, "in the contested epoch 3")
	ben.learn(start, rival)
	if ben.view.Epoch != 2 || !ben.view.Conflict {
		t.Fatalf("epoch %d, conflict %t", ben.view.Epoch, ben.view.Conflict)
	}
	last := ben.note(start, "in epoch 2, which stays open")
	cat.learn(start, ana)
	cat.learn(start, rival)
	w := newNetwork(t, ben, cat)
	w.link(0, 1)
	w.settle(30)
	for _, n := range w.nodes {
		s := n.journal.set
		if !s.has(contested) || s.counts(s.graph.entries[contested]) || !s.counts(s.graph.entries[last]) {
			t.Errorf("%s: the contested fact is held %t, the last one counts %t", n, s.has(contested), s.counts(s.graph.entries[last]))
		}
		count := n.view.Count
		if n.restart(start); n.view.Count != count {
			t.Errorf("%s: %d facts count after a restart, %d before", n, n.view.Count, count)
		}
		if flaw, err := n.verify(); flaw != nil || err != nil {
			t.Errorf("%s: flaw %+v, %v", n, flaw, err)
		}
	}
}

// A founder that knows of rival ops makes no other rival; members write on.
func TestFounderMakesNoThirdRival(t *testing.T) {
	ana, rival, ben, _ := rivals(t)
	ana.learn(start.Add(time.Minute), rival)
	if !ana.view.Conflict {
		t.Fatal("ana does not know of the rival")
	}
	at := start.Add(time.Hour)
	dan := membership.NewIdentity([32]byte{4}).Public()
	for name, what := range map[string]func(messages.OperationID) messages.JournalMessage{
		"rotate": rotation,
		"remove": removal(ben),
		"add": func(operation messages.OperationID) messages.JournalMessage {
			return messages.AddMember{Operation: operation, Member: dan, Role: messages.RoleParticipant}
		},
	} {
		count := ana.view.Count
		if reply := ana.ask(at, what); !strings.Contains(reply.Refusal, "keep the context in epoch 2") || ana.view.Count != count {
			t.Errorf("%s: %+v", name, reply)
		}
	}
	ana.note(at, "in epoch 2")
}

// SPEC 13.3. Those who heard rival ops in different order hold keys of the same
// number; they meet under one that is not contested.
func TestRivalOpsKeepNobodyFromSyncing(t *testing.T) {
	ana, rival, ben, cat := rivals(t)
	ben.learn(start, ana)
	ben.learn(start, rival)
	cat.learn(start, rival)
	cat.learn(start, ana)
	ben.note(start, "news")
	w := newNetwork(t, ben, cat)
	w.link(0, 1)
	w.settle(30)
	for _, n := range w.nodes {
		if _, contested := n.state.Tags[3]; contested {
			t.Errorf("%s speaks under a key of the contested epoch", n)
		}
		for _, end := range n.ends {
			if end.Reason == EndFault {
				t.Errorf("%s: %v", n, end)
			}
		}
	}
}

// SPEC 13.3. Nor do those need a third one to meet who know one of two rival ops each,
// and have gone on since: they find an epoch that both know.
func TestThoseWhoKnowOneRivalEachMeet(t *testing.T) {
	for _, rotations := range [][2]int{{0, 0}, {1, 0}, {0, 1}, {2, 2}, {3, 1}} {
		ana, rival, ben, cat := rivals(t)
		for at, founder := range []*node{ana, rival} {
			for range rotations[at] {
				founder.ask(start, rotation)
			}
		}
		ben.learn(start, ana)
		cat.learn(start, rival)
		w := newNetwork(t, ben, cat)
		w.link(0, 1)
		w.settle(30)
		if !ben.view.Conflict {
			t.Errorf("%v: ben does not know of the rival", rotations)
		}
	}
}

// A fact that names no key of its epoch silences nobody who names it as a parent
// in good faith: who cannot tell that it is void does not take it in.
func TestVoidFactSilencesNobody(t *testing.T) {
	ana, ben, cat := trio(t)
	dan := ana.admit(start, 4)
	for _, n := range []*node{ben, cat, dan} {
		n.learn(start, ana)
	}
	ana.remove(start, ben)
	dan.learn(start, ana)
	ben.learn(start, ana)
	e := &enemy{node: dan}
	at := e.next()
	at.KeyID[0]++
	ben.step(start, messages.OfferFacts{
		Session: 1, From: dan.identity.Authority(), Facts: [][]byte{e.sealed(dan.identity, at).Append(nil)},
	})
	ana.takeBack(start.Add(time.Second), ben)
	said := ben.note(start.Add(2*time.Second), "back")
	w := newNetwork(t, ana, ben, cat)
	w.link(0, 1)
	w.link(1, 2)
	w.settle(30)
	for _, n := range []*node{ana, cat} {
		if e := n.journal.set.graph.entries[said]; e == nil || !n.journal.set.counts(e) {
			t.Errorf("%s does not count what ben wrote", n)
		}
	}
}
