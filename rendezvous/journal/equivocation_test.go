package journal

import (
	"slices"
	"testing"

	"github.com/waymeet/waymeet/messages"
)

// proofs are the facts of the node's own that accuse somebody. They name no parents: who
// lacks one of the branches is to read them, too.
func (n *node) proofs() (accused []messages.AuthorityID) {
	n.t.Helper()
	for _, e := range n.journal.set.chainOf(n.identity.Authority()).entries {
		if proof, ok := e.body().(messages.Equivocation); ok {
			author, _, _ := proof.Subject()
			accused = append(accused, author)
			if parents := n.header(e.id).Parents; len(parents) > 0 {
				n.t.Fatalf("a proof stands on %v", parents)
			}
		}
	}
	return accused
}

// forks are what the host of the node was told of forks.
func (n *node) forks() (told []Forked) {
	for _, notice := range n.notices {
		if fork, ok := notice.(Forked); ok {
			told = append(told, fork)
		}
	}
	return told
}

// forkers makes of ben two nodes with one chain, who each go on by themselves.
func forkers(t *testing.T) (ana, ben, twin, cat *node) {
	ana, ben, cat = trio(t)
	twin = ben.twin(98)
	ben.note(start, "to the one")
	twin.note(start, "to the other")
	return ana, ben, twin, cat
}

// SPEC 3.1: "a fork is proof of equivocation (keep both, expose it)": also to
// those who hold one branch alone.
func TestForkIsProvedToThoseWhoHoldOneBranch(t *testing.T) {
	for name, choose := range map[string]func(ben, twin *node) *node{
		"ben's":  func(ben, _ *node) *node { return ben },
		"twin's": func(_, twin *node) *node { return twin },
	} {
		t.Run(name, func(t *testing.T) {
			ana, ben, twin, cat := forkers(t)
			who := ben.identity.Authority()
			held := choose(ben, twin)
			cat.learn(start, held)
			if len(cat.view.Equivocated) != 0 {
				t.Fatal("one branch is no fork")
			}
			ana.learn(start, ben)
			ana.learn(start, twin)
			if !slices.Equal(ana.proofs(), []messages.AuthorityID{who}) || ana.view.Equivocated[who] != 1 {
				t.Fatalf("ana accuses %v; her view is %v", ana.proofs(), ana.view.Equivocated)
			}
			without := slices.DeleteFunc(ana.facts(), func(raw []byte) bool {
				fact := mustParse(raw)
				return fact.Header.Author == who && fact.ID() != held.head()
			})
			cat.step(start, messages.OfferFacts{Session: 9, From: ana.identity.Authority(), Facts: without})
			if cat.journal.set.chainOf(who).forks != nil || cat.view.Equivocated[who] != 1 {
				t.Errorf("cat's view is %v", cat.view.Equivocated)
			}
			for _, n := range []*node{ana, cat} {
				if told := n.forks(); !slices.Equal(told, []Forked{{Author: who, Seq: 1}}) {
					t.Errorf("the host of %s hears %v", n, told)
				}
				n.restart(start)
				if told := n.forks(); len(told) != 1 || n.view.Equivocated[who] != 1 {
					t.Errorf("after a restart %s hears %v", n, told)
				}
			}
			cat.learn(start, ana)
			same(t, ana, cat)
			if len(cat.proofs()) != 0 {
				t.Error("cat proves what is proved")
			}
		})
	}
}

// One proof for an author is enough, however often it forks.
func TestOneProofIsAppendedForAnAuthor(t *testing.T) {
	ana, ben, twin, _ := forkers(t)
	for range 5 {
		ben.note(start, "on")
		twin.note(start, "on")
	}
	ana.learn(start, twin)
	ana.learn(start, ben)
	ana.restart(start)
	ben.note(start, "and on")
	twin.note(start, "and on")
	ana.learn(start, twin)
	ana.learn(start, ben)
	if len(ana.forksOf(ben.identity.Authority())) != 7 || len(ana.proofs()) != 1 {
		t.Errorf("%d forks, %d proofs", len(ana.forksOf(ben.identity.Authority())), len(ana.proofs()))
	}
}

// Of several who have forked, the first by id is accused first: no map decides.
func TestFirstByIDIsAccusedFirst(t *testing.T) {
	ana, ben, twin, cat := forkers(t)
	other := cat.twin(97)
	cat.note(start, "to the one")
	other.note(start, "to the other")
	ana.mute = true
	for _, n := range []*node{ben, twin, cat, other} {
		ana.learn(start, n)
	}
	first := slices.MinFunc([]messages.AuthorityID{ben.identity.Authority(), cat.identity.Authority()}, messages.AuthorityID.Compare)
	for range 20 {
		if pair := ana.journal.set.unproven(); len(pair) != 2 || pair[0].author() != first || pair[1].author() != first {
			t.Fatalf("%v", pair)
		}
	}
}

