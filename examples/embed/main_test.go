package main

import (
	"regexp"
	"strings"
	"testing"
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
