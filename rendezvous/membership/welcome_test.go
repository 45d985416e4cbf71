package membership_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

// invitation is a founded context of Ana, with Ben added in epoch 1.
type invitation struct {
	ana, ben membership.Identity
	founded  messages.ContextFounded
	state    membership.State
	secret   membership.Secret
	added    messages.MemberAdded
	opened   membership.Keys
	welcome  membership.Welcome
}

func identity(n byte) membership.Identity {
	return membership.NewIdentity(messages.SecretKey{n})
}

func invite(t *testing.T) invitation {
	t.Helper()
	i := invitation{ana: identity(1), ben: identity(2), secret: membership.Secret{7}}
	founded, first, err := membership.Found(i.ana, bytes.NewReader(bytes.Repeat([]byte{9}, 64)))
	if err != nil {
		t.Fatal(err)
	}
	i.founded = founded
	i.state = membership.State{
		Founder:  i.ana.Authority(),
		Finality: founded.Finality,
		Roster:   membership.FoundedRoster(founded),
		Keys:     membership.FoundedKeys(founded, first),
	}
	ben := membership.Member{PublicKey: i.ben.Public(), Role: messages.RoleParticipant}
	op, err := membership.Advance(i.ana.Authority(), i.state, messages.MemberAdded{Member: ben.PublicKey, Role: ben.Role}, i.secret, nil)
	if err != nil {
		t.Fatal(err)
	}
	i.added = op.(messages.MemberAdded)
	i.opened = membership.OpenedKeys(founded.Context(), i.added, i.secret)
	earlier := []membership.EpochKey{i.state.Keys.Payloads()}
	i.welcome, err = membership.NewWelcome(founded, i.opened, i.added.Change, earlier, i.ben.Authority())
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func TestWelcomeGivesTheJoinerTheKeysOfTheFounder(t *testing.T) {
	i := invite(t)
	welcome, err := membership.ParseWelcome(i.welcome.Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	keys, secret, err := welcome.Accept(i.ben, i.founded.Context(), i.ana.Public())
	if err != nil {
		t.Fatal(err)
	}
	if keys != i.opened || secret != i.secret {
		t.Error("the joiner derives other keys than the founder")
	}
	previous, err := membership.OpenPrevious(keys, i.state.Keys.EpochID, i.added.Change.PreviousKey)
	if err != nil || previous != i.state.Keys.Payload {
		t.Errorf("previous payload key: %v", err)
	}
}

func TestWelcomeIsRefusedWhen(t *testing.T) {
	tests := map[string]func(*invitation){
		"it is to another context":             func(i *invitation) { i.welcome.Founded.Random[0]++ },
		"another than the founder invited":     func(i *invitation) { i.ana = identity(5) },
		"somebody else joins":                  func(i *invitation) { i.ben = identity(5) },
		"the secret is not the op's":           func(i *invitation) { i.welcome.SecretHash[0]++ },
		"the epoch id is not the wrap's":       func(i *invitation) { i.welcome.EpochID[0]++ },
		"the wrap is damaged":                  func(i *invitation) { i.welcome.Wrap.Sealed[40]++ },
		"an earlier key is missing":            func(i *invitation) { i.welcome.Earlier = nil },
		"earlier keys are out of order":        func(i *invitation) { i.welcome.Earlier[0].Epoch = 3 },
		"epoch 0 is not of the context's op":   func(i *invitation) { i.welcome.Earlier[0].EpochID[0]++ },
		"it opens epoch 0, which has no wraps": func(i *invitation) { i.welcome.Epoch = 0; i.welcome.Earlier = nil },
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			i := invite(t)
			context := i.founded.Context()
			spoil(&i)
			if _, _, err := i.welcome.Accept(i.ben, context, i.ana.Public()); !errors.Is(err, membership.ErrWelcome) {
				t.Errorf("got %v, want ErrWelcome", err)
			}
		})
	}
}

func FuzzParseWelcome(f *testing.F) {
	f.Add([]byte{0xa0})
	f.Add(membership.Welcome{Epoch: 1, Earlier: []membership.EpochKey{{}}}.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		welcome, err := membership.ParseWelcome(b)
		if err == nil && !bytes.Equal(welcome.Append(nil), b) {
			t.Errorf("parse and append changed %x", b)
		}
	})
}
