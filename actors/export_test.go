package actors

import "github.com/waymeet/waymeet/supervision"

// Inspect lists the actors of a node, supervisors too.
func (n *Node) Inspect() []supervision.ActorInfo { return n.tree().Inspect() }

// Kill kills the actors of a relay.
func (r *Relay) Kill(pattern string) int { return r.tree.Kill(pattern) }
