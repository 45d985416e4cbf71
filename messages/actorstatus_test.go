package messages

import (
	"encoding/json"
	"testing"
)

// The JSON form of the tree is an interface as that of Status is. What an actor
// has not is absent.
func TestActorTreeKeepsItsPromisedFields(t *testing.T) {
	tree := ActorTree{Schema: StatusSchema, Actors: []ActorStatus{
		{Path: "/", Supervisor: true, State: "up", Incarnation: 1},
		{
			Path: "/a", State: "down", Incarnation: 3, Restarts: 2, Mailbox: 4, Handling: "messages.Tick", Suspended: true,
			Refused: 5, Dropped: 6, NetworkGeneration: 7, CandidateGeneration: 8, Attempts: &AttemptStatus{Used: 0, Max: 5},
		},
	}}
	want := `{"schema":1,"actors":[` +
		`{"path":"/","supervisor":true,"state":"up","incarnation":1,"restarts":0,"mailbox":0},` +
		`{"path":"/a","state":"down","incarnation":3,"restarts":2,"mailbox":4,"handling":"messages.Tick","suspended":true,` +
		`"refused":5,"dropped":6,"network_generation":7,"candidate_generation":8,"attempts":{"used":0,"max":5}}]}`
	if got, err := json.Marshal(tree); string(got) != want || err != nil {
		t.Errorf("got %s, %v\nwant %s", got, err, want)
	}
}
