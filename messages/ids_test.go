package messages_test

import (
	"crypto/ed25519"
	"strings"
	"testing"

	"github.com/waymeet/waymeet/messages"
)

func TestTextFormOfIDs(t *testing.T) {
	id := messages.AuthorityID{0xff, 0x01}
	text := id.String()
	if !strings.HasPrefix(text, "au-74aq") || len(text) != len("au-")+52 || id.Short() != "au-74aqaaaa" {
		t.Errorf("text %s, short %s", text, id.Short())
	}
	if back, err := messages.ParseAuthorityID(text); err != nil || back != id {
		t.Errorf("back: %v, %v", back, err)
	}
}

func TestParseRefusesOtherText(t *testing.T) {
	good := messages.AuthorityID{1}.String()
	for name, text := range map[string]string{
		"nothing":          "",
		"another kind":     "cx" + good[2:],
		"no prefix":        good[3:],
		"short form":       good[:11],
		"upper case":       strings.ToUpper(good),
		"padding":          good + "====",
		"spare bits":       good[:len(good)-1] + "b",
		"outside alphabet": good[:len(good)-1] + "1",
	} {
		if _, err := messages.ParseAuthorityID(text); err == nil {
			t.Errorf("%s: %q was read", name, text)
		}
	}
}

// SPEC 1.1: "the id proves the key."
func TestAuthorityFollowsFromTheKey(t *testing.T) {
	a, same, b := messages.PublicKey{1}, messages.PublicKey{1}, messages.PublicKey{2}
	if a.Authority() == b.Authority() || a.Authority() != same.Authority() {
		t.Error("the id does not follow from the key")
	}
	if messages.Hash(messages.LabelContext, a[:]) == [32]byte(a.Authority()) {
		t.Error("labels do not separate")
	}
}

func TestVerify(t *testing.T) {
	private := ed25519.NewKeyFromSeed(make([]byte, 32))
	key := messages.PublicKey(private.Public().(ed25519.PublicKey))
	signature := ed25519.Sign(private, []byte("text"))
	if !key.Verify([]byte("text"), signature) || key.Verify([]byte("other"), signature) || key.Verify([]byte("text"), signature[:63]) {
		t.Error("a signature is judged wrong")
	}
}

func FuzzParseID(f *testing.F) {
	f.Add(messages.ContextID{3}.String())
	f.Add(messages.AuthorityID{4}.String())
	f.Add(messages.ChannelID{5}.String())
	f.Add(messages.FactID{6}.String())
	f.Add("cx-")
	f.Fuzz(func(t *testing.T, text string) {
		if id, err := messages.ParseContextID(text); err == nil && id.String() != text {
			t.Errorf("%q is read as %q", text, id.String())
		}
		if id, err := messages.ParseAuthorityID(text); err == nil && id.String() != text {
			t.Errorf("%q is read as %q", text, id.String())
		}
		if id, err := messages.ParseChannelID(text); err == nil && id.String() != text {
			t.Errorf("%q is read as %q", text, id.String())
		}
		if id, err := messages.ParseFactID(text); err == nil && id.String() != text {
			t.Errorf("%q is read as %q", text, id.String())
		}
	})
}
