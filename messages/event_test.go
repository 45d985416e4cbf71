package messages

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestEventLeavesOutWhatItDoesNotSay(t *testing.T) {
	text, err := json.Marshal(Event{Time: 5, Kind: EventNetworkChanged, NetworkGeneration: 2, Reason: "asked"})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(text), `{"time_ms":5,"kind":"network_changed","network_generation":2,"reason":"asked"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestEventReadsBackWhole(t *testing.T) {
	e := Event{
		Time: 5, Kind: EventPathChanged, Actor: "/a", Incarnation: 2, Context: ContextID{1}, Peer: AuthorityID{2},
		Channel: ChannelID{3}, Epoch: 4, Path: PathRelay, Remote: "127.0.0.1:1", NetworkGeneration: 5,
		Attempts: &AttemptStatus{Used: 1, Max: 5}, Facts: 6, File: "x", Bytes: 7, Reason: "no answer 320 ms",
	}
	text, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	var back Event
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(e, back); diff != "" {
		t.Error(diff)
	}
}

func TestEventLineIsSafeForATerminal(t *testing.T) {
	line := Event{Kind: EventFileReceived, File: "\x1b[2Jpay\u202eslip\n.txt"}.String()
	if want := `file_received \x1b[2Jpay\u202eslip\n.txt`; line != want {
		t.Errorf("got %q, want %q", line, want)
	}
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"":             "",
		"relay → de":   "relay → de",
		"Grüße 日本":     "Grüße 日本",
		"a\tb\r\n":     `a\tb\r\n`,
		"\xef!":        `\xef!`,
		"\xff\xfe":     `\xff\xfe`,
		"\uFFFD":       "\uFFFD",
		"\u2066x":      `\u2066x`,
		"\u009b31m":    `\u009b31m`,
		"back`slash\\": "back`slash\\",
	} {
		if got := Printable(in); got != want {
			t.Errorf("Printable(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzPrintable(f *testing.F) {
	f.Add("plain")
	f.Add("\x1b]0;title\x07")
	f.Add("\xc3\x28\u202e")
	f.Fuzz(func(t *testing.T, s string) {
		out := Printable(s)
		if !utf8.ValidString(out) {
			t.Fatalf("%q is not UTF-8", out)
		}
		if strings.ContainsFunc(out, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\u202e' }) {
			t.Fatalf("%q reaches the terminal as %q", s, out)
		}
	})
}
