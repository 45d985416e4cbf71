// Package actorstest plays whole nodes under supervision: the machines and the
// played world of rendezvoustest, in the tree of package tree, on one thread in
// virtual time. Actors are real supervision.Hosts that are killed everywhere and
// all the time; what happens follows from a seed, step by step.
//
// A Run is one such life of several nodes: a storm, in which a Plan or the seed
// says who dies when, and a calm, in which all must become well again. What
// never may happen is found by the audit of rendezvoustest, and by who runs the
// actors here: a panic that nobody asked for, an effect of a life that is over,
// an actor that does not stop. A plan that ends badly is shrunk to the kills
// that matter (shrink.go), and kept in testdata/chaos.
//
// It is support for tests. It imports rendezvoustest, actors/tree, supervision
// and its virtual runtime. Start reading at run.go; stage.go joins the two
// worlds.
package actorstest
