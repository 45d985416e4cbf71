// Package offline looks into the journals of a node that does not run, and moves
// facts in and out of them: what is there, is it sound, a canonical copy, and
// back. It holds the lock of the state directory, so that no node starts
// meanwhile.
//
// It drives the machine journal.Journal without an actor: no clock ticks, no peer
// is there, and nothing is signed. It may import what actors may. Start reading at
// journals.go.
package offline
