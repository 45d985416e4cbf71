package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/waymeet/waymeet"
)

func TestExit(t *testing.T) {
	problem := waymeet.Problem{Code: waymeet.ExitWaiting, What: "no answer", Whose: "the inviter is offline", Hint: "later"}
	for _, c := range []struct {
		name string
		err  error
		args []string
		code int
		said string
	}{
		{"nothing", nil, nil, 0, ""},
		{"a problem", problem, nil, 3, "waymeet: no answer: the inviter is offline. Try: later\n"},
		{"a wrapped problem", fmt.Errorf("join: %w", problem), nil, 3, "waymeet: no answer: the inviter is offline. Try: later\n"},
		{"no problem", errors.New("no room"), nil, 1, "waymeet: no room\n"},
		{"as JSON", problem, []string{"join", "--json"}, 3, `{"code":3,"what":"no answer","whose":"the inviter is offline","hint":"later"}` + "\n"},
		{"no flag after --", problem, []string{"join", "--", "--json"}, 3, "waymeet: no answer: the inviter is offline. Try: later\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var said strings.Builder
			code := (&command{out: output{io.Discard}, err: &said}).exit(c.err, c.args)
			if code != c.code || said.String() != c.said {
				t.Errorf("code %d and %q, want %d and %q", code, said.String(), c.code, c.said)
			}
		})
	}
}

// A peer chooses nicknames, file names and reasons; none of them may steer the
// terminal or break the line.
func TestHostileWordsStayOnTheLine(t *testing.T) {
	var said strings.Builder
	c := &command{out: output{io.Discard}, err: &said}
	c.exit(waymeet.Problem{Code: 1, What: "the peer refused", Whose: "it said \x1b[2Jok\nwaymeet: all is well\u202e"}, nil)
	if got, want := said.String(), `waymeet: the peer refused: it said \x1b[2Jok\nwaymeet: all is well\u202e`+"\n"; got != want {
		t.Errorf("got %q", got)
	}
}

func TestAControlCharacterInTheCommandLine(t *testing.T) {
	var said strings.Builder
	code := run([]string{"fly\x1b[2J"}, strings.NewReader(""), io.Discard, &said)
	if code != 2 || strings.ContainsRune(said.String(), '\x1b') || strings.Count(said.String(), "\n") != 1 {
		t.Errorf("code %d, %q", code, said.String())
	}
}
