package actors

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/waymeet/waymeet/actors/tree"
	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/supervision"
)

// treeConfig is what the supervision tree needs of the node.
func (n *Node) treeConfig() supervision.Config {
	config := supervision.Config{Logger: n.log, Events: n.treeEvent, Seed: n.config.Seed}
	if n.config.Chaos != nil || n.config.Debug {
		config.Chaos = nodeChaos{n}
	}
	return config
}

// spec is the tree with the node's actors in it.
func (n *Node) spec() supervision.SupervisorSpec {
	return tree.Node{
		Intensity:    n.config.Intensity,
		KeepContexts: n.keepContexts, KeepRelays: n.keepRelays,
		Network: n.networkActor, Manager: n.managerActor, Inviter: n.inviterActor,
		Host: []supervision.Child{
			supervision.SupervisorSpec{Name: "host", Strategy: supervision.Dynamic, Intensity: boundless}.Child(),
			tree.Keeper("hostkeeper", n.keepHost),
		},
	}.Spec()
}

// spawnContext starts the subtree of one context.
func (n *Node) spawnContext(cx messages.ContextID) error {
	err := tree.Context{
		Intensity: n.config.Intensity,
		Store:     func() supervision.Actor[messages.JournalMessage] { return n.storeActor(cx) },
		Sync:      func() supervision.Actor[messages.JournalSyncMessage] { return n.syncActor(cx) },
		Publisher: func() supervision.Actor[messages.PublisherMessage] { return n.publisherActor(cx) },
	}.Spawn(n.tree(), cx)
	if err != nil && !errors.Is(err, supervision.ErrExists) {
		return fmt.Errorf("context %s: %w", cx.Short(), err)
	}
	return n.registerSlots(cx)
}

// treeEvent tells the host what happened in the tree.
func (n *Node) treeEvent(event supervision.Event) {
	switch e := event.(type) {
	case supervision.Crashed:
		n.publish(messages.Event{
			Kind: messages.EventActorCrashed, Actor: e.Crash.Path,
			Incarnation: uint64(e.Crash.Incarnation), Reason: e.Crash.Text,
		})
		n.lifeOver(e.Crash.Path)
	case supervision.Stopped:
		n.lifeOver(e.Exit.Path) // its supervisor began anew
	case supervision.Ended:
		n.hostActors.ended(e.Exit.Path)
	case supervision.Started:
		if e.Restarts > 0 {
			n.publish(messages.Event{
				Kind: messages.EventActorRestarted, Actor: e.Path, Incarnation: uint64(e.Incarnation),
			})
		}
	case supervision.Escalated:
		n.publish(messages.Event{
			Kind: messages.EventActorEscalated, Actor: e.Exit.Path,
			Incarnation: uint64(e.Exit.Incarnation), Reason: e.Exit.Error(),
		})
	case supervision.Quarantined:
		n.publish(messages.Event{
			Kind: messages.EventActorQuarantined, Actor: e.Path, Incarnation: uint64(e.Incarnation),
			Reason: fmt.Sprintf("%v; tried again in %v", e.Exit, e.For.Round(time.Second)),
		})
	case supervision.Stuck:
		n.publish(messages.Event{
			Kind: messages.EventActorStuck, Actor: e.Path, Incarnation: uint64(e.Incarnation),
			Reason: stuckReason(e),
		})
	case supervision.Blocked:
		n.publish(messages.Event{
			Kind: messages.EventActorBlocked, Actor: e.Path, Incarnation: uint64(e.Incarnation),
			Reason: fmt.Sprintf("at one %s for %v", cmp.Or(e.Message, "step"), e.For.Round(time.Second)),
		})
	case supervision.Overloaded:
		n.publish(messages.Event{
			Kind: messages.EventActorOverloaded, Actor: e.Path, Incarnation: uint64(e.Incarnation),
			Reason: fmt.Sprintf("%d messages wait, no more find room", e.Limit),
		})
	}
}

// stuckReason says for how long nobody heard of an actor, and what still runs.
func stuckReason(e supervision.Stuck) string {
	reason := fmt.Sprintf("no reaction within %v", e.Waited)
	if len(e.Tasks) > 0 {
		reason += ", it runs " + strings.Join(e.Tasks, ", ")
	}
	return reason
}

// lifeOver answers for an actor that can do so no more: a join is not started
// again, and what an inviter was asked it has forgotten.
func (n *Node) lifeOver(path string) {
	n.joinOver(path)
	if path == tree.AtInviter {
		n.invites.answerAll(inviteResult{err: errInviterDied})
	}
}
