package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/waymeet/waymeet"
)

func TestPrintStatus(t *testing.T) {
	now := time.UnixMilli(60_000)
	status := waymeet.Status{
		Authority: waymeet.AuthorityID{1}, NetworkGeneration: 2, Listen: "127.0.0.1:9",
		Actors:   []waymeet.ActorStatus{{Path: "/channels/manager", Incarnation: 3, Restarts: 2}},
		Relays:   []waymeet.RelayUse{{URL: "waymeet-relay://rk-x@127.0.0.1:7342", State: "registered"}, {URL: "waymeet-relay://rk-y@127.0.0.1:7343", Context: waymeet.ContextID{2}, State: "no answer"}},
		Contexts: []waymeet.ContextStatus{{Context: waymeet.ContextID{2}, Epoch: 1, Members: 2, Facts: 7, Waiting: 2, Conflict: true, Removed: true, Forked: true, Fingerprint: "0123456789abcdef0123"}},
		Peers: []waymeet.PeerStatus{
			{Context: waymeet.ContextID{2}, Peer: waymeet.AuthorityID{3}, Nickname: "eve\x1b[31m\tbob", RTTMillis: 0.25, BytesSent: 1500, BytesReceived: 12,
				Path: waymeet.PathStatus{Kind: waymeet.PathDirect, Since: 30_000, Reason: "validated 127.0.0.1:7, 1 ms"}, Agreement: 1, Attempts: waymeet.AttemptStatus{Used: 1, Max: 5}},
			{Context: waymeet.ContextID{2}, Peer: waymeet.AuthorityID{4}, Forked: true},
		},
	}
	var out strings.Builder
	if err := printStatus(&out, status, false, now); err != nil {
		t.Fatal(err)
	}
	want := `authority au-aeaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
listening on 127.0.0.1:9, network generation 2

RELAY                                CONTEXT      STATE       SEES US AS
waymeet-relay://rk-x@127.0.0.1:7342  -            registered  
waymeet-relay://rk-y@127.0.0.1:7343  cx-aiaaaaaa  no answer   

CONTEXT      EPOCH  MEMBERS  FACTS  FINGERPRINT
cx-aiaaaaaa  1      2        7      0123456789abcdef

PEER                            CONTEXT      PATH    FOR  RTT     SENT    RECEIVED  AGREED  ATTEMPTS  WHY
au-amaaaaaa (eve\x1b[31m\tbob)  cx-aiaaaaaa  direct  30s  0.2 ms  1.5 kB  12 B      A1      1/5       validated 127.0.0.1:7, 1 ms
au-aqaaaaaa                     cx-aiaaaaaa  -       -    -       0 B     0 B       -       0/0       

WARNING
cx-aiaaaaaa: this node was removed: nobody gets what it appends, and it gets no more. A new ticket lets it come back
cx-aiaaaaaa: this node has signed two facts with one number: it was restored from a backup, or it runs twice. The others see it. See that it runs once
cx-aiaaaaaa: rival changes of members or keys close epoch 1: none of them holds, nor will any later one, for the founder made them in two places. Found another context
cx-aiaaaaaa: 2 facts wait for others that are not here yet
cx-aiaaaaaa: au-aqaaaaaa has signed two facts with one number: it was restored from a backup, runs twice, or lies

1 actors, 2 restarts
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
	out.Reset()
	if err := printStatus(&out, status, true, now); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "/channels/manager  3            2") {
		t.Errorf("the actors are not listed:\n%s", out.String())
	}
}

func TestSize(t *testing.T) {
	for bytes, want := range map[uint64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 1_550_000: "1.6 MB", 2e15: "2000.0 TB"} {
		if got := size(bytes); got != want {
			t.Errorf("%d: got %q, want %q", bytes, got, want)
		}
	}
}
