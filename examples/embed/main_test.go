package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/waymeet/waymeet/supervision"
)

func TestRun(t *testing.T) {
	var out strings.Builder
	if err := run(&out, []string{"hello, anna", "split 90 by 3", "split 90 by 0", "are you there?"}); err != nil {
		t.Fatal(err)
	}
	want := `^ben joined cx-[a-z2-7]{52}
anna heard: hello, anna
anna heard: split 90 by 3
each pays 30
anna heard: split 90 by 0
the room is back and knows 3 lines
anna heard: are you there\?
/host/room crashed: runtime error: integer divide by zero
the room knows 4 lines; the tree had \d+ lives, 1 crashes and at most \d+ messages that waited
$`
	if !regexp.MustCompile(want).MatchString(out.String()) {
		t.Errorf("it printed\n%s", out.String())
	}
}

// A room that crashes too often is silent, and the meter says why.
func TestQuarantineIsSaid(t *testing.T) {
	var out strings.Builder
	err := run(&out, []string{"split 1 by 0", "split 2 by 0", "split 3 by 0", "split 4 by 0", "are you there?"})
	if err == nil || !strings.Contains(err.Error(), "deadline") {
		t.Errorf("the room answered, or something else is wrong: %v", err)
	}
	if got := strings.Count(out.String(), "the room crashes and crashes: it is left alone"); got != 1 {
		t.Errorf("said %d times:\n%s", got, out.String())
	}
}

// The meter says it once a quarantine.
func TestQuarantineIsSaidOnce(t *testing.T) {
	var out strings.Builder
	m := meter{out: &out}
	for _, state := range []supervision.State{
		supervision.StateQuarantined, supervision.StateQuarantined, supervision.StateUp, supervision.StateQuarantined,
	} {
		m.watchRoom(state)
	}
	if got := strings.Count(out.String(), "\n"); got != 2 {
		t.Errorf("said %d times of two:\n%s", got, out.String())
	}
}
