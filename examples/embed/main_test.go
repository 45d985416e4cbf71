package main

import (
	"regexp"
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	var out strings.Builder
	if err := run(&out, "hello, anna"); err != nil {
		t.Fatal(err)
	}
	if want := `^ben joined cx-[a-z2-7]{52}\nanna heard: hello, anna\n$`; !regexp.MustCompile(want).MatchString(out.String()) {
		t.Errorf("it printed %q", out.String())
	}
}
