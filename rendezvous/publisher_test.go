package rendezvous

import (
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// press is a Publisher of carol's with what its shell and the store would do.
type press struct {
	*world
	now    time.Time
	p      *Publisher
	random io.Reader
	// silent makes the store take nothing.
	silent bool
	// open is the open epoch, and numbered how far carol has numbered.
	open     messages.EpochID
	numbered DescriptorNumbers
	all      []PublisherEffect
	flying   []messages.Commit
}

func (w *press) View(messages.ContextID) *View {
	view := w.view(carol)
	view.EpochID, view.Numbered = w.open, w.numbered
	return view
}

func newPress(t *testing.T, expectRelay bool) *press {
	w := &press{world: newWorld(t), now: noon.Time(), random: rand.NewChaCha8([32]byte{1})}
	w.build(expectRelay)
	return w
}

func (w *press) build(expectRelay bool) {
	w.p = NewPublisher(PublisherConfig{
		Context: w.context, Service: service(carol), Views: w, Random: w.random, Nickname: "carol", ExpectRelay: expectRelay,
	})
}

func (w *press) step(event messages.PublisherMessage) []PublisherEffect {
	effects := w.p.Step(w.now, event)
	w.all = append(w.all, effects...)
	for _, e := range effects {
		if p, ok := e.(PublishDescriptor); ok && !w.silent {
			w.flying = append(w.flying, p.Commit)
		}
	}
	if due := w.p.Deadline(); !due.IsZero() && !due.After(w.now) {
		w.t.Fatalf("after %T the deadline is not after now", event)
	}
	return effects
}

// land takes what is on its way into the journal and says so.
func (w *press) land() {
	for _, commit := range w.flying {
		w.nonces++
		w.records[carol.Authority()] = DescriptorRecord{
			Descriptor: commit.Facts[0].(messages.RendezvousDescriptor), Epoch: epoch, Seq: messages.Seq(w.nonces),
		}
		w.flying = nil
		w.step(messages.Journaled{Operation: commit.Operation})
		w.step(messages.ContextChanged{Context: w.context})
	}
}

func (w *press) wait(d time.Duration) {
	until := w.now.Add(d)
	for range 1000 {
		due := w.p.Deadline()
		if due.IsZero() || due.After(until) {
			w.now = until
			return
		}
		w.now = due
		w.step(messages.Tick{})
		w.land()
	}
	w.t.Fatal("it never rests")
}

func (w *press) published() []PublishDescriptor {
	var list []PublishDescriptor
	for _, e := range w.all {
		if p, ok := e.(PublishDescriptor); ok {
			list = append(list, p)
		}
	}
	return list
}

func (w *press) last() messages.RendezvousDescriptor { return w.records[carol.Authority()].Descriptor }

func local(generation messages.NetworkGeneration, endpoints ...messages.LinkEndpoint) messages.LocalEndpoints {
	return messages.LocalEndpoints{Network: generation, Endpoints: endpoints}
}

func TestPublishesWhatIsLearnedTogetherOnce(t *testing.T) {
	w := newPress(t, true)
	w.step(messages.ContextChanged{Context: w.context})
	w.step(local(1, ownAddress))
	w.wait(50 * time.Millisecond)
	w.step(messages.SlotUp{Context: w.context, Endpoint: relaySlot})
	w.step(messages.SlotUp{Context: messages.ContextID{1}, Endpoint: messages.LinkEndpoint{Protocol: messages.LinkRelayUDP}})
	w.wait(10 * time.Second)
	if list := w.published(); len(list) != 1 || list[0].Reason != RefreshFirst {
		t.Fatalf("%+v", list)
	}
	d := w.last()
	if len(d.Endpoints) != 2 || d.Endpoints[0] != relaySlot || d.Endpoints[1] != ownAddress || d.NicknameSuggestion != "carol" || d.Sequence != 1 {
		t.Errorf("%+v", d)
	}
}

func TestFirstDescriptorWaitsForRelayButNotForEver(t *testing.T) {
	w := newPress(t, true)
	w.step(local(1, ownAddress))
	w.wait(relayPatience - time.Millisecond)
	if len(w.published()) > 0 {
		t.Error("it did not wait")
	}
	w.wait(time.Second)
	if len(w.published()) != 1 {
		t.Error("it waits for ever")
	}
	w.step(messages.SlotUp{Context: w.context, Endpoint: relaySlot})
	w.wait(time.Second)
	if list := w.published(); len(list) != 2 || list[1].Reason != RefreshEndpoints || len(w.last().Endpoints) != 2 {
		t.Errorf("%+v", list)
	}
}

// SPEC 4.1: "refresh when the last 10 % of the window begins".
func TestRefreshesByItself(t *testing.T) {
	w := newPress(t, false)
	w.step(local(1, ownAddress))
	w.wait(5 * time.Hour)
	list := w.published()
	if len(list) != 6 {
		t.Fatalf("%d descriptors in five hours", len(list))
	}
	for at, p := range list {
		d := p.Commit.Facts[0].(messages.RendezvousDescriptor)
		if d.Sequence != uint64(at+1) || d.Candidates != messages.CandidateGeneration(at+1) {
			t.Errorf("descriptor %d has sequence %d, generation %d", at, d.Sequence, d.Candidates)
		}
		if at > 0 && p.Reason != RefreshWindow {
			t.Errorf("descriptor %d: %s", at, p.Reason)
		}
	}
}

func TestRefreshesAtOnce(t *testing.T) {
	w := newPress(t, false)
	w.step(local(1, ownAddress))
	w.wait(time.Minute)
	w.step(local(0, relaySlot)) // an older network
	w.wait(time.Minute)
	w.step(local(1, ownAddress))
	w.wait(time.Minute)
	if len(w.published()) != 1 {
		t.Errorf("nothing changed, and %d were published", len(w.published()))
	}
	w.step(local(2))
	w.wait(time.Second)
	if list := w.published(); len(list) != 2 || list[1].Reason != RefreshEndpoints {
		t.Errorf("%+v", list)
	}
	w.change(carol, func(r *DescriptorRecord) { r.Epoch-- })
	w.step(messages.ContextChanged{Context: w.context})
	if list := w.published(); len(list) != 3 || list[2].Reason != RefreshEpoch {
		t.Errorf("an epoch advanced: %+v", list)
	}
}

// A relay that restarts comes back under the same slot: nothing is published
// for that. One that stays away is taken out.
func TestLostSlot(t *testing.T) {
	w := newPress(t, true)
	w.step(local(1, ownAddress))
	w.step(messages.SlotUp{Context: w.context, Endpoint: relaySlot})
	w.wait(time.Second)
	w.step(messages.SlotDown{Context: w.context, Endpoint: relaySlot})
	w.wait(slotGrace - time.Second)
	w.step(messages.SlotUp{Context: w.context, Endpoint: relaySlot})
	w.wait(slotGrace)
	if len(w.published()) != 1 {
		t.Errorf("%d descriptors for a relay that came back", len(w.published()))
	}
	w.step(messages.SlotDown{Context: w.context, Endpoint: relaySlot})
	w.wait(slotGrace + relayPatience)
	if len(w.published()) != 2 || len(w.last().Endpoints) != 1 {
		t.Errorf("%d descriptors, %+v", len(w.published()), w.last().Endpoints)
	}
}

// The store that does not answer is asked again under the same operation, so
// that nothing is charged twice; one that refuses, later and later.
func TestStoreThatDoesNotTakeIt(t *testing.T) {
	w := newPress(t, false)
	w.silent = true
	w.step(local(1, ownAddress))
	w.wait(time.Minute)
	list := w.published()
	if len(list) < 10 {
		t.Fatalf("asked %d times in a minute", len(list))
	}
	for _, p := range list {
		if p.Commit.Operation != list[0].Commit.Operation {
			t.Fatal("it was asked again under another operation")
		}
	}
	w.step(messages.JournalRefused{Operation: messages.OperationID{1}, Reason: "of something else"})
	before := len(w.all)
	w.step(messages.JournalRefused{Operation: list[0].Commit.Operation, Reason: "the budget is spent"})
	if refused, ok := w.all[before].(PublishRefused); !ok || refused.Decision.Refused != messages.GuardJournal {
		t.Fatalf("%+v", w.all[before:])
	}
	w.silent = false
	w.wait(time.Minute)
	if final := w.published(); final[len(final)-1].Commit.Operation == list[0].Commit.Operation || w.last().Sequence != 1 {
		t.Errorf("%+v", w.last())
	}
}

// A descriptor that was on its way when the next epoch opened, or when its number was
// given, is refused, and no fault of anybody: another one follows at once.
func TestOvertakenOnItsWay(t *testing.T) {
	for what, overtake := range map[string]func(*press){
		"by an epoch":   func(w *press) { w.open = messages.EpochID{7} },
		"by its number": func(w *press) { w.numbered = DescriptorNumbers{Sequence: 1, Candidates: 1} },
	} {
		w := newPress(t, false)
		w.silent = true
		w.step(local(1, ownAddress))
		w.wait(time.Second)
		first := w.published()
		overtake(w)
		effects := w.step(messages.JournalRefused{Operation: first[0].Commit.Operation, Reason: "it was made for epoch 3"})
		if next := w.published(); len(first) != 1 || len(effects) != 1 || len(next) != 2 || next[1].Commit.Operation == first[0].Commit.Operation {
			t.Fatalf("%s: %+v", what, effects)
		}
		w.step(messages.JournalRefused{Operation: w.published()[1].Commit.Operation, Reason: "the budget is spent"})
		if _, refused := w.all[len(w.all)-1].(PublishRefused); !refused || len(w.published()) != 2 {
			t.Errorf("%s: what nothing has overtaken is published again at once", what)
		}
	}
}

func TestRefusedByGuard(t *testing.T) {
	w := newPress(t, false)
	w.ledger = messages.Ledger{Leaked: map[messages.Hour]messages.Leakage{noon.Hour(): {InGroup: 100}}}
	w.step(local(1, ownAddress))
	w.wait(time.Hour)
	refusals := 0
	for _, e := range w.all {
		if r, ok := e.(PublishRefused); ok && r.Decision.Refused == messages.GuardLeakage {
			refusals++
		}
	}
	if refusals < 60 || refusals > 80 || len(w.published()) > 0 {
		t.Errorf("%d refusals in an hour, %d published", refusals, len(w.published()))
	}
	w.ledger = messages.Ledger{}
	w.wait(retryMax)
	if len(w.published()) != 1 {
		t.Error("it has given up")
	}
}

// A new Publisher takes up what the journal says, and publishes nothing twice.
func TestPublisherRestart(t *testing.T) {
	for _, journaled := range []bool{false, true} {
		w := newPress(t, false)
		w.step(local(1, ownAddress))
		for len(w.flying) == 0 {
			w.now = w.p.Deadline()
			w.step(messages.Tick{})
		}
		if journaled {
			w.land()
		}
		w.flying = nil
		w.build(false)
		w.step(messages.ContextChanged{Context: w.context})
		w.step(local(1, ownAddress))
		w.wait(10 * time.Second)
		want := 2
		if journaled {
			want = 1
		}
		if got := len(w.published()); got != want || w.last().Sequence != 1 {
			t.Errorf("journaled %v: %d commits, sequence %d", journaled, got, w.last().Sequence)
		}
	}
}

type noRandom struct{}

func (noRandom) Read([]byte) (int, error) { return 0, errors.New("empty") }

func TestNoRandomnessIsARefusal(t *testing.T) {
	w := newPress(t, false)
	w.random = noRandom{}
	w.build(false)
	w.step(local(1, ownAddress))
	w.wait(10 * time.Second)
	if r, ok := w.all[0].(PublishRefused); !ok || len(w.published()) > 0 {
		t.Errorf("%+v", r)
	}
}

// Not in the context any more: nothing to do, and nothing to wait for.
func TestNoView(t *testing.T) {
	p := NewPublisher(PublisherConfig{Service: service(carol), Views: nowhere{}, Random: noRandom{}})
	if effects := p.Step(noon.Time(), local(1, ownAddress)); len(effects) > 0 || !p.Deadline().IsZero() {
		t.Errorf("%+v", effects)
	}
}

type nowhere struct{}

func (nowhere) View(messages.ContextID) *View { return nil }
