package actors

import (
	"fmt"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/supervision"
)

// treeConfig is what the supervision tree needs of the node.
func (n *Node) treeConfig() supervision.Config {
	config := supervision.Config{Logger: n.log, Events: n.treeEvent, Seed: n.config.Seed}
	if n.config.Kill != nil || n.config.Debug {
		config.Kill = n.killAt
	}
	return config
}

// spec is the tree, as DESIGN draws it. Contexts come first: everything else
// reads what their journals say.
func (n *Node) spec() supervision.SupervisorSpec {
	intensity := n.config.Intensity
	return supervision.SupervisorSpec{
		Strategy:  supervision.RestForOne,
		Intensity: intensity,
		Children: []supervision.Child{
			supervision.SupervisorSpec{Name: "contexts", Strategy: supervision.Dynamic, Intensity: intensity}.Child(),
			n.keeperChild(),
			supervision.SupervisorSpec{
				Name: "network", Strategy: supervision.RestForOne, Intensity: intensity,
				Children: []supervision.Child{
					supervision.SupervisorSpec{Name: "relays", Strategy: supervision.Dynamic, Intensity: intensity}.Child(),
					n.networkChild(),
				},
			}.Child(),
			supervision.SupervisorSpec{
				Name: "channels", Strategy: supervision.RestForOne, Intensity: intensity,
				Children: []supervision.Child{
					supervision.SupervisorSpec{Name: "pairs", Strategy: supervision.Dynamic, Intensity: intensity}.Child(),
					supervision.SupervisorSpec{Name: "handshakes", Strategy: supervision.Dynamic, Intensity: intensity}.Child(),
					n.managerChild(),
				},
			}.Child(),
			supervision.SupervisorSpec{
				Name: "bootstrap", Strategy: supervision.OneForOne, Intensity: intensity,
				Children: []supervision.Child{
					supervision.SupervisorSpec{Name: "joins", Strategy: supervision.Dynamic, Intensity: intensity}.Child(),
					n.inviterChild(),
				},
			}.Child(),
		},
	}
}

// keeper starts the subtree of every context whose journal is open. It stands
// right behind their supervisor, so it runs again whenever that one did.
type keeper struct{ n *Node }

// keeperMessage is the keeper's inbox: nobody tells it anything.
type keeperMessage interface{ keeperMessage() }

func (n *Node) keeperChild() supervision.Child {
	return supervision.WorkerSpec[keeperMessage]{
		Name: "keeper",
		New:  func() supervision.Actor[keeperMessage] { return keeper{n} },
	}.Child()
}

// Start implements supervision.Actor.
func (k keeper) Start(c *supervision.Context[keeperMessage]) error {
	k.n.root.Store(c.Tree())
	for _, cx := range k.n.databases.all() {
		if err := k.n.spawnContext(cx); err != nil {
			return fmt.Errorf("context %s: %w", cx.Short(), err)
		}
	}
	return nil
}

// Receive implements supervision.Actor.
func (keeper) Receive(*supervision.Context[keeperMessage], keeperMessage) {}

// Stop implements supervision.Actor.
func (keeper) Stop(*supervision.Context[keeperMessage]) {}

// spawnContext starts the subtree of one context.
func (n *Node) spawnContext(cx messages.ContextID) error {
	err := n.tree().Spawn(atContexts, supervision.SupervisorSpec{
		Name: cx.String(), Strategy: supervision.RestForOne, Intensity: n.config.Intensity,
		Children: []supervision.Child{n.storeChild(cx), n.syncChild(cx), n.publisherChild(cx)},
	}.Child())
	if err != nil {
		return err
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
		n.joinCrashed(e.Crash.Path)
	case supervision.Started:
		if e.Restarts > 0 {
			n.publish(messages.Event{
				Kind: messages.EventActorRestarted, Actor: e.Path, Incarnation: uint64(e.Incarnation),
			})
		}
	}
}
