package waymeet_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/discovery"
	"github.com/waymeet/waymeet/rendezvous/handshake"
	"github.com/waymeet/waymeet/rendezvous/membership"
	"github.com/waymeet/waymeet/transport/mux"
	"github.com/waymeet/waymeet/transport/relay"
)

// SPEC 2.4: "Secrets are … NEVER logged."
func TestNoSecretIsPrinted(t *testing.T) {
	secret := messages.SecretKey(bytes.Repeat([]byte{0xab, 0x5e}, messages.SecretKeySize/2))
	identity := membership.NewIdentity(secret)
	keys := membership.DeriveKeys(messages.ContextID{1}, 1, messages.EpochID{1}, secret)
	founded := membership.Welcome{Earlier: []membership.EpochKey{keys.Payloads()}}
	ticket := messages.Ticket{Context: messages.ContextID{1}, Inviter: identity.Public(), Secret: secret}
	underTicket := discovery.DeriveTicketKeys(ticket)
	static, private := handshake.NewStatic(secret), identity.NoisePrivate()
	terms := messages.HandshakeTerms{PSK: secret, HelloKey: secret}
	pseudonym := ed25519.NewKeyFromSeed(secret[:])
	control, err := relay.NewClientControl(identity.Public(), pseudonym)
	if err != nil {
		t.Fatal(err)
	}
	shaking := &handshake.Handshaker{}
	shaking.Step(time.Unix(1, 0), messages.InitiateHandshake{Terms: terms})
	shaking.Step(time.Unix(1, 0), messages.MessageOneMade{Ephemeral: secret})

	of := func(keys ...messages.SecretKey) (secrets [][]byte) {
		for _, key := range append(keys, secret) {
			secrets = append(secrets, key[:])
		}
		return secrets
	}
	for _, test := range []struct {
		value   any
		secrets [][]byte
	}{
		{secret, of()},
		{&secret, of()},
		{[]messages.SecretKey{secret}, of()},
		{map[messages.Epoch]messages.SecretKey{1: secret}, of()},
		{identity, append(of(private), pseudonym)},
		{keys, of(keys.Payload, keys.Hello, keys.PSKRoot, keys.Beacon, keys.SyncTag)},
		{keys.Payloads(), of(keys.Payload)},
		{founded, of(keys.Payload)},
		{ticket, of()},
		{underTicket, of(underTicket.Hello, underTicket.Attempt, underTicket.PSK)},
		{static, of()},
		{terms, of()},
		{messages.HandshakeResult{Send: secret, Receive: secret}, of()},
		{handshake.SendHello{Key: secret}, of()},
		{shaking, of()},
		{messages.JournalState{Tags: map[messages.Epoch]messages.SecretKey{1: secret}}, of()},
		{mux.DataKeys{Send: secret, Receive: secret}, of()},
		{mux.HelloKey{Key: secret}, of()},
		{control, append(of(private), pseudonym)},
	} {
		text := printed(t, test.value)
		for _, secret := range test.secrets {
			for _, form := range forms(secret) {
				if strings.Contains(text, form) {
					t.Errorf("%T prints %q in\n%s", test.value, form, text)
					break
				}
			}
		}
	}
}

// printed is the value in every way in which a program writes things down.
func printed(t *testing.T, value any) string {
	t.Helper()
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x", "%X", "% x", "%q", "%b", "%o", "%c", "%U"} {
		fmt.Fprintf(&out, verb+"\n", value)
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("text", "value", value)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("json", "value", value)
	if err := json.NewEncoder(&out).Encode(value); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// forms are the texts by which the beginning of a secret shows in a printed one.
func forms(secret []byte) []string {
	part := secret[:4]
	array := [4]byte(part)
	all := []string{base64.StdEncoding.EncodeToString(secret)[:5], strings.ReplaceAll(fmt.Sprint(part), " ", ",")}
	for _, verb := range []string{"%v", "%#v", "%x", "%X", "% x", "%q", "%b", "%o", "%c", "%U"} {
		for _, form := range []string{fmt.Sprintf(verb, part), fmt.Sprintf(verb, array)} {
			form = strings.TrimPrefix(strings.TrimPrefix(form, "[]byte{"), "[4]uint8{")
			all = append(all, form)
		}
	}
	for at := range all {
		all[at] = strings.Trim(all[at], `[]{}"`)
	}
	return all
}

// The test above would see a secret that nothing hides.
func TestASecretThatIsNotHiddenShows(t *testing.T) {
	bare := [messages.SecretKeySize]byte(bytes.Repeat([]byte{0xab, 0x5e}, messages.SecretKeySize/2))
	for _, verb := range []string{"%v", "%#v", "%d", "%x", "%X", "% x", "%q", "%b", "%o", "%c", "%U"} {
		for _, value := range []any{bare, bare[:], struct{ key [messages.SecretKeySize]byte }{bare}} {
			text, shows := fmt.Sprintf(verb, value), false
			for _, form := range forms(bare[:]) {
				shows = shows || strings.Contains(text, form)
			}
			if !shows {
				t.Errorf("%s of %T prints %s, and nobody sees the secret in it", verb, value, text)
			}
		}
	}
}

// What keeps a secret from people must not keep it from the disk and from the
// sealed messages that carry it.
func TestASecretIsStoredAsItsBytes(t *testing.T) {
	secret := messages.SecretKey(bytes.Repeat([]byte{0xab, 0x5e}, messages.SecretKeySize/2))
	key := membership.EpochKey{Epoch: 3, EpochID: messages.EpochID{1}, Payload: secret}
	encoded := messages.Encode(key)
	if !bytes.Contains(encoded, secret[:]) {
		t.Errorf("it is stored as %x", encoded)
	}
	again, err := messages.Decode[membership.EpochKey](encoded)
	if err != nil || again != key {
		t.Errorf("it comes back as %v, %v", again, err)
	}
}