// Who may not write keeps its proof until it may.
func TestProofIsOfAMember(t *testing.T) {
	ana, ben, twin, cat := forkers(t)
	ana.remove(start, cat)
	cat.learn(start, ana)
	cat.learn(start, ben)
	cat.learn(start, twin)
	if len(cat.proofs()) != 0 || len(cat.forksOf(ben.identity.Authority())) != 1 {
		t.Errorf("%v accused by one who was removed", cat.proofs())
	}
}

// proof proves that the author has forked its chain at seq 1.
func proof(t *testing.T, author *node, context messages.ContextID) messages.Equivocation {
	t.Helper()
	return proofAt(t, author, context, 1)
}

func proofAt(t *testing.T, author *node, context messages.ContextID, seq messages.Seq) messages.Equivocation {
	t.Helper()
	var facts [2]messages.Fact
	for n := range facts {
		at := messages.Chained{Version: 1, Context: context, Author: author.identity.Authority(), Seq: seq, HLC: messages.HLC(n)}
		if seq > 1 {
			at.Prev = messages.FactID{1}
		}
		fact, err := Seal(author.identity, at, [32]byte{}, nil, seeded(3))
		if err != nil {
			t.Fatal(err)
		}
		facts[n] = fact
	}
	proof, err := messages.NewEquivocation(author.identity.Public(), facts[0], facts[1])
	if err != nil {
		t.Fatal(err)
	}
	return proof
}

// The op that makes a member of whom a proof is about may come behind the proof, and
// change nothing else, for rivals contest it.
func TestProofConvictsWhoBecomesKnownLater(t *testing.T) {
	ana, rival, ben, cat := rivals(t)
	for _, n := range []*node{ben, cat} {
		n.learn(start, ana)
		n.learn(start, rival)
	}
	dan := ana.admit(start, 4)
	b := &batch{}
	if _, err := ben.journal.append(messages.MillisOf(start), draftOf(proof(t, dan, ana.view.Context)), ben.view.Keys[2], b); err != nil {
		t.Fatal(err)
	}
	ben.journal.sign(b)
	cat.learn(start, ben) // all that it stands on
	cat.step(start, messages.OfferFacts{Session: 1, From: ben.identity.Authority(), Facts: [][]byte{b.records[0].Value}})
	cat.learn(start, ana)
	if who := dan.identity.Authority(); cat.view.Epoch != 2 || cat.view.Equivocated[who] != 1 {
		t.Errorf("in epoch %d, %v have forked", cat.view.Epoch, cat.view.Equivocated)
	}
	cat.expectNaive()
	cat.expectFlawless()
}

// A fact says what it can prove, and of members alone.
func TestProofConvictsNobodyWhen(t *testing.T) {
	for name, test := range map[string]struct {
		accused func(ana, cat *node) messages.Equivocation
		want    int
	}{
		"nothing is wrong":         {func(ana, cat *node) messages.Equivocation { return proof(t, cat, ana.view.Context) }, 1},
		"it is about a stranger":   {func(ana, _ *node) messages.Equivocation { return proof(t, newNode(t, 9, nil), ana.view.Context) }, 0},
		"it is of another context": {func(_, cat *node) messages.Equivocation { return proof(t, cat, messages.ContextID{1}) }, 0},
		"a signature is forged": {func(ana, cat *node) messages.Equivocation {
			forged := proof(t, cat, ana.view.Context)
			forged.First.Signature[0]++
			return forged
		}, 0},
	} {
		ana, ben, cat := trio(t)
		if _, err := ben.journal.append(messages.MillisOf(start), draftOf(test.accused(ana, cat)), ben.view.Keys[2], &batch{}); err != nil {
			t.Fatal(err)
		}
		if view := ben.journal.set.view(); len(view.Equivocated) != test.want {
			t.Errorf("%s: %v", name, view.Equivocated)
		}
	}
}

// Of several proofs against one author the view shows the first seq, in whatever
// order they come.
func TestFirstProvedSeqIsShown(t *testing.T) {
	for _, seqs := range [][]messages.Seq{{2, 5}, {5, 2}} {
		ana, ben, cat := trio(t)
		for _, seq := range seqs {
			if _, err := ben.journal.append(messages.MillisOf(start), draftOf(proofAt(t, cat, ana.view.Context, seq)), ben.view.Keys[2], &batch{}); err != nil {
				t.Fatal(err)
			}
		}
		if got := ben.journal.set.view().Equivocated[cat.identity.Authority()]; got != 2 {
			t.Errorf("proved at %d: the view shows %d", seqs, got)
		}
	}
}

// forksOf are the seqs at which the node holds two facts of the author.
func (n *node) forksOf(author messages.AuthorityID) []messages.Seq {
	return n.journal.set.chainOf(author).forks
}
