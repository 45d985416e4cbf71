// Package store keeps what must survive on disk: one database a context (its
// journal), one for the node, the identity key, and the lock of the state
// directory (SPEC 3.5; docs/operating.md says which file is what).
//
// It takes and gives plain records and knows nothing of their meaning, with one
// exception: whoever reads a fact says its id, and gets that fact or an error. It
// imports messages, bbolt and the operating system, never rendezvous or actors.
//
// bbolt writes, and keeps the pages that somebody reads. Reading is our own: each
// page and record is looked at when it is read, because bbolt trusts them, and a
// disk may change them at any time.
//
// Start reading at directory.go, which opens what the others are; store.go is a
// journal's database, record.go its format, change.go writes it, read.go and
// reader.go read it; verify.go and structure.go look at all of it when a file is
// opened. The node's own database, node.go, is read then and never again.
package store
