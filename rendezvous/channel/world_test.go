package channel_test

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous"
	"github.com/waymeet/waymeet/rendezvous/channel"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

// start is when every world begins.
var start = time.UnixMilli(1_700_000_000_000)

// member is one authority of a world: what its node would know before it meets
// anybody.
type member struct {
	identity membership.Identity
	view     *rendezvous.View
}

func (m *member) id() messages.AuthorityID { return m.identity.Authority() }

// View implements channel.Views.
func (m *member) View(context messages.ContextID) *rendezvous.View {
	if m.view == nil || m.view.Context != context {
		return nil
	}
	return m.view
}

// newMembers makes a context with two members, the one with the smaller id
// first. Each holds both descriptors.
func newMembers(tb testing.TB) (small, large *member) {
	tb.Helper()
	small = &member{identity: membership.NewIdentity(messages.SecretKey{1})}
	large = &member{identity: membership.NewIdentity(messages.SecretKey{2})}
	if small.id().Compare(large.id()) > 0 {
		small, large = large, small
	}
	op, secret, err := membership.Found(small.identity, bytes.NewReader(bytes.Repeat([]byte{7}, 64)))
	if err != nil {
		tb.Fatal(err)
	}
	keys := membership.FoundedKeys(op, secret)
	roster := membership.FoundedRoster(op).With(membership.Member{
		PublicKey: large.identity.Public(), Role: messages.RoleParticipant,
	})
	for _, m := range []*member{small, large} {
		m.view = &rendezvous.View{
			Context: op.Context(), Self: m.id(), EpochID: keys.EpochID, Founder: small.id(), Finality: op.Finality,
			Roster: roster, MayWrite: true,
			Keys: map[messages.Epoch]membership.Keys{0: keys},
			Descriptors: map[messages.AuthorityID]rendezvous.DescriptorRecord{
				small.id(): describe(small, keys, 1), large.id(): describe(large, keys, 1),
			},
		}
	}
	return small, large
}

// crowd brings so many more members into the context of the two.
func crowd(small, large *member, more int) []*member {
	var others []*member
	for n := range more {
		other := &member{identity: membership.NewIdentity(messages.SecretKey{3, byte(n)})}
		described := describe(other, small.view.Keys[small.view.Epoch], 1)
		for _, m := range []*member{small, large} {
			m.change(func(v *rendezvous.View) {
				v.Roster = v.Roster.With(membership.Member{PublicKey: other.identity.Public(), Role: messages.RoleParticipant})
				v.Descriptors = maps.Clone(v.Descriptors)
				v.Descriptors[other.id()] = described
			})
		}
		others = append(others, other)
	}
	for _, other := range others {
		view := *small.view
		view.Self = other.id()
		other.view = &view
	}
	return others
}

// describe is a descriptor of the member, committed to the keys of an epoch.
func describe(m *member, keys membership.Keys, sequence uint64) rendezvous.DescriptorRecord {
	nonce := messages.Nonce{byte(keys.Epoch + 1), byte(sequence)}
	copy(nonce[2:], m.identity.Public().Authority().String())
	return rendezvous.DescriptorRecord{
		Fact:  messages.FactID(nonce),
		Epoch: keys.Epoch,
		Seq:   messages.Seq(sequence),
		Descriptor: messages.RendezvousDescriptor{
			Authority: m.id(), Context: keys.Context, PublicKey: m.identity.Public(),
			Endpoints: []messages.LinkEndpoint{
				{Protocol: messages.LinkQUIC, Address: "127.0.0.1:5"},
				{Protocol: messages.LinkRelayUDP, Address: "127.0.0.1:6"},
			},
			PSKCommitment: keys.PSKCommitment(nonce),
			Valid:         messages.Window{From: messages.MillisOf(start), Until: messages.MillisOf(start.Add(time.Hour))},
			Nonce:         nonce, Sequence: sequence, Candidates: 1, Version: messages.CurrentVersion,
		},
	}
}

// changed is the view with one thing changed; the old one stays as it is.
func (m *member) change(change func(*rendezvous.View)) {
	view := *m.view
	change(&view)
	m.view = &view
}

// advanced moves the members to the next epoch, with new keys and descriptors.
func advance(members ...*member) {
	old := members[0].view
	keys := membership.DeriveKeys(old.Context, old.Epoch+1, messages.EpochID{byte(old.Epoch + 1)}, membership.Secret{9})
	descriptors := make(map[messages.AuthorityID]rendezvous.DescriptorRecord)
	for _, m := range members {
		descriptors[m.id()] = describe(m, keys, uint64(old.Epoch)+2)
	}
	older := make(map[messages.Nonce]rendezvous.DescriptorRecord)
	for _, record := range old.Descriptors {
		older[record.Descriptor.Nonce] = record
	}
	for _, m := range members {
		m.change(func(v *rendezvous.View) {
			held := map[messages.Epoch]membership.Keys{keys.Epoch: keys}
			for epoch, k := range v.Keys {
				held[epoch] = k
			}
			v.Epoch, v.EpochID, v.Keys, v.Descriptors, v.Older = keys.Epoch, keys.EpochID, held, descriptors, older
		})
	}
}

func configOf(m *member, seed uint64) channel.Config {
	return channel.Config{
		Self: m.id(), Boot: 1, Views: m,
		Service: rendezvous.NewRendezvousService(m.id(), rendezvous.RendezvousConfig{}),
		Random:  rand.New(rand.NewPCG(seed, 1)),
	}
}
