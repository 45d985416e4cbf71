package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/waymeet/waymeet"
)

func TestPrintActor(t *testing.T) {
	step := waymeet.ActorStep{Seq: 7, Phase: "before message", Message: "messages.Tick"}
	report := waymeet.ActorReport{
		ActorStatus: waymeet.ActorStatus{Path: "/a/rk-\x1b[2J", State: "up", Incarnation: 9, Restarts: 5, Mailbox: 1},
		Tasks:       []string{"read", "write"}, Last: []waymeet.ActorStep{step},
	}
	for life := range uint64(4) {
		report.Crashes = append(report.Crashes, waymeet.ActorCrash{
			Incarnation: life, At: time.Unix(0, 0).UTC(), ActorStep: step, Reason: "no\nroom", Last: []waymeet.ActorStep{step}, Stack: "f (f.go:1)\ng (g.go:2)\n",
		})
	}
	var out strings.Builder
	if err := printActor(&out, report); err != nil {
		t.Fatal(err)
	}
	crash := `
crash of life N at 1970-01-01T00:00:00Z, before message messages.Tick: no\nroom
7  before message  messages.Tick
  f (f.go:1)
  g (g.go:2)
`
	want := `actor    /a/rk-\x1b[2J
state    up
life     9, 5 restarts
mailbox  1
tasks    read, write

STEP  PHASE           MESSAGE
7     before message  messages.Tick

1 earlier crashes: --json has them
`
	for _, life := range []string{"1", "2", "3"} {
		want += strings.Replace(crash, "N", life, 1)
	}
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}
