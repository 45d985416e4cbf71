// Package supervision runs actors in a tree and decides what happens after a
// panic. It sits on the actor package of protoactor-go (process identity,
// scheduling of mailboxes, life cycle) and lets none of its types out. It knows
// nothing of rendezvous: a host program may hang its own actors in the tree.
//
// # The contract
//
// An actor is a path ("/channels/peer/k1"), a mailbox and, most of the time, a
// life. A life is one incarnation of the actor: it begins with a new value from
// the actor's constructor, and ends by a clean stop or by a crash. Path and
// mailbox survive a crash, the value never does. Every life has a number that
// is greater than that of every earlier life in the whole tree, so a number may
// fence what an earlier life left behind.
//
// One message at a time: Start, Receive and Stop of one actor never run
// concurrently. When one of them panics, when it calls runtime.Goexit, when a
// task of the life panics, or when Start returns an error, the life is over and
// its supervisor decides. The message at hand is lost; all others stay in the
// mailbox and wait for the next life. A crash is reported once, with the stack
// of the panic, and never with the content of a message.
//
// Timers, tasks and monitors belong to a life. When it ends they are
// cancelled, and what they still deliver is dropped and counted: nothing of a
// dead life reaches the next one.
//
// A mailbox has two lanes. Messages of users are bounded, and Tell says
// ErrMailboxFull at once instead of waiting. Orders of the supervisor, timers
// and monitors have a lane of their own that goes first, so that a flooded
// actor can still be stopped.
//
// A supervisor starts its children in order, each after the one before has
// acknowledged, and stops them in reverse. A child is Permanent (always
// restarted), Transient (restarted after a crash) or Temporary (never). After a
// crash the strategy says who goes with it: OneForOne the child alone,
// RestForOne the child and those after it, AllForOne everyone. A Dynamic
// supervisor begins empty; its children come by Tree.Spawn, are independent of
// each other, and are gone when the supervisor restarts.
//
// The first restart is immediate, later ones wait longer and longer, with
// jitter from the tree's seed; after a life so long that crashes at that rate
// stay within the intensity, the count begins anew: such a life is healthy. More
// restarts than the intensity allows, of one child or of all together, and the
// supervisor ends itself: its own supervisor now decides, up to the root. When
// the root gives up the tree stops cleanly, and Tree.Err returns the chain of
// reasons, down to who crashed first.
//
// Under a Dynamic supervisor the intensity is counted per child, and a child
// beyond it is quarantined alone. It keeps its path and its mailbox, in which
// messages wait, and monitors hear that it may live again. After the span of its
// intensity, ± 25 %, it is half-open: one life is tried. If that crashes before
// it was healthy, the next quarantine is twice as long, up to an hour; if it was
// healthy, all is forgiven. A supervisor ends itself when more different
// children than its intensity allows came into quarantine within its span.
// Relapses do not count, a name counts once, and one child is always allowed: a
// single bad key never ends its supervisor. Temporary children never come back,
// so they never come into quarantine; Tree.StopChild removes who is there.
//
// A child may be Significant, if it is not Permanent: when it ends for good by
// itself, its supervisor stops the others in reverse order and ends too. If the
// child ended normally so does the supervisor, else it fails; what follows is
// its own supervisor's to decide. Under Tree.StopChild, or for a sibling's sake,
// a child does not end by itself.
//
// Nothing waits for ever. A child that does not acknowledge its start or does
// not stop in time is abandoned: it is reported by name as Stuck, fenced, and
// its place is taken by a new one. Go cannot end the goroutine of a stuck
// actor; it is the only one that can outlive the tree.
//
// # Where to start reading
//
// Who wants a tree: WorkerSpec and SupervisorSpec say who is in it, Start runs it,
// Actor and Context are what one writes, Ref.Tell and Ask how one talks to it.
// The package example is a whole program.
//
// Who wants to change it: shell.go (a machine becomes an actor) and context.go
// (what an actor may do); then crew.go, the pure machine behind every supervisor, with strategy.go,
// intensity.go, backoff.go and crew_quarantine.go; then cell.go, worker.go and
// supervisor.go, which carry out its orders. The package may import
// protoactor-go's actor package and the standard library, nothing of Waymeet.
package supervision
