package actors

import (
	"errors"

	"github.com/waymeet/waymeet/supervision"
)

// keepContexts starts the subtree of every context whose journal is open. Its
// keeper is the first actor that starts: from then on the node knows its tree.
func (n *Node) keepContexts(t *supervision.Tree) error {
	n.root.Store(t)
	var errs []error
	for _, cx := range n.databases.all() {
		errs = append(errs, n.spawnContext(cx))
	}
	return errors.Join(errs...)
}

// keepRelays starts the client of every relay that is used.
func (n *Node) keepRelays(*supervision.Tree) error {
	n.relays.mu.Lock() // a use that is left meanwhile must not come back
	defer n.relays.mu.Unlock()
	var errs []error
	for _, use := range n.relays.uses {
		errs = append(errs, n.spawnRelay(use))
	}
	return errors.Join(errs...)
}
