// Package waymeet lets programs meet privately: authorities that share a
// context find each other, agree on a small journal of facts, and hold secure
// channels that start on a relay at once and move to a direct path in the
// background, without a central service.
//
// A host program starts a Node, founds a context or joins one with a ticket,
// and opens streams to the other members:
//
//	node, err := waymeet.Start(ctx, waymeet.Config{StateDir: dir, Relays: []string{url}})
//	context, err := node.Join(ctx, ticket)
//	stream, err := context.Peer(peer).OpenStream(ctx, "chat/1")
//
// The package is a thin face: what is decided is in rendezvous, what moves
// bytes in transport, and the actors that join the two are in actors. Start
// reading there, or at Node and Context here. Whatever waits takes a context
// and ends with it. Errors that people are to read are a Problem.
//
// The package is a guest in its host's process: it touches no signal handler,
// global logger, registry or flag, and prints nothing. One thing comes with
// linking it: a library below it links expvar, which puts the page /debug/vars
// on http.DefaultServeMux. Do not serve that mux to strangers.
package waymeet

import "github.com/waymeet/waymeet/messages"

// Version is the release of this module.
const Version = "0.1.0"

// The vocabulary of the API; messages documents every field.
type (
	// AuthorityID says who a node is: the hash of its identity key.
	AuthorityID = messages.AuthorityID
	// ContextID names a context: the members that share it, and their journal.
	ContextID = messages.ContextID
	// ChannelID names a channel for its whole life, whatever path it takes.
	ChannelID = messages.ChannelID
	// FactID names a fact in a journal.
	FactID = messages.FactID
	// FactType is the host's own number of a kind of fact, FactApplication or
	// above.
	FactType = messages.FactType
	// Fact is a fact of the host's own, as it is read: ID, Author, Seq, Type, Time,
	// Epoch, Body, the Cursor that goes on after it, and the fact that it says
	// Again. `go doc messages.FactContent` has its fields.
	Fact = messages.FactContent
	// FactQuery says which facts to read: those After a cursor, of one Author, of
	// the types From to To; and whether to Follow. The zero query reads all.
	// `go doc messages.FactQuery` has its fields.
	FactQuery = messages.FactQuery
	// FactCursor is how far the facts of a context were read on this node.
	FactCursor = messages.FactCursor
	// Epoch counts the membership changes of a context.
	Epoch = messages.Epoch
	// NetworkGeneration counts the changes of this node's network.
	NetworkGeneration = messages.NetworkGeneration
	// PathKind says over what a channel runs.
	PathKind = messages.PathKind
	// Problem is an error for people: what failed, whose fault, what to do.
	Problem = messages.Problem
	// Event is something that happened to a node: its Kind, Time and Reason, and
	// what the Kind is about, such as Context, Peer, Channel or Path. `go doc
	// messages.Event` has its fields.
	Event = messages.Event
	// EventKind says what happened.
	EventKind = messages.EventKind
	// Status is how a node stands.
	Status = messages.Status
	// ActorStatus, ContextStatus, PeerStatus, RelayUse, PathStatus and
	// AttemptStatus are its parts.
	ActorStatus = messages.ActorStatus
	// ActorTree is every actor of a node or a relay.
	ActorTree = messages.ActorTree
	// ContextStatus is one context in a Status.
	ContextStatus = messages.ContextStatus
	// PeerStatus is one peer of one context in a Status.
	PeerStatus = messages.PeerStatus
	// RelayUse is a relay that the node uses.
	RelayUse = messages.RelayUse
	// PathStatus is the path of a channel and why it is that one.
	PathStatus = messages.PathStatus
	// AttemptStatus is an AttemptBudget as it stands.
	AttemptStatus = messages.AttemptStatus
	// RelayStatus is how a relay stands.
	RelayStatus = messages.RelayStatus
)

// FactApplication is the lowest type of a fact of the host's own.
const FactApplication = messages.FactApplication

// MaxFactBody is the greatest body of a fact, in bytes.
const MaxFactBody = messages.MaxPlaintext

// RelayStateRegistered is RelayUse.State where peers reach the node.
const RelayStateRegistered = messages.RelayStateRegistered

// MaxTicketLifetime is the longest that a ticket may be used.
const MaxTicketLifetime = messages.MaxTicketLifetime

// The kinds of path.
const (
	PathRelay  = messages.PathRelay
	PathDirect = messages.PathDirect
)

// The exit codes of the command line, as Problem.Code carries them.
const (
	ExitDone    = messages.ExitDone
	ExitFailed  = messages.ExitFailed
	ExitUsage   = messages.ExitUsage
	ExitWaiting = messages.ExitWaiting
	ExitNoNode  = messages.ExitNoNode
	ExitGaveUp  = messages.ExitGaveUp
)

// The kinds of event; Event says which fields each of them fills.
const (
	EventActorCrashed     = messages.EventActorCrashed
	EventActorRestarted   = messages.EventActorRestarted
	EventActorEscalated   = messages.EventActorEscalated
	EventActorQuarantined = messages.EventActorQuarantined
	EventActorStuck       = messages.EventActorStuck
	EventActorBlocked     = messages.EventActorBlocked
	EventActorOverloaded  = messages.EventActorOverloaded
	EventPathChanged      = messages.EventPathChanged
	EventChannelUp        = messages.EventChannelUp
	EventChannelDown      = messages.EventChannelDown
	EventNetworkChanged   = messages.EventNetworkChanged
	EventFactsSynced      = messages.EventFactsSynced
	EventClockAhead       = messages.EventClockAhead
	EventForked           = messages.EventForked
	EventFileReceived     = messages.EventFileReceived
	EventBudgetReset      = messages.EventBudgetReset
)

// Printable makes a text that a peer chose safe for a terminal.
func Printable(text string) string { return messages.Printable(text) }
