// Package channel decides which channels a node holds: SecureChannel is what
// is known of one of them, ChannelManager finds them, and Manager is the
// machine that wants a channel with every peer of every context, calls them,
// answers their calls, and keeps exactly one a pair (SPEC 6.2, 6.3, chapter 8).
//
// It imports messages, rendezvous and rendezvous/membership. It reads no
// clock, draws jitter from a seed that it is given, and touches neither keys
// in use nor bytes: those live in the transport and outlive every actor.
//
// Start reading at manager.go; then the life of a channel in the order in which
// it happens: want.go, dial.go, answer.go, complete.go,
// catchup.go, close.go.
package channel
