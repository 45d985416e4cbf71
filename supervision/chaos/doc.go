// Package chaos makes things go wrong in a supervision tree, on purpose and by
// a seed: actors die, messages are lost, late, or come twice.
//
// A Plan is a list of rules, built or read from text; an Injector follows it
// within a tree (supervision.Config.Chaos), and tells afterwards what it did: its
// kills as a plan that kills in the same steps again (Injector.Kills). What it
// did to messages is not in that plan. A Storm needs no preparation: it kills the
// actors of a running tree in turn, and measures how soon each is back.
//
// It imports supervision and the standard library. Start reading at Rule.
package chaos
