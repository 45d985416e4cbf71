// Package rendezvous holds the rules by which authorities that share a context
// find each other: what a valid descriptor is, who may be called and how, when
// to publish again, and what each of it costs (SPEC chapters 4 to 6).
//
// Everything here is pure. RendezvousService prepares operations over a
// snapshot and returns what to do; Publisher is a machine that says when to
// publish; View is the snapshot of one context. Nothing waits, sends, stores
// or looks at a clock. The package imports messages, rendezvous/membership and
// rendezvous/guard; its other children import it and never each other.
//
// Start reading at service.go, then view.go, establish.go and catchup.go.
package rendezvous
