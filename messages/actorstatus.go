package messages

// ActorStatus is one actor of a supervision tree. What is generic comes from
// the tree; generations and attempts are filled for the actors that have them.
type ActorStatus struct {
	// Path is where the actor stands in the tree: "/channels/manager".
	Path string `json:"path"`
	// Supervisor: it runs the actors below it and has no messages of its own.
	Supervisor bool `json:"supervisor,omitempty"`
	// State is "up", "starting", "stopping", "down" (it waits for its next life)
	// or another word of package supervision.
	State string `json:"state"`
	// Incarnation numbers its life. The number grows over the whole tree: of
	// two lives of one path, the greater is the later.
	Incarnation uint64 `json:"incarnation"`
	// Restarts is how often its supervisor brought it back.
	Restarts uint64 `json:"restarts"`
	// Mailbox is how many messages wait; Handling is the type of the one at
	// hand; Suspended: they wait on purpose.
	Mailbox   int    `json:"mailbox"`
	Handling  string `json:"handling,omitempty"`
	Suspended bool   `json:"suspended,omitempty"`
	// Refused and Dropped count the messages that a full mailbox turned away.
	Refused uint64 `json:"refused,omitzero"`
	Dropped uint64 `json:"dropped,omitzero"`

	// NetworkGeneration is the newest that a NetworkActor or a
	// PeerConnectionActor has seen, CandidateGeneration the newest of the peer.
	NetworkGeneration   NetworkGeneration   `json:"network_generation,omitzero"`
	CandidateGeneration CandidateGeneration `json:"candidate_generation,omitzero"`
	// Attempts is the AttemptBudget of a PeerConnectionActor; nil: it has none.
	Attempts *AttemptStatus `json:"attempts,omitempty"`
}

// ActorTree is every actor of a node or a relay, supervisors too, sorted by
// path.
type ActorTree struct {
	Schema int           `json:"schema"`
	Actors []ActorStatus `json:"actors"`
}
