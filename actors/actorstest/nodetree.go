package actorstest

import (
	"errors"
	"time"

	"github.com/waymeet/waymeet/actors/tree"
	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/channel"
	"github.com/waymeet/waymeet/rendezvous/rendezvoustest"
	"github.com/waymeet/waymeet/supervision"
)

// Intensity is that of all supervisors: so high that no storm ends a node.
var Intensity = supervision.Intensity{Restarts: 1_000_000, Within: time.Second}

// nodeTree is the supervision tree of one process. It implements
// rendezvoustest.Tree.
type nodeTree struct {
	stage *stage
	node  string
	tree  *supervision.Tree
	// newest is the last life that began at each path.
	newest map[string]supervision.Incarnation
	// died is whom to tell of a crash at a path.
	died   map[string]func()
	halted bool
}

// Start implements rendezvoustest.Tree.
func (t *nodeTree) Start(m rendezvoustest.Machines) {
	keep := func(spawn func()) func(*supervision.Tree) error {
		return func(*supervision.Tree) error {
			if !t.halted {
				spawn()
			}
			return nil
		}
	}
	t.died = map[string]func(){}
	launched, err := supervision.Launch(supervision.Config{
		Events: t.event, BlockedAfter: -1, Seed: t.stage.seed, Chaos: t, Runtime: t.stage,
	}, tree.Node{
		Intensity:    Intensity,
		KeepContexts: keep(m.KeepContexts), KeepRelays: keep(m.KeepRelays),
		Network: host(t, tree.AtNetwork, m.Network),
		Manager: host(t, tree.AtManager, m.Manager),
		Inviter: host(t, tree.AtInviter, m.Inviter),
	}.Spec())
	if err != nil {
		panic("actorstest: " + err.Error()) // the tree is the same for every node
	}
	t.tree = launched
	adopt(t, tree.AtNetwork, m.Network)
	adopt(t, tree.AtManager, m.Manager)
	adopt(t, tree.AtInviter, m.Inviter)
}

// SpawnContext implements rendezvoustest.Tree.
func (t *nodeTree) SpawnContext(
	cx messages.ContextID, store *rendezvoustest.JournalHost, sync *rendezvoustest.SyncHost, publisher *rendezvoustest.PublisherHost,
) {
	adopt(t, tree.AtStore(cx), store)
	adopt(t, tree.AtSync(cx), sync)
	adopt(t, tree.AtPublisher(cx), publisher)
	t.spawned(tree.Context{
		Intensity: Intensity,
		Store:     host(t, tree.AtStore(cx), store),
		Sync:      host(t, tree.AtSync(cx), sync),
		Publisher: host(t, tree.AtPublisher(cx), publisher),
	}.Spawn(t.tree, cx))
}

// SpawnPair implements rendezvoustest.Tree.
func (t *nodeTree) SpawnPair(pair channel.Pair, h *rendezvoustest.PairHost) {
	adopt(t, tree.AtPair(pair), h)
	t.spawned(tree.SpawnPair(t.tree, pair, host(t, tree.AtPair(pair), h)))
}

// SpawnHandshaker implements rendezvoustest.Tree.
func (t *nodeTree) SpawnHandshaker(id messages.AttemptID, h *rendezvoustest.ShakerHost) {
	adopt(t, tree.AtHandshake(id), h)
	t.spawned(tree.SpawnHandshake(t.tree, id, host(t, tree.AtHandshake(id), h)))
}

// SpawnRelay implements rendezvoustest.Tree.
func (t *nodeTree) SpawnRelay(name string, h *rendezvoustest.RelayHost) {
	adopt(t, tree.AtRelay(name), h)
	t.spawned(tree.SpawnRelay(t.tree, name, host(t, tree.AtRelay(name), h)))
}

// SpawnJoin implements rendezvoustest.Tree.
func (t *nodeTree) SpawnJoin(name string, h *rendezvoustest.JoinerHost) {
	adopt(t, tree.AtJoin(name), h)
	if err := tree.SpawnJoin(t.tree, name, host(t, tree.AtJoin(name), h)); err != nil {
		t.spawned(err)
		t.over(tree.AtJoin(name)) // nobody makes up for it
	}
}

// spawned takes in how a spawn went. Who runs already is left alone; while the
// supervisor is down nobody can be spawned, and its keeper makes up for it.
func (t *nodeTree) spawned(err error) {
	if err != nil && !errors.Is(err, supervision.ErrExists) && !errors.Is(err, supervision.ErrStopped) {
		t.stage.world.Fault("%s: %v", t.node, err)
	}
}

// Halt implements rendezvoustest.Tree: what is left of the process does nothing
// any more, and is cleared away.
func (t *nodeTree) Halt() {
	t.halted = true
	t.tree.Shutdown()
}

// At implements supervision.Chaos.
func (t *nodeTree) At(p supervision.Point) bool {
	if t.halted {
		return false
	}
	t.stage.trace.point(t.node, p)
	return t.stage.chaos.At(t.node, p)
}

// Told implements supervision.Chaos.
func (*nodeTree) Told(supervision.Delivery) supervision.Fate { return supervision.Fate{} }

// event takes in what happens in the tree. Nobody may crash whom nobody killed,
// nobody may be stuck, and nothing may end a node.
func (t *nodeTree) event(event supervision.Event) {
	switch e := event.(type) {
	case supervision.Crashed:
		if !e.Crash.Killed && !t.halted {
			t.stage.world.Fault("%s: %s crashed by itself (%s %s): %s", t.node, e.Crash.Path, e.Crash.Phase, e.Crash.Message, e.Crash.Text)
		}
		t.over(e.Crash.Path)
	case supervision.Stopped:
		t.over(e.Exit.Path)
	case supervision.Stuck:
		t.stage.world.Fault("%s: %s did not stop within %s", t.node, e.Path, e.Waited)
	case supervision.Escalated:
		t.stage.world.Fault("%s: %v", t.node, e.Exit)
	case supervision.Quarantined:
		t.stage.world.Fault("%s: %s is in quarantine: %v", t.node, e.Path, e.Exit)
	}
}

// over tells who waits for an actor that one of its lives has ended.
func (t *nodeTree) over(path string) {
	if died := t.died[path]; died != nil && !t.halted {
		died()
	}
}
