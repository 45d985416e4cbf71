// Package messages is the vocabulary of Waymeet: identifiers, generations,
// descriptors, facts, guard values, and the typed messages that the actors
// exchange, together with their canonical encoding.
//
// Everything here is a plain value. The package imports the standard library
// (never net, os, context, sync or log) and fxamacker/cbor, and nothing of
// Waymeet, so that every other package may import it.
//
// Start reading at ids.go and descriptor.go for the nouns, codec.go for how
// they become bytes, and channelmanager.go for what an inbox looks like: a
// sealed interface, one file an inbox.
package messages
