package messages

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The JSON form is an interface that other people's scripts use: this test
// names every field of it that was promised.
func TestStatusKeepsItsPromisedFields(t *testing.T) {
	s := Status{
		Schema: StatusSchema, Authority: AuthorityID{1}, NetworkGeneration: 3,
		Actors: []ActorStatus{{Path: "/channels/manager", State: "up", Incarnation: 2, Restarts: 1, Mailbox: 3}},
		Peers: []PeerStatus{{
			Context: ContextID{2}, Peer: AuthorityID{3}, Channel: ChannelID{4}, Epoch: 1,
			Path:      PathStatus{Kind: PathDirect, Remote: "127.0.0.1:9", Since: 7, Reason: "validated"},
			Agreement: A1Provisional, RTTMillis: 0.25, BytesSent: 10, BytesReceived: 11,
			CandidateGeneration: 5, Attempts: AttemptStatus{Used: 1, Max: 5}, Cycles: 2, NextAttempt: 99,
		}},
	}
	var got map[string]any
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"schema": 1.0, "authority": s.Authority.String(), "network_generation": 3.0,
		"actors": []any{map[string]any{"path": "/channels/manager", "state": "up", "incarnation": 2.0, "restarts": 1.0, "mailbox": 3.0}},
		"nearby": []any{},
	}
	for key, value := range want {
		if diff := cmp.Diff(value, got[key]); diff != "" {
			t.Errorf("%s: %s", key, diff)
		}
	}
	peer := got["peers"].([]any)[0].(map[string]any)
	wantPeer := map[string]any{
		"context": s.Peers[0].Context.String(), "peer": s.Peers[0].Peer.String(),
		"channel": s.Peers[0].Channel.String(), "epoch": 1.0,
		"path":      map[string]any{"kind": "direct", "remote": "127.0.0.1:9", "since_ms": 7.0, "reason": "validated"},
		"agreement": "A1", "rtt_ms": 0.25, "bytes_sent": 10.0, "bytes_received": 11.0,
		"candidate_generation": 5.0, "attempts": map[string]any{"used": 1.0, "max": 5.0},
		"cycles": 2.0, "next_attempt_ms": 99.0,
	}
	for key, value := range wantPeer {
		if diff := cmp.Diff(value, peer[key]); diff != "" {
			t.Errorf("peers.%s: %s", key, diff)
		}
	}

	var back Status
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	s.Contexts, s.Relays, s.Nearby = []ContextStatus{}, []RelayUse{}, []NearbyStatus{}
	if diff := cmp.Diff(s, back); diff != "" {
		t.Errorf("read back: %s", diff)
	}
}

func TestStatusHasNoNullList(t *testing.T) {
	text, err := json.Marshal(Status{})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "null") {
		t.Errorf("a list is null: %s", text)
	}
	if err := json.Unmarshal(text, new(Status)); err != nil {
		t.Errorf("an empty status cannot be read back: %v", err)
	}
}

func TestRelayStatusKeepsItsPromisedFields(t *testing.T) {
	text, err := json.Marshal(RelayStatus{Schema: 1, Key: "rk-a", Slots: 2, Sessions: 3, ForwardedBytes: 4})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(text), `{"schema":1,"key":"rk-a","slots":2,"sessions":3,"forwarded_bytes":4}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestUnknownWordsOfAStatusAreRefused(t *testing.T) {
	for _, text := range []string{`{"agreement":"A4"}`, `{"path":{"kind":"carrier pigeon"}}`} {
		if err := json.Unmarshal([]byte(text), new(PeerStatus)); err == nil {
			t.Errorf("%s was accepted", text)
		}
	}
}
