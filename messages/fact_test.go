package messages_test

import (
	"errors"
	"reflect"
	"testing"

	"github.com/waymeet/waymeet/messages"
)

// everyFact has one fact of every type.
var everyFact = []messages.RendezvousFact{
	messages.ContextFounded{Founder: messages.PublicKey{1}, History: messages.HistoryFull, Finality: messages.FinalityFounder},
	messages.RendezvousDescriptor{
		Authority: messages.AuthorityID{1}, Endpoints: []messages.LinkEndpoint{}, Services: []messages.ServiceDescriptor{},
	},
	messages.ChannelEstablished{Initiator: messages.AuthorityID{1}, Epoch: 3},
	messages.DescriptorRevoked{Authority: messages.AuthorityID{1}, Nonce: messages.Nonce{2}},
	messages.MemberAdded{Member: messages.PublicKey{2}, Role: messages.RoleWitness, Change: messages.EpochChange{
		Epoch: 1, Cut: []messages.CutEntry{{Seq: 4}}, Wraps: []messages.SecretWrap{{Sealed: []byte{1}}}, PreviousKey: []byte{2},
	}},
	messages.MemberRemoved{Member: messages.AuthorityID{3}, Change: messages.EpochChange{
		Epoch: 2, Cut: []messages.CutEntry{}, Wraps: []messages.SecretWrap{}, PreviousKey: []byte{2},
	}},
	messages.EpochAdvanced{Change: messages.EpochChange{
		Epoch: 3, Cut: []messages.CutEntry{}, Wraps: []messages.SecretWrap{}, PreviousKey: []byte{2},
	}},
	fork(1, 1),
	messages.ApplicationFact{Type: messages.FactApplication + 7, Body: []byte("opaque")},
}

// SPEC 3.6: "Adding a fact type touches one table."
func TestEveryFactTypeIsInTheTable(t *testing.T) {
	for _, fact := range everyFact {
		kind := fact.FactType()
		back, err := messages.DecodeFact(kind, kind.Schema(), messages.EncodeFact(fact))
		if err != nil || !reflect.DeepEqual(back, fact) {
			t.Errorf("%s: %+v, %v", kind, back, err)
		}
	}
}

// SPEC 3.6: "Tags are never reused": those of bodies that are not settled yet
// are taken.
func TestTagsOfTypesToComeAreTaken(t *testing.T) {
	for tag, name := range map[messages.FactType]string{
		9: "commit", 10: "convergence-cert", 11: "reversion",
		12: "bootstrap-contact-hint", 13: "neighborhood-reentry-hint", 14: "bootstrap-introduction",
	} {
		for schema := range uint16(3) {
			if _, err := messages.DecodeFact(tag, schema, []byte{0xa0}); tag.String() != name || !errors.Is(err, messages.ErrUnknownFact) {
				t.Errorf("tag %d is %s, schema %d: %v", tag, tag, schema, err)
			}
		}
	}
}

// SPEC 3.4: "Unknown type or minor schema: stored and synced, not reduced."
func TestUnknownTypeOrSchemaIsToldApart(t *testing.T) {
	revoked := messages.DescriptorRevoked{}
	for name, err := range map[string]error{
		"type":     second(messages.DecodeFact(99, 1, nil)),
		"schema 0": second(messages.DecodeFact(revoked.FactType(), 0, messages.EncodeFact(revoked))),
		"schema":   second(messages.DecodeFact(revoked.FactType(), 2, messages.EncodeFact(revoked))),
	} {
		if !errors.Is(err, messages.ErrUnknownFact) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := messages.DecodeFact(revoked.FactType(), 1, []byte{0}); !errors.Is(err, messages.ErrEncoding) {
		t.Errorf("bad bytes of a known type: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

// SPEC 1.3: "ContextID = SHA-256(… ‖ canonical ContextFounded op …): random to
// outsiders".
func TestContextIsTheHashOfItsFounding(t *testing.T) {
	op := messages.ContextFounded{Founder: messages.PublicKey{1}}
	same, other := op, op
	other.Random[31]++
	if op.Context() == other.Context() || op.Context() != same.Context() {
		t.Error("the id does not follow from the op")
	}
}
