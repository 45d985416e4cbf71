package journal

import (
	"slices"
	"testing"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

// SPEC 9.7: "never chosen by hash; the state stays at the last finalized one".
func TestRivalOpsLeaveTheEpochOpen(t *testing.T) {
	ana, ben, cat := trio(t)
	twin := ana.twin(99)
	ana.admit(start, 4)
	twin.admit(start, 5)
	ben.learn(start, ana)
	if ben.view.Epoch != 3 {
		t.Fatalf("epoch %d after one op", ben.view.Epoch)
	}
	ben.learn(start, twin)
	cat.learn(start, twin)
	cat.learn(start, ana)
	for _, n := range []*node{ben, cat} {
		if n.view.Epoch != 2 || n.view.Roster.Len() != 3 || !n.view.Conflict {
			t.Errorf("%s: epoch %d, %d members, conflict %t", n, n.view.Epoch, n.view.Roster.Len(), n.view.Conflict)
		}
	}
	ben.learn(start, cat) // each of them has a proof against the founder
	cat.learn(start, ben)
	same(t, ben, cat)
}

// A rule of the epoch chain: an op counts once everything that it stands on is
// held, and only for the epoch that it closes.
func TestOpThatWaitsOpensNothing(t *testing.T) {
	ana, ben, cat := trio(t)
	twin := ana.twin(97)
	note := ben.note(start, "seen by ana")
	ana.learn(start, ben)
	ana.admit(start, 4)
	twin.admit(start, 5)
	without := slices.DeleteFunc(ana.facts(), func(raw []byte) bool { return mustParse(raw).ID() == note })
	cat.step(start, messages.OfferFacts{Facts: without})
	if cat.view.Epoch != 2 {
		t.Fatalf("an op with a missing parent opened epoch %d", cat.view.Epoch)
	}
	cat.learn(start, twin)
	if cat.view.Epoch != 3 || cat.view.Conflict {
		t.Fatalf("epoch %d, conflict %t: the op that waits counts as a rival", cat.view.Epoch, cat.view.Conflict)
	}
	cat.learn(start, ana)
	if cat.view.Epoch != 2 || !cat.view.Conflict {
		t.Errorf("epoch %d, conflict %t when both stand", cat.view.Epoch, cat.view.Conflict)
	}
}

func TestOpOpensNothingWhen(t *testing.T) {
	tests := map[string]func(*membership.State, *membership.Member){
		"it closes another epoch": func(s *membership.State, _ *membership.Member) { s.Keys.EpochID[0]++ },
		"it leaps over an epoch":  func(s *membership.State, _ *membership.Member) { s.Keys.Epoch++ },
		"it goes back":            func(s *membership.State, _ *membership.Member) { s.Keys.Epoch-- },
		"the member is one already": func(s *membership.State, m *membership.Member) {
			s.Roster, m.PublicKey = membership.Roster{}, membership.NewIdentity([32]byte{2}).Public()
		},
		"nothing is wrong":               func(*membership.State, *membership.Member) {},
		"the author is not the founder ": func(s *membership.State, _ *membership.Member) { s.Founder = messages.AuthorityID{} },
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			ana, ben, _ := trio(t)
			author, want := ana, messages.Epoch(2)
			state := membership.State{
				Founder: ana.view.Founder, Finality: ana.view.Finality, Roster: ana.view.Roster, Keys: ana.view.Keys[2],
			}
			member := membership.Member{PublicKey: membership.NewIdentity([32]byte{9}).Public(), Role: messages.RoleParticipant}
			spoil(&state, &member)
			if state.Founder.IsZero() {
				author, state.Founder = ben, ben.identity.Authority()
			}
			if name == "nothing is wrong" {
				want = 3
			}
			what := messages.MemberAdded{Member: member.PublicKey, Role: member.Role}
			op, err := membership.Advance(author.identity.Authority(), state, what, membership.Secret{1}, nil)
			if err != nil {
				t.Fatal(err)
			}
			b := &batch{}
			id, err := author.journal.append(messages.MillisOf(start), draftOf(op), author.view.Keys[2], b)
			if err != nil {
				t.Fatal(err)
			}
			if got := author.journal.set.view().Epoch; got != want || !author.journal.set.has(id) {
				t.Errorf("epoch %d, want %d", got, want)
			}
		})
	}
}

// SPEC 3.3: "same facts in any order, same state": of two facts of one op the one
// with the smaller id stands, whichever came first, and the other one says nothing,
// to its author either.
func TestSmallerFactOfAnOpStands(t *testing.T) {
	ana, _, cat := trio(t)
	one, two, _ := rotationInTwoFacts(t, ana, cat)
	smaller, other := mustParse(one).ID(), mustParse(two).ID()
	if other.Compare(smaller) < 0 {
		smaller, other = other, smaller
	}
	for _, facts := range [][][]byte{{one, two}, {two, one}} {
		n := ana.twin(31)
		n.mute = true
		n.step(start, messages.OfferFacts{Session: 1, Facts: facts})
		s := n.journal.set
		if got := s.epochs.open().op.id; n.view.Epoch != 3 || got != smaller {
			t.Errorf("epoch %d is opened by %s, not %s", n.view.Epoch, got.Short(), smaller.Short())
		}
		if e := s.graph.entries[other]; s.counts(e) || len(s.unsaid()) != 0 {
			t.Errorf("the other one counts: %t; to be said again are %d facts", s.counts(e), len(s.unsaid()))
		}
	}
}
