// Package tree is the supervision tree of a node without its actors: who stands
// where, in which order, and what becomes of it after a crash. Package actors
// puts the real ones into it, and the simulation of whole nodes those that it
// plays, so the two cannot differ.
//
// It imports messages, rendezvous/channel and supervision. Start reading at
// Node.Spec; actors/doc.go draws it.
package tree
