package messages_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/waymeet/waymeet/messages"
)

func aTicket() messages.Ticket {
	return messages.Ticket{
		Version: messages.CurrentVersion,
		Context: messages.ContextID{1},
		Inviter: messages.PublicKey{2},
		Endpoints: []messages.LinkEndpoint{
			{Protocol: messages.LinkRelayUDP, Address: "relay.example:7342", RelayKey: messages.PublicKey{3}, Slot: messages.SlotID{4}},
			{Protocol: messages.LinkQUIC, Address: "192.0.2.1:4000"},
		},
		Secret:  messages.SecretKey(bytes.Repeat([]byte{0x5e}, 32)),
		Expires: 1000,
	}
}

func TestTicketTextIsReadBack(t *testing.T) {
	want := aTicket()
	for _, text := range []string{want.Text(), " " + want.Text() + "\n", strings.ToUpper(want.Text())} {
		got, err := messages.ParseTicket(text)
		if err != nil {
			t.Fatal(err)
		}
		if got.Hash() != want.Hash() {
			t.Errorf("%q was read as another ticket", text[:12])
		}
	}
	if !strings.HasPrefix(want.Text(), "wm1-") {
		t.Errorf("text begins with %q", want.Text()[:4])
	}
}

func TestEveryWrongCharacterIsNoticed(t *testing.T) {
	text := aTicket().Text()
	for at := range text {
		for _, wrong := range []string{"", "a", "7", "!"} {
			damaged := text[:at] + wrong + text[at+1:]
			if _, err := messages.ParseTicket(damaged); damaged != text && err == nil {
				t.Errorf("%q in place of character %d went unnoticed", wrong, at)
			}
		}
	}
}

// The parts of a ticket that Validate looks at, each broken once.
func TestTicketIsRefusedWhen(t *testing.T) {
	tests := map[string]func(*messages.Ticket){
		"the version is another": func(t *messages.Ticket) { t.Version.Major++ },
		"no context":             func(t *messages.Ticket) { t.Context = messages.ContextID{} },
		"no inviter":             func(t *messages.Ticket) { t.Inviter = messages.PublicKey{} },
		"no secret":              func(t *messages.Ticket) { t.Secret = messages.SecretKey{} },
		"no time":                func(t *messages.Ticket) { t.Expires = 0 },
		"no endpoint":            func(t *messages.Ticket) { t.Endpoints = nil },
		"a bad endpoint":         func(t *messages.Ticket) { t.Endpoints[1].Address = "nowhere" },
		"the relay comes last": func(t *messages.Ticket) {
			t.Endpoints[0], t.Endpoints[1] = t.Endpoints[1], t.Endpoints[0]
		},
		"too many endpoints": func(t *messages.Ticket) {
			for range messages.MaxTicketEndpoints {
				t.Endpoints = append(t.Endpoints, t.Endpoints[1])
			}
		},
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			ticket := aTicket()
			spoil(&ticket)
			_, err := messages.ParseTicket(ticket.Text())
			var failure messages.InvitationFailure
			if !errors.As(err, &failure) || failure.Reason != messages.TicketMalformed || failure.Code != messages.ExitUsage {
				t.Fatalf("got %v", err)
			}
			if failure.Whose == "" || failure.Hint == "" {
				t.Errorf("%+v says not whose fault it is and what to do", failure)
			}
		})
	}
}

// SPEC 15.2: "Errors to the host … carry no secret."
func TestTicketErrorsNeverQuoteTheText(t *testing.T) {
	text := aTicket().Text()
	for _, damaged := range []string{text[4:], text[:len(text)-1], text + "a", "wm2-" + text[4:], text[:40] + "?" + text[41:]} {
		_, err := messages.ParseTicket(damaged)
		if err == nil {
			t.Fatalf("damaged ticket was read")
		}
		for at := 0; at+8 <= len(damaged); at++ {
			if strings.Contains(err.Error(), damaged[at:at+8]) {
				t.Errorf("%q quotes the ticket", err)
			}
		}
	}
}

// SPEC 2.4: "Secrets are … NEVER logged."
func TestTicketAndSecretPrintRedacted(t *testing.T) {
	ticket := aTicket()
	slot := messages.TicketSlot{Endpoint: ticket.Endpoints[0], Key: ticket.Secret}
	welcome := messages.Answer{Kind: messages.AnswerWelcome, Welcome: ticket.Secret[:]}
	var out bytes.Buffer
	for _, v := range []any{ticket, &ticket, ticket.Secret, []messages.Ticket{ticket}, slot, welcome,
		messages.CreateTicket{Secret: ticket.Secret}, messages.StoredTicket{Ticket: ticket},
		messages.BeginJoin{Ticket: ticket}, messages.AnswerReceived{Answer: welcome}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%X", "%q", "%d"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("m", "v", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "v", v)
		if err := json.NewEncoder(&out).Encode(v); err != nil {
			t.Fatal(err)
		}
	}
	for _, secret := range []string{"5e5e", "5E5E", "94 94", "94,94", "94, 94", "^^^", "Xl5e", "0x5e, 0x5e", `\x5e`, ticket.Text()} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("the secret is visible as %q", secret)
		}
	}
}

func TestTicketHashNamesTheWholeTicket(t *testing.T) {
	hash := aTicket().Hash()
	if hash.IsZero() || hash != aTicket().Hash() {
		t.Error("equal tickets have no equal hash")
	}
	other := aTicket()
	other.Endpoints = other.Endpoints[:1]
	if other.Hash() == hash {
		t.Error("other endpoints, same hash")
	}
}

func FuzzParseTicket(f *testing.F) {
	f.Add(aTicket().Text())
	f.Add("wm1-")
	f.Add("wm1-aaaaaaaaaaaaaaaa")
	f.Fuzz(func(t *testing.T, text string) {
		ticket, err := messages.ParseTicket(text)
		if err == nil && ticket.Text() != strings.ToLower(strings.TrimSpace(text)) {
			t.Errorf("parse and print changed %q", text)
		}
	})
}

func FuzzDecodeTicket(f *testing.F) {
	f.Add(messages.Encode(aTicket()))
	f.Add([]byte{0xa6})
	f.Fuzz(func(t *testing.T, b []byte) {
		ticket, err := messages.DecodeTicket(b)
		if err == nil && !bytes.Equal(messages.Encode(ticket), b) {
			t.Errorf("decode and encode changed %x", b)
		}
	})
}

func TestAnyTicketFitsItsText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ticket := aTicket()
		ticket.Secret[0] = rapid.Byte().Draw(t, "secret")
		ticket.Expires = messages.Millis(rapid.Uint64Min(1).Draw(t, "expires"))
		ticket.Endpoints = ticket.Endpoints[:1]
		for range rapid.IntRange(0, messages.MaxTicketEndpoints-1).Draw(t, "more") {
			ticket.Endpoints = append(ticket.Endpoints, messages.LinkEndpoint{
				Protocol: messages.LinkQUICReflexive, Address: "[2001:db8:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
				BoundLocal: "[2001:db8:ffff:ffff:ffff:ffff:ffff:fffe]:65535",
			})
		}
		got, err := messages.ParseTicket(ticket.Text())
		if err != nil || got.Hash() != ticket.Hash() {
			t.Fatalf("%v", err)
		}
	})
}
