package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/waymeet/waymeet"
)

func TestPrintTree(t *testing.T) {
	pair := waymeet.ContextID{2}.String() + "." + waymeet.AuthorityID{3}.String()
	actors := []waymeet.ActorStatus{
		{Path: "/", Supervisor: true, State: "up", Incarnation: 1},
		{Path: "/a-b", State: "down", Incarnation: 9, Restarts: 2, Mailbox: 7, Refused: 2, Dropped: 1},
		{Path: "/a", Supervisor: true, State: "up", Incarnation: 2},
		{Path: "/a/generations", State: "up", Incarnation: 3, NetworkGeneration: 4},
		{Path: "/a/" + pair, State: "up", Suspended: true, Incarnation: 5, Handling: "messages.Tick", NetworkGeneration: 4, CandidateGeneration: 6, Attempts: &waymeet.AttemptStatus{Used: 1, Max: 5}},
		{Path: "/a/rk-d3355c6a.evil\x1b[31m.1", State: "up", Incarnation: 8},
	}
	var out strings.Builder
	if err := printTree(&out, actors); err != nil {
		t.Fatal(err)
	}
	want := `ACTOR                          STATE          LIFE  RESTARTS  MAILBOX     HANDLING       GENERATION               ATTEMPTS
/                              up             1     0                                                             
/a                             up             2     0                                                             
  /cx-aiaaaaaa*.au-amaaaaaa*   up, suspended  5     0         0           messages.Tick  network 4, candidates 6  1/5
  /generations                 up             3     0         0                          network 4                
  /rk-d3355c6a.evil\x1b[31m.1  up             8     0         0                                                   
/a-b                           down           9     2         7 (3 lost)                                          
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

// What the tree shows means the same to the debug verbs, and names that are no
// ids stay whole.
func TestTreeName(t *testing.T) {
	for path, want := range map[string]string{
		"/":                                    "/",
		"/channels":                            "/channels",
		"/channels/pairs":                      "  /pairs",
		"/contexts/" + strings.Repeat("a", 60): "  /" + strings.Repeat("a", 60),
		"/contexts/" + waymeet.ContextID{}.String() + "/sync": "    /sync",
		"/contexts/" + waymeet.ContextID{}.String():           "  /cx-aaaaaaaa*",
	} {
		if got := treeName(path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}
