package admin

import (
	"context"
	"io"
	"iter"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// Backend is a running node as its owner may ask it. Every method may be
// called from several goroutines at once and returns when ctx ends. Errors
// that people are to read are messages.Problem.
type Backend interface {
	// Status is a copy of how things stand.
	Status(ctx context.Context) (messages.Status, error)
	// Actors is the supervision tree as it stands.
	Actors(ctx context.Context) (messages.ActorTree, error)
	// Events is every event from now on. The channel is closed when ctx ends
	// or the node stops; a reader that is too slow misses events.
	Events(ctx context.Context) <-chan messages.Event
	// Invite makes a single-use ticket (SPEC 14.2).
	Invite(ctx context.Context, request InviteRequest) (ticket string, err error)
	// Join uses a ticket and returns when the context is joined.
	Join(ctx context.Context, ticket string) (JoinResult, error)
	// Send streams size bytes of body to a peer as a file of that name and
	// returns when the peer has stored and acknowledged it. To is what a
	// person wrote: ResolvePeer says which peer is meant.
	Send(ctx context.Context, to, name string, size int64, body io.Reader) (SendResult, error)

	// Remove takes a member away from a context.
	Remove(ctx context.Context, request MemberRequest) (ContextChange, error)
	// Rotate gives the members of a context new keys.
	Rotate(ctx context.Context, request MemberRequest) (ContextChange, error)
	// Append appends a fact of the host's own and returns when it is on disk.
	Append(ctx context.Context, request AppendRequest, body []byte) (AppendResult, error)
	// Facts reads facts of the host's own; an error ends the sequence.
	Facts(ctx context.Context, request FactsRequest) (iter.Seq2[messages.FactContent, error], error)

	Debugger
}

// RelayBackend is a running relay as its owner may ask it.
type RelayBackend interface {
	Status(ctx context.Context) (messages.RelayStatus, error)
	Actors(ctx context.Context) (messages.ActorTree, error)
}

// NewContext asks in an InviteRequest for a context of its own. It is too short
// to be the prefix of an id.
const NewContext = "new"

// InviteRequest says what ticket to make.
type InviteRequest struct {
	// Context is the text of a context id or a unique prefix of it, or
	// NewContext. Empty means the only context there is, or a new one if there
	// is none; where there are several it is refused.
	Context string `json:"context"`
	// Lifetime is how long the ticket may be used; zero means 10 minutes.
	Lifetime time.Duration `json:"lifetime_ns"`
}

// JoinResult says what a ticket led to.
type JoinResult struct {
	Context messages.ContextID `json:"context"`
	// Peer is the inviter.
	Peer messages.AuthorityID `json:"peer"`
}

// SendResult is what the peer acknowledged.
type SendResult struct {
	Peer messages.AuthorityID `json:"peer"`
	// Context is where the peer was met.
	Context messages.ContextID `json:"context,omitzero"`
	// StoredAs is the name in the peer's received folder.
	StoredAs string `json:"stored_as"`
	// SHA256 is the hex digest of what the peer stored.
	SHA256 string `json:"sha256"`
	Bytes  uint64 `json:"bytes"`
	// Millis is how long it took, from the first byte to the acknowledgement.
	Millis uint64 `json:"ms"`
}

// MemberRequest says whom to remove, and from where; or whose keys to rotate.
type MemberRequest struct {
	// Context is the text of a context id or a unique prefix of it. Empty means
	// the only context there is.
	Context string `json:"context,omitempty"`
	// Member is what a person wrote: ResolvePeer says who is meant. Empty where
	// all are.
	Member string `json:"member,omitempty"`
}

// ContextChange says what an op has made of a context.
type ContextChange struct {
	Context messages.ContextID `json:"context"`
	// Member is who was removed, if somebody was.
	Member messages.AuthorityID `json:"member,omitzero"`
	// Epoch is the one that is open now.
	Epoch messages.Epoch `json:"epoch"`
}

// Role says what listens on a socket.
type Role string

// The roles.
const (
	RoleNode  Role = "node"
	RoleRelay Role = "relay"
)

// The bodies that have no name of their own outside this package.
type (
	roleReply struct {
		Role Role `json:"role"`
	}
	inviteReply struct {
		Ticket string `json:"ticket"`
	}
	joinRequest struct {
		Ticket string `json:"ticket"`
	}
	actorRequest struct {
		Actor string `json:"actor"`
	}
	killReply struct {
		Killed int `json:"killed"`
	}
	suspendReply struct {
		Suspended int `json:"suspended"`
	}
	resumeReply struct {
		Resumed int `json:"resumed"`
	}
	scheduleReply struct {
		Plan string `json:"plan"`
	}
	networkChange struct {
		Generation messages.NetworkGeneration `json:"generation"`
	}
	holdRelay struct {
		On bool `json:"on"`
	}
	nothing struct{}
)

// The headers of a send; their values are escaped as in a URL query.
const (
	headerTo   = "Waymeet-To"
	headerName = "Waymeet-Name"
)
