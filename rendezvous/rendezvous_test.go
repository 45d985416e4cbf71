package rendezvous

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

// noon is when the tests happen.
var noon = messages.MillisOf(time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC))

var (
	relaySlot = messages.LinkEndpoint{
		Protocol: messages.LinkRelayUDP, Address: "198.51.100.1:7342", RelayKey: messages.PublicKey{7}, Slot: messages.SlotID{9},
	}
	ownAddress = messages.LinkEndpoint{Protocol: messages.LinkQUIC, Address: "203.0.113.9:51820"}
	both       = []messages.LinkEndpoint{relaySlot, ownAddress}
)

func identity(n byte) membership.Identity {
	return membership.NewIdentity(messages.SecretKey{n})
}

var (
	alice = identity(1)
	bob   = identity(2)
	carol = identity(3) // a member without a descriptor
	mallo = identity(4) // not a member
)

// world is one context as every member sees it: alice, bob and carol, epoch 3.
type world struct {
	t       *testing.T
	context messages.ContextID
	roster  membership.Roster
	keys    map[messages.Epoch]membership.Keys
	records map[messages.AuthorityID]DescriptorRecord
	older   map[messages.Nonce]DescriptorRecord
	covered map[messages.AuthorityID]messages.Seq
	ledger  messages.Ledger
	nonces  byte
}

const epoch messages.Epoch = 3

func newWorld(t *testing.T) *world {
	w := &world{
		t: t, context: messages.ContextID{42}, keys: map[messages.Epoch]membership.Keys{},
		records: map[messages.AuthorityID]DescriptorRecord{}, older: map[messages.Nonce]DescriptorRecord{},
		covered: map[messages.AuthorityID]messages.Seq{},
	}
	for _, member := range []membership.Identity{alice, bob, carol} {
		w.roster = w.roster.With(membership.Member{PublicKey: member.Public(), Role: messages.RoleParticipant})
	}
	for number := epoch - 1; number <= epoch; number++ {
		id := messages.EpochID{byte(number)}
		w.keys[number] = membership.DeriveKeys(w.context, number, id, membership.Secret{byte(number), 1})
	}
	w.publish(alice, both)
	w.publish(bob, both)
	return w
}

// view is the context as one of its members sees it.
func (w *world) view(self membership.Identity) *View {
	return &View{
		Context: w.context, Self: self.Authority(), Epoch: epoch, Roster: w.roster, Keys: w.keys,
		Descriptors: maps.Clone(w.records), Older: maps.Clone(w.older), Covered: maps.Clone(w.covered), Ledger: w.ledger,
		MayWrite: true,
	}
}

func service(self membership.Identity) RendezvousService {
	return NewRendezvousService(self.Authority(), RendezvousConfig{})
}

func (w *world) snapshot(self, peer membership.Identity) messages.GuardSnapshot {
	return service(self).Snapshot(w.view(self), peer.Authority(), noon)
}

// publish prepares a descriptor at noon and takes it into the world, as the
// journal would.
func (w *world) publish(author membership.Identity, endpoints []messages.LinkEndpoint) DescriptorRecord {
	w.t.Helper()
	w.nonces++
	outcome := service(author).PreparePublishDescriptor(w.snapshot(author, author), w.view(author), Publication{
		Endpoints: endpoints, Nonce: messages.Nonce{w.nonces}, Services: []ServiceOffer{{Kind: messages.ServiceEstablish}},
	})
	if !outcome.Decision.Allowed() {
		w.t.Fatal(outcome.Decision)
	}
	if before, ok := w.records[author.Authority()]; ok {
		w.older[before.Descriptor.Nonce] = before
	}
	record := DescriptorRecord{
		Descriptor: outcome.Commit(messages.OperationID{}).Facts[0].(messages.RendezvousDescriptor),
		Epoch:      epoch, Seq: messages.Seq(w.nonces), Fact: messages.FactID{w.nonces},
	}
	w.records[author.Authority()] = record
	return record
}

// change edits the newest descriptor of an author.
func (w *world) change(author membership.Identity, edit func(*DescriptorRecord)) {
	record := w.records[author.Authority()]
	edit(&record)
	w.records[author.Authority()] = record
}

func wantRefusal(t *testing.T, o messages.GuardOutcome, guard messages.Guard, word string) {
	t.Helper()
	if o.Decision.Refused != guard || !strings.Contains(o.Decision.Reason, word) {
		t.Errorf("got %q, want a refusal by %s that says %q", o.Decision, guard, word)
	}
	if len(o.Effects) > 0 {
		t.Errorf("a refusal with effects: %+v", o.Effects)
	}
}

func wantAllowed(t *testing.T, o messages.GuardOutcome) {
	t.Helper()
	if !o.Decision.Allowed() {
		t.Errorf("%s", o.Decision)
	}
	if err := CheckOutcome(o); err != nil {
		t.Error(err)
	}
}
