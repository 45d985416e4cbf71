// Package membership says who is in a context and with which keys: identities,
// the roster, the keys of an epoch, and how an epoch is founded, opened and
// handed to a new member (SPEC chapters 1 and 2, 14.2).
//
// It is a foundation of the rules: it imports messages and cryptography, and
// everything under rendezvous may import it. It reads no clock and keeps no
// state. Randomness comes in, with one exception that the standard library
// forces: crypto/hpke draws the ephemeral key of a wrap itself.
//
// Start reading at roster.go and keys.go; epoch.go makes and reads the ops.
package membership
