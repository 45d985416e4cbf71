// Package journal decides what one context knows: which facts are admitted,
// what they add up to, what becomes durable together, and how two members end
// with the same facts (SPEC chapters 3 and 13, 5.5).
//
// It holds two machines, neither safe for concurrent use:
//
//   - Journal, the only writer of a context. It admits, seals and charges, and
//     acknowledges nothing before the store has it on disk.
//   - Sync, the machine of the JournalSyncActor. It compares what two members
//     hold and moves what is missing.
//
// The package is pure: it imports messages, rendezvous and membership, and no
// clock, disk, lock or goroutine. Start reading at journal.go and sync.go;
// set.go and reduce.go hold the facts and their meaning, reconcile.go how two
// sets are compared.
package journal
