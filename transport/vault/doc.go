// Package vault keeps what must outlive an actor: live QUIC connections with
// their links and streams, and small monotonic values such as attempt budgets
// and generations.
//
// Everything in it is a plain struct with a lock, owned by the node and not by
// any actor. An actor works on an entry under its incarnation; an entry that a
// newer incarnation has touched is closed to older ones, so that a dead
// actor's last task cannot undo what its successor did.
//
// It imports messages and the other transport packages, never rendezvous and
// never actors. Start reading at cells.go, then lines.go.
package vault
