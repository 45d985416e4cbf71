package waymeet

import (
	"github.com/waymeet/waymeet/actors"
	"github.com/waymeet/waymeet/supervision"
)

// Supervise starts an actor of the host's own in the node's supervision tree, at
// /host/NAME; make the child with supervision.WorkerSpec, or
// supervision.SupervisorSpec for several that belong together. It reaches the
// node through whatever its New closes over, and is told things through the
// address that Actor gives. docs/supervision.md is the contract; in short:
//
// A panic in the actor, or in a task of it, never reaches the host program: a
// new life of the actor begins. Nothing of the node notices. An actor that
// crashes more often than its intensity allows, 3 times in 60 s if it says
// nothing, is quarantined, alone: that is told by EventActorQuarantined and by
// the logger, and it is tried again after a while.
//
// Stop stops the host's actors before anything of the node, and when a part of
// the node that they may use is started again, so are they.
//
// Supervise does not wait for the start; one that fails is like a crash. Its
// errors are those of supervision.Tree.Spawn: supervision.ErrExists while the
// name lives.
func (n *Node) Supervise(child supervision.Child) error { return n.node.Supervise(child) }

// Dismiss stops what Supervise started by that name, without waiting for it.
// Actors below it belong to the host's own supervisor there.
func (n *Node) Dismiss(name string) error { return n.node.Dismiss(name) }

// Actor is the address of an actor of the host's own: of one that Supervise
// started its name, of one below it the path from there, "room/log". It is good
// over restarts, and before the actor is there.
func Actor[M any](n *Node, name string) supervision.Ref[M] {
	return actors.HostActor[M](n.node, name)
}

// Report is all that the node's supervision tree tells of itself, for metrics
// and for reports of defects: every actor as it stands, the last crashes, and
// totals. No message is in it.
func (n *Node) Report() supervision.Report { return n.node.Report() }
