// Package vault keeps what must outlive an actor: live QUIC connections with
// their links and streams, and small monotonic values such as attempt budgets
// and generations.
//
// Everything in it is a plain struct with a lock, owned by the node and not by
// any actor. Cells are saved under the incarnation of an actor; one that a newer
// incarnation has saved is closed to older ones, so that a dead actor's last
// task cannot undo what its successor did. Lines are not fenced: what is done to
// one may be done again, and an attempt that nobody adopts is freed.
//
// It imports messages and the other transport packages, never rendezvous and
// never actors. Start reading at cells.go, then lines.go.
package vault
