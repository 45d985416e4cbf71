// Package discovery holds the machines by which nodes that share no context
// yet come together: the Inviter, which owns all tickets of a node, and the
// Joiner, one attempt to use a ticket (SPEC 14.1, 14.2).
//
// Both are pure: they import messages, the foundation membership and
// cryptography of the standard library; they read no clock and draw no
// randomness but from the source in their configuration. Who they deal with is
// no peer: nothing here enters a context before a claim is answered.
//
// Start reading at inviter.go and joiner.go; script_test.go tells the whole
// story of one ticket.
package discovery
