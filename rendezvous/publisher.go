package rendezvous

import (
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// Times of a Publisher.
const (
	// publishSettle gathers endpoints that become known together.
	publishSettle = 100 * time.Millisecond
	// relayPatience is how long the first descriptor waits for a relay slot.
	relayPatience = 2 * time.Second
	// slotGrace is how long a lost slot is still published: a relay that
	// restarts comes back under the same slot.
	slotGrace = 30 * time.Second
	// commitPatience is how long the store, and then the view, may take.
	commitPatience = 5 * time.Second
	// retryBase and retryMax space the tries after a refusal.
	retryBase = time.Second
	retryMax  = time.Minute
)

// Views gives the newest view of a context, or nil if the node is not in it.
type Views interface {
	View(context messages.ContextID) *View
}

// PublisherConfig is what a Publisher is told once.
type PublisherConfig struct {
	Context messages.ContextID
	Service RendezvousService
	Views   Views
	// Random gives the nonces; it must be cryptographic.
	Random io.Reader
	// Services and Nickname are published as they are.
	Services []ServiceOffer
	Nickname string
	// ExpectRelay says that a relay is configured: the first descriptor waits
	// a little for its slot.
	ExpectRelay bool
}

// PublisherEffect is one thing that a Publisher wants done.
type PublisherEffect interface{ publisherEffect() }

// PublishDescriptor is to be committed by the store, and answered by Journaled
// or JournalRefused. It may be asked for again under the same operation.
type PublishDescriptor struct {
	Commit messages.Commit
	Reason RefreshReason
}

// PublishRefused tells the host that the guards refused, and why; it is tried
// again later.
type PublishRefused struct {
	Decision messages.Decision
	Reason   RefreshReason
}

func (PublishDescriptor) publisherEffect() {}
func (PublishRefused) publisherEffect()    {}

// Publisher is the machine that keeps the node's own descriptor in one context
// true and in its window. It is not safe for concurrent use.
//
// Invariants:
//  1. at most one descriptor is on its way to the journal, so that sequence
//     and candidate generation grow with each;
//  2. what survives its death is in the journal: a new Publisher reads it from
//     the view.
type Publisher struct {
	config PublisherConfig
	// network is the generation of direct; known says that some were told.
	network  messages.NetworkGeneration
	direct   []messages.LinkEndpoint
	known    bool
	slots    []slot
	started  time.Time
	settled  time.Time
	flight   *flight
	retry    time.Time
	failures uint
	wake     time.Time
	out      []PublisherEffect
}

// slot is a relay endpoint, and when it was lost; zero: it stands.
type slot struct {
	endpoint messages.LinkEndpoint
	lost     time.Time
}

// flight is a descriptor on its way.
type flight struct {
	publish PublishDescriptor
	nonce   messages.Nonce
	// epoch and after are what it was made under: the epoch that was open, and the
	// numbers that it had to be above.
	epoch messages.EpochID
	after DescriptorNumbers
	// journaled says that the store has it, and only the view is awaited.
	journaled bool
	until     time.Time
}

// overtaken: what it was made under is no longer so. The journal takes it no more,
// and another one is to be made.
func (f *flight) overtaken(view *View) bool {
	return view.EpochID != f.epoch || view.lastNumbers() != f.after
}

// NewPublisher makes the publisher of one context.
func NewPublisher(config PublisherConfig) *Publisher { return &Publisher{config: config} }

// Step takes one message and says what to do now.
func (p *Publisher) Step(now time.Time, event messages.PublisherMessage) []PublisherEffect {
	p.out = nil
	if p.started.IsZero() {
		p.started = now
	}
	switch e := event.(type) {
	case messages.LocalEndpoints:
		p.localEndpoints(now, e)
	case messages.SlotUp:
		p.slotUp(now, e)
	case messages.SlotDown:
		p.slotDown(now, e)
	case messages.Journaled:
		p.journaled(now, e)
	case messages.JournalRefused:
		p.journalRefused(now, e)
	case messages.ContextChanged, messages.Tick:
		// The view is looked at below, whatever woke us.
	}
	p.wake = p.decide(now)
	return p.out
}

// Deadline is when Step wants to be called with a Tick; zero: not needed.
func (p *Publisher) Deadline() time.Time { return p.wake }

// decide publishes if it is time to, and says when to look again.
func (p *Publisher) decide(now time.Time) time.Time {
	view := p.config.Views.View(p.config.Context)
	if view == nil || !p.known {
		return time.Time{}
	}
	if p.flight != nil && !p.landed(view, now) {
		return p.flight.until
	}
	if wait := p.waitsFor(); now.Before(wait) {
		return wait
	}
	endpoints, expires := p.endpoints(now)
	reason := OwnRefresh(view, endpoints, messages.MillisOf(now))
	if reason == RefreshNone {
		return earliest(expires, refreshTime(view.Descriptors[view.Self]))
	}
	if now.Before(p.retry) {
		return p.retry
	}
	return p.publish(now, view, endpoints, reason)
}

// waitsFor is until when a change of endpoints is not acted on: until they
// have settled, and the first time until a relay had its chance.
func (p *Publisher) waitsFor() time.Time {
	if p.config.ExpectRelay && len(p.slots) == 0 {
		return p.started.Add(relayPatience)
	}
	return p.settled
}

// landed reports whether what was on its way has arrived, or is given up. The
// store is asked again under the same operation: it charges nothing twice.
func (p *Publisher) landed(view *View, now time.Time) bool {
	f := p.flight
	if view.Descriptors[view.Self].Descriptor.Nonce == f.nonce {
		p.flight, p.failures = nil, 0
		return true
	}
	if now.Before(f.until) {
		return false
	}
	if f.journaled {
		p.flight = nil
		return true
	}
	f.until = now.Add(commitPatience)
	p.out = append(p.out, f.publish)
	return false
}

func (p *Publisher) publish(now time.Time, view *View, endpoints []messages.LinkEndpoint, reason RefreshReason) time.Time {
	var nonce messages.Nonce
	if _, err := io.ReadFull(p.config.Random, nonce[:]); err != nil {
		return p.refused(now, messages.Decision{Refused: messages.GuardRules, Reason: fmt.Sprintf("no randomness for a nonce: %v", err)}, reason)
	}
	publication := Publication{Endpoints: endpoints, Services: p.config.Services, Nonce: nonce, Nickname: p.config.Nickname}
	snapshot := p.config.Service.Snapshot(view, view.Self, messages.MillisOf(now))
	prepare := p.config.Service.PrepareRefreshDescriptor
	if reason == RefreshFirst {
		prepare = p.config.Service.PreparePublishDescriptor
	}
	outcome := prepare(snapshot, view, publication)
	if err := CheckOutcome(outcome); err != nil {
		panic(err)
	}
	if !outcome.Decision.Allowed() {
		return p.refused(now, outcome.Decision, reason)
	}
	publish := PublishDescriptor{Commit: outcome.Commit(PublishOperation(view.Context, nonce)), Reason: reason}
	p.flight = &flight{
		publish: publish, nonce: nonce, epoch: view.EpochID, after: view.lastNumbers(), until: now.Add(commitPatience),
	}
	p.out = append(p.out, publish)
	return p.flight.until
}

// refused waits longer after every refusal: a budget comes back by the hour.
func (p *Publisher) refused(now time.Time, decision messages.Decision, reason RefreshReason) time.Time {
	p.out = append(p.out, PublishRefused{Decision: decision, Reason: reason})
	p.retry = now.Add(min(retryBase<<min(p.failures, 10), retryMax))
	p.failures++
	return p.retry
}

func (p *Publisher) journaled(now time.Time, e messages.Journaled) {
	if p.flight != nil && p.flight.publish.Commit.Operation == e.Operation {
		p.flight.journaled, p.flight.until = true, now.Add(commitPatience)
	}
}

func (p *Publisher) journalRefused(now time.Time, e messages.JournalRefused) {
	if p.flight == nil || p.flight.publish.Commit.Operation != e.Operation {
		return
	}
	refused := p.flight
	p.flight = nil
	if view := p.config.Views.View(p.config.Context); view != nil && refused.overtaken(view) {
		return // SPEC 7.8: "A node republishes its descriptor at once when an epoch advances."
	}
	p.refused(now, messages.Decision{Refused: messages.GuardJournal, Reason: e.Reason}, refused.publish.Reason)
}

// localEndpoints takes direct endpoints; those of an older network are stale.
func (p *Publisher) localEndpoints(now time.Time, e messages.LocalEndpoints) {
	if p.network.After(e.Network) {
		return
	}
	if !p.known || !slices.Equal(p.direct, e.Endpoints) {
		p.settled = now.Add(publishSettle)
	}
	p.network, p.direct, p.known = e.Network, slices.Clone(e.Endpoints), true
}

func (p *Publisher) slotUp(now time.Time, e messages.SlotUp) {
	if e.Context != p.config.Context {
		return
	}
	if at := p.find(e.Endpoint); at >= 0 {
		p.slots[at].lost = time.Time{}
		return
	}
	p.slots = append(p.slots, slot{endpoint: e.Endpoint})
	p.settled = now.Add(publishSettle)
}

func (p *Publisher) slotDown(now time.Time, e messages.SlotDown) {
	if at := p.find(e.Endpoint); at >= 0 && e.Context == p.config.Context && p.slots[at].lost.IsZero() {
		p.slots[at].lost = now
	}
}

func (p *Publisher) find(endpoint messages.LinkEndpoint) int {
	return slices.IndexFunc(p.slots, func(s slot) bool { return s.endpoint == endpoint })
}

// endpoints are those to publish at now, relays first, and when the next of
// them expires.
func (p *Publisher) endpoints(now time.Time) (endpoints []messages.LinkEndpoint, expires time.Time) {
	p.slots = slices.DeleteFunc(p.slots, func(s slot) bool {
		return !s.lost.IsZero() && now.Sub(s.lost) >= slotGrace
	})
	for _, s := range p.slots {
		endpoints = append(endpoints, s.endpoint)
		if !s.lost.IsZero() {
			expires = earliest(expires, s.lost.Add(slotGrace))
		}
	}
	endpoints = append(endpoints, p.direct...)
	return endpoints[:min(len(endpoints), messages.MaxEndpoints)], expires
}

// earliest is the earlier of two times, of which zero is none.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
