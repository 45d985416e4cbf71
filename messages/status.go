package messages

import (
	"encoding/json"
	"fmt"
)

// StatusSchema is the version of the JSON form of Status and RelayStatus.
// Fields may be added under the same number; none is renamed or reused.
const StatusSchema = 1

// Status is what a running node says of itself: a copy, made for one question.
// Its JSON form is what other people's scripts read; nothing in it is secret.
type Status struct {
	Schema    int         `json:"schema"`
	Authority AuthorityID `json:"authority"`
	// NetworkGeneration counts the changes of the node's own network.
	NetworkGeneration NetworkGeneration `json:"network_generation"`
	// Listen is IP:PORT of the node's UDP socket.
	Listen   string          `json:"listen,omitempty"`
	Actors   []ActorStatus   `json:"actors"`
	Contexts []ContextStatus `json:"contexts"`
	Peers    []PeerStatus    `json:"peers"`
	Relays   []RelayUse      `json:"relays"`
	// Nearby are bootstrap candidates: never peers, in no context, counted by
	// themselves (SPEC 14.1).
	Nearby []NearbyStatus `json:"nearby"`
}

// ContextStatus is one context that the node is a member of.
type ContextStatus struct {
	Context ContextID `json:"context"`
	Epoch   Epoch     `json:"epoch"`
	Members int       `json:"members"`
	// Facts is how many facts the journal has admitted.
	Facts uint64 `json:"facts"`
	// Waiting is how many are held beside these because facts that they stand on
	// are missing.
	Waiting int `json:"waiting"`
	// Fingerprint is the hex form of the fact set's fingerprint: equal at two
	// members that hold the same facts (SPEC 13.1).
	Fingerprint string `json:"fingerprint"`
	// Conflict: rival ops close the epoch, so it stays, and with it members and keys
	// (SPEC 9.7).
	Conflict bool `json:"conflict,omitzero"`
	// Forked is set once this node has signed two facts with one number: it went on
	// from a backup that had not all of its own, or it runs twice (SPEC 3.1).
	Forked bool `json:"forked,omitzero"`
	// Removed is set if the node is no member any more, as far as it knows: its
	// journal says so, or a peer did when it closed its channel, in this life.
	Removed bool `json:"removed,omitzero"`
}

// PeerStatus is one other member of one context. A peer that is a member of
// two contexts has two of them.
type PeerStatus struct {
	Context  ContextID   `json:"context"`
	Peer     AuthorityID `json:"peer"`
	Nickname string      `json:"nickname,omitempty"`
	// Channel is zero while there is no channel that can be used.
	Channel ChannelID `json:"channel,omitzero"`
	// State is "establishing", "catching up" (SPEC 7.8: nothing but sync yet),
	// "active", "draining" (no new streams) or empty.
	State string     `json:"state,omitempty"`
	Epoch Epoch      `json:"epoch"`
	Path  PathStatus `json:"path"`
	// Agreement is the mode of the channel's ChannelEstablished (SPEC 9.1).
	Agreement AgreementMode `json:"agreement,omitzero"`
	// RTTMillis is the round trip of the path in use; 0 while unknown.
	RTTMillis     float64 `json:"rtt_ms"`
	BytesSent     uint64  `json:"bytes_sent"`
	BytesReceived uint64  `json:"bytes_received"`
	// CandidateGeneration is the one that the peer's newest descriptor names.
	CandidateGeneration CandidateGeneration `json:"candidate_generation"`
	Attempts            AttemptStatus       `json:"attempts"`
	// Cycles counts the upgrade cycles that were started (SPEC 10.3).
	Cycles uint64 `json:"cycles"`
	// NextAttempt is when the next upgrade attempt is due; 0 when none is.
	NextAttempt Millis `json:"next_attempt_ms"`
	// Forked is set once the peer has signed two facts with one number: it runs
	// twice, or it lies (SPEC 3.1).
	Forked bool `json:"forked,omitzero"`
	// Budget is the flow budget toward this peer (SPEC 5.5).
	Budget FlowStatus `json:"budget"`
}

// PathStatus is the path that a channel sends on now, and why.
type PathStatus struct {
	Kind   PathKind `json:"kind,omitzero"`
	Remote string   `json:"remote"`
	Since  Millis   `json:"since_ms"`
	// Reason is for people: "validated 203.0.113.9:51820, 18 ms" (SPEC 10.8).
	Reason string `json:"reason"`
}

// AttemptStatus is an AttemptBudget as it stands (SPEC 10.2).
type AttemptStatus struct {
	Used uint64 `json:"used"`
	Max  uint64 `json:"max"`
}

// String is "1/5".
func (a AttemptStatus) String() string { return fmt.Sprintf("%d/%d", a.Used, a.Max) }

// FlowStatus is a flow budget as it stands (SPEC 5.5).
type FlowStatus struct {
	Spent FlowCost `json:"spent"`
	Limit FlowCost `json:"limit"`
}

// RelayUse is a relay that the node uses.
type RelayUse struct {
	// URL names the relay and its public key.
	URL string `json:"url"`
	// Context is where the relay is used; zero: for a ticket, or not yet.
	Context ContextID `json:"context,omitzero"`
	// State is for people: "registered", "no answer", "not asked yet".
	State string `json:"state"`
	// Observed is the node's own address as the relay sees it, if told.
	Observed string `json:"observed,omitempty"`
}

// RelayStateRegistered is the State of a relay at which peers reach the node.
const RelayStateRegistered = "registered"

// NearbyStatus is a bootstrap candidate (SPEC 14.1).
type NearbyStatus struct {
	Remote string `json:"remote"`
	Seen   Millis `json:"seen_ms"`
}

// RelayStatus is what a running relay says of itself. It holds nothing of
// those who use it but counts (SPEC 11.2).
type RelayStatus struct {
	Schema int `json:"schema"`
	// Key is the text of the relay's public key, as its URL carries it.
	Key      string `json:"key"`
	Slots    int    `json:"slots"`
	Sessions int    `json:"sessions"`
	// ForwardedBytes counts what left the relay for a client as forwarded
	// datagrams, hop headers included, since the process started.
	ForwardedBytes uint64 `json:"forwarded_bytes"`
}

// MarshalJSON writes an empty list as [], never as null: a script must not
// have to tell the two apart.
func (s Status) MarshalJSON() ([]byte, error) {
	type plain Status
	p := plain(s)
	p.Actors = orEmpty(p.Actors)
	p.Contexts = orEmpty(p.Contexts)
	p.Peers = orEmpty(p.Peers)
	p.Relays = orEmpty(p.Relays)
	p.Nearby = orEmpty(p.Nearby)
	return json.Marshal(p)
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// UnmarshalText reads "A1", "A2" or "A3".
func (m *AgreementMode) UnmarshalText(text []byte) error {
	for _, mode := range []AgreementMode{A1Provisional, A2SoftSafe, A3Finalized} {
		if mode.String() == string(text) {
			*m = mode
			return nil
		}
	}
	return fmt.Errorf("%q is not A1, A2 or A3", text)
}

// UnmarshalText reads "relay" or "direct".
func (k *PathKind) UnmarshalText(text []byte) error {
	for _, kind := range []PathKind{PathRelay, PathDirect} {
		if kind.String() == string(text) {
			*k = kind
			return nil
		}
	}
	return fmt.Errorf("%q is not relay or direct", text)
}
