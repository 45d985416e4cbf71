package messages_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/waymeet/waymeet/messages"
)

var relayKey = messages.PublicKey{1, 2, 3}

const relayKeyText = "rk-aebagaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

func TestRelayURLReadsWhatItWrote(t *testing.T) {
	for _, address := range []string{"192.0.2.1:7342", "[2001:db8::1]:7342", "relay.example.org:1", "localhost:65535"} {
		u := messages.RelayURL{Key: relayKey, Address: address}
		if want := "waymeet-relay://" + relayKeyText + "@" + address; u.String() != want {
			t.Errorf("text %s, want %s", u, want)
		}
		got, err := messages.ParseRelayURL(u.String())
		if err != nil || got != u {
			t.Errorf("%s: got %v, %v", u, got, err)
		}
		if err := u.Endpoint(messages.SlotID{9}).Validate(); err != nil {
			t.Errorf("%s: its endpoint: %v", u, err)
		}
	}
}

func TestRelayURLErrorsSayWhatIsWrong(t *testing.T) {
	for text, reason := range map[string]string{
		"":                                "does not begin with waymeet-relay://",
		"https://example.org":             "does not begin with waymeet-relay://",
		"waymeet-relay://example.org:7":   "the @",
		"waymeet-relay://au-aaaa@h:7":     "does not begin with rk-",
		"waymeet-relay://rk-aaaa@h:7":     "52 characters",
		"waymeet-relay://rk-AEBA@h:7":     "52 characters",
		"waymeet-relay://KEY@192.0.2.1":   "HOST:PORT",
		"waymeet-relay://KEY@:7342":       "HOST:PORT",
		"waymeet-relay://KEY@h:0":         "HOST:PORT",
		"waymeet-relay://KEY@h:07342":     "HOST:PORT",
		"waymeet-relay://KEY@h:65536":     "HOST:PORT",
		"waymeet-relay://KEY@0.0.0.0:1":   "HOST:PORT",
		"waymeet-relay://KEY@[::]:1":      "HOST:PORT",
		"waymeet-relay://KEY@224.0.0.1:1": "HOST:PORT",
		"waymeet-relay://KEY@192.0.2:1":   "HOST:PORT",
		"waymeet-relay://KEY@::1:7":       "HOST:PORT",
		"waymeet-relay://KEY@h:7/path":    "HOST:PORT",
		"waymeet-relay://KEY@u@h:7":       "HOST:PORT",
		"waymeet-relay://KEY@h h:7":       "HOST:PORT",
	} {
		text = strings.Replace(text, "KEY", relayKeyText, 1)
		_, err := messages.ParseRelayURL(text)
		var problem messages.Problem
		if !errors.As(err, &problem) || !strings.Contains(problem.Whose, reason) {
			t.Errorf("%q: %v, want a reason with %q", text, err, reason)
			continue
		}
		if problem.What == "" || problem.Hint == "" || problem.Code != messages.ExitUsage {
			t.Errorf("%q: %#v does not say what failed and what to do", text, problem)
		}
	}
}

func TestHopHeaderIsFiveBytes(t *testing.T) {
	session, inner := messages.HopSession{1, 2, 3, 4}, []byte{7, 8}
	datagram := messages.AppendHop(nil, session, inner)
	if want := []byte{0x08, 1, 2, 3, 4, 7, 8}; !bytes.Equal(datagram, want) {
		t.Fatalf("%x, want %x", datagram, want)
	}
	gotSession, gotInner, ok := messages.ParseHop(datagram)
	if !ok || gotSession != session || !bytes.Equal(gotInner, inner) {
		t.Errorf("read %x %x %v", gotSession, gotInner, ok)
	}
}

func TestParseHopRefuses(t *testing.T) {
	for _, datagram := range [][]byte{nil, {8}, {8, 1, 2, 3, 4}, {7, 1, 2, 3, 4, 5}} {
		if _, _, ok := messages.ParseHop(datagram); ok {
			t.Errorf("%x was taken", datagram)
		}
	}
}

func FuzzParseRelayURL(f *testing.F) {
	f.Add("waymeet-relay://" + relayKeyText + "@192.0.2.1:7342")
	f.Add("waymeet-relay://" + relayKeyText + "@[::1]:7342")
	f.Add("waymeet-relay://" + relayKeyText + "@relay.example.org:7342")
	f.Fuzz(func(t *testing.T, text string) {
		u, err := messages.ParseRelayURL(text)
		if err == nil && u.String() != text {
			t.Fatalf("%q was read as %q", text, u)
		}
	})
}

func FuzzParseHop(f *testing.F) {
	f.Add(messages.AppendHop(nil, messages.HopSession{1, 2, 3, 4}, []byte{7}))
	f.Add([]byte{8, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		if session, inner, ok := messages.ParseHop(b); ok && !bytes.Equal(messages.AppendHop(nil, session, inner), b) {
			t.Errorf("parse and append changed %x", b)
		}
	})
}
