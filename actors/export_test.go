package actors

import "github.com/waymeet/waymeet/supervision"

// Inspect lists the actors of a node, supervisors too.
func (n *Node) Inspect() []supervision.ActorInfo { return n.tree().Inspect() }
