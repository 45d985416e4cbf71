// Package store keeps what must survive on disk: one database a context (its
// journal), one for the node, the identity key, and the lock of the state
// directory (SPEC 3.5; DESIGN: "Store format").
//
// It takes and gives plain records and knows nothing of their meaning, with one
// exception: whoever reads a fact says its id, and gets that fact or an error. It imports messages,
// bbolt and the operating system, never rendezvous or actors.
//
// Start reading at store.go; file.go is the format, verify.go the distrust of
// the disk.
package store
